//! A role's journal, as `lockstep::store` says it behaves: conditional appends, conditional changes of phase.

use std::collections::BTreeMap;

use lockstep::party::replay;
use lockstep::store::{Change, Phase, StoredBatch};
use lockstep_protocol::ChannelId;
use lockstep_protocol::PaymentNumber;
use lockstep_protocol::payment::{Head, Payment};

/// The change does not follow from what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conflict;

/// A channel as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) phase: Phase,
    pub(crate) head: Head,
    pub(crate) payments: Vec<Payment>,
    pub(crate) ending: String,
    pub(crate) proof: Option<Vec<u8>>,
}

/// What is durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    channels: BTreeMap<ChannelId, Stored>,
    /// Planted: appends are not conditional on the phase.
    pub(crate) heedless: bool,
}

impl Journal {
    pub(crate) fn channel(&self, id: ChannelId) -> Option<&Stored> {
        self.channels.get(&id)
    }

    /// The stored payment of a number.
    pub(crate) fn payment(&self, id: ChannelId, number: PaymentNumber) -> Option<&Payment> {
        self.channels.get(&id)?.payments.iter().find(|payment| payment.number() == number)
    }

    /// Makes a change durable.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<(), Conflict> {
        match change {
            Change::Create(new) => {
                let head = replay::decode_head(&new.head).map_err(|_| Conflict)?;
                let stored = Stored {
                    phase: new.phase,
                    head,
                    payments: Vec::new(),
                    ending: String::new(),
                    proof: None,
                };
                self.channels.entry(new.channel).or_insert(stored);
            }
            Change::Append(append) => {
                let heedless = self.heedless;
                let stored = self.channels.get_mut(&append.channel).ok_or(Conflict)?;
                let follows = stored.head.number().next() == Some(append.first);
                if !follows || (stored.phase != Phase::Open && !heedless) {
                    return Err(Conflict);
                }
                stored.payments.extend(paid(change));
                stored.head = replay::decode_head(&append.head).map_err(|_| Conflict)?;
            }
            Change::Advance(advance) => {
                let stored = self.channels.get_mut(&advance.channel).ok_or(Conflict)?;
                let still = advance.at.is_none_or(|at| at == stored.head.number());
                if stored.phase != advance.from || !still {
                    return Err(Conflict);
                }
                stored.phase = advance.to;
                if let Some(ending) = &advance.ending {
                    stored.ending.clone_from(ending);
                }
                if let Some(evidence) = &advance.evidence {
                    stored.proof = Some(evidence.bytes.clone());
                }
            }
            Change::Receipts(_) => {}
        }
        Ok(())
    }
}

/// The payments of an append, in order.
pub(crate) fn paid(change: &Change) -> Vec<Payment> {
    let Change::Append(append) = change else { return Vec::new() };
    let count = append.n.as_index() + 1 - append.first.as_index();
    let row = StoredBatch {
        first: append.first,
        count,
        before: append.before.clone(),
        records: append.records.clone(),
    };
    replay::payments(&row).expect("a role's own row")
}
