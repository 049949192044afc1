//! What state a channel is in, by the journal and by the ledger, and what can be done: in words.

use std::fmt;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState, FreezeReason, Standing};
use lockstep_protocol::payment::Head;
use lockstep_protocol::time::Timestamp;
use serde::Serialize;

use super::moment::Moment;
use super::refund::refundable_from;
use super::{Facts, Wallet, WalletError};
use crate::ledger::LedgerError;
use crate::party::replay;
use crate::store::{Phase, StoredChannel};

/// What the ledger says of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", untagged)]
pub enum Seen {
    /// A record in this state.
    State(ChannelState),
    /// No record, or no answer.
    Otherwise(NotSeen),
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => state.fmt(f),
            Self::Otherwise(NotSeen::None) => f.write_str("none"),
            Self::Otherwise(NotSeen::Unknown) => f.write_str("unknown"),
        }
    }
}

/// Why no state is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotSeen {
    /// The own peer has no record.
    None,
    /// The ledger cannot be asked.
    Unknown,
}

/// One channel, looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The channel.
    pub channel: ChannelId,
    /// Its phase in the journal.
    pub phase: Phase,
    /// What the ledger says.
    pub ledger: Seen,
    /// What that means, and what can be done.
    pub advice: String,
}

/// What an advice is made from.
struct Case<'a> {
    channel: ChannelId,
    phase: Phase,
    facts: &'a Facts,
    head: &'a Head,
    now: Timestamp,
}

impl Wallet {
    /// Looks at a channel of the journal and at its record. Changes nothing.
    ///
    /// # Errors
    /// The journal is damaged. A ledger that does not answer is a finding, no error.
    pub async fn examine(&self, stored: &StoredChannel) -> Result<Finding, WalletError> {
        let facts: Facts = replay::decode_note(&stored.facts)?;
        let head = replay::decode_head(&stored.head)?;
        let channel = stored.channel;
        let case = Case { channel, phase: stored.phase, facts: &facts, head: &head, now: self.clock.now() };
        let (ledger, advice) = match self.ledger.channel(channel).await {
            Ok(Some(record)) => (Seen::State(record.state()), case.recorded(&record)),
            Ok(None) => (Seen::Otherwise(NotSeen::None), case.not_recorded()),
            Err(error) => (Seen::Otherwise(NotSeen::Unknown), unknown(&error)),
        };
        Ok(Finding { channel, phase: stored.phase, ledger, advice })
    }
}

fn unknown(error: &LedgerError) -> String {
    format!("The ledger cannot be asked: {error}. Ask again when it can; until then nothing is lost.")
}

fn reason(reason: FreezeReason) -> &'static str {
    match reason {
        FreezeReason::FraudProof => "the vendor has proven that a lock of this client is bad",
        FreezeReason::VendorConduct => "for the vendor's conduct",
        FreezeReason::CourtOrder => "on the order of a court",
    }
}

impl Case<'_> {
    fn not_recorded(&self) -> String {
        let (channel, open_by) = (self.channel, self.facts.given.opening().terms().open_by);
        if self.phase == Phase::Stopped {
            return format!(
                "This wallet comes from a copy, and signs nothing on it. The ledger does not have it; unless that comes by {}, the bank cancels it and frees the reserve by itself. There is nothing to do.",
                Moment(open_by)
            );
        }
        if self.phase != Phase::Granted {
            return "The own peer has no record of it: it lags, or the profile names another network. Nothing is signed before it has."
                .to_owned();
        }
        if self.now <= open_by {
            return format!(
                "The bank has signed the opening, and the ledger does not have it yet. `lockstep client pay {channel}` submits it, until {}.",
                Moment(open_by)
            );
        }
        "The ledger was not told in time and takes this opening no more. The bank cancels it and frees the reserve by itself; there is nothing to do.".to_owned()
    }

    fn recorded(&self, record: &ChannelRecord) -> String {
        if record.opening() != self.facts.given.opening() {
            return "The ledger's record is not the opening that the bank gave: do not use it, and ask the bank."
                .to_owned();
        }
        match record.standing() {
            Standing::Open => self.open(record),
            Standing::Cancelled => {
                "It never opened; the bank has freed the reserve. There is nothing to do.".to_owned()
            }
            Standing::Refunded(_) => {
                "It is refunded: everything came back. There is nothing to do.".to_owned()
            }
            Standing::Frozen(freeze) => format!(
                "The bank has frozen it ({}) and withholds the total. The vendor may still claim what was paid; the bank resolves the rest after {}. There is no refund; ask the bank for its reason.",
                reason(freeze.reason),
                Moment(record.opening().terms().expiry)
            ),
            Standing::Claimed(..) => format!(
                "It is frozen, and the vendor has its claim{}. The rest is withheld until the bank resolves it; there is nothing to do.",
                self.shares(record)
            ),
            Standing::ClosedByRelease(_) | Standing::ClosedByToken(_) | Standing::Resolved(..) => {
                format!("It is over{}. {}", self.shares(record), self.judged(record))
            }
        }
    }

    fn open(&self, record: &ChannelRecord) -> String {
        let channel = self.channel;
        let expiry = record.opening().terms().expiry;
        let from = refundable_from(record).unwrap_or(expiry);
        let paid =
            format!("{} payments, {} units", self.head.number().as_index(), self.head.released().as_count());
        if self.now >= from {
            return format!(
                "It has expired, and nobody has closed it ({paid} were signed). `lockstep client refund {channel}` brings everything back; the bank does the same by itself somewhat later."
            );
        }
        let refund = format!(
            "`lockstep client refund {channel}` brings back what no close has taken from {}",
            Moment(from)
        );
        if self.now >= expiry {
            return format!("It has expired ({paid} were signed). {refund}.");
        }
        match self.phase {
            Phase::Granted | Phase::Open => format!(
                "{paid} were signed. Pay on it, or settle it: `lockstep client release {channel}`. Should the vendor be gone, {refund}."
            ),
            Phase::Released => format!(
                "The last payment is released, and the vendor has not closed yet ({paid}). `lockstep client release {channel}` gives it the same release again; otherwise {refund}."
            ),
            Phase::Stopped => format!(
                "This wallet comes from a copy, or the vendor has another last payment than its journal ({paid}): nothing is signed on it ever again. The vendor can close with what it has; {refund}."
            ),
            _ => format!(
                "The journal says that it is over, and the own peer still shows it open: the peer lags. Look again; {refund}."
            ),
        }
    }

    /// Who got what.
    fn shares(&self, record: &ChannelRecord) -> String {
        let terms = record.opening().terms();
        let units = match record.standing() {
            Standing::ClosedByRelease(release) => release.fields.released,
            Standing::Resolved(_, _, resolve) => resolve.units,
            _ => record.claim().map(|claim| claim.units).unwrap_or_default(),
        };
        let vendor = record.opening().worth(units).unwrap_or_default();
        let rest = terms.total.checked_sub(vendor).unwrap_or_default();
        let rest = if record.state() == ChannelState::Claimed {
            format!("{} are withheld", rest.to_dollars())
        } else {
            format!("{} came back", rest.to_dollars())
        };
        format!(": {} units, {} dollars to the vendor, {rest}", units.as_count(), vendor.to_dollars())
    }

    /// Whether an ending took more than this wallet has signed.
    fn judged(&self, record: &ChannelRecord) -> &'static str {
        let closed = match record.standing() {
            Standing::ClosedByRelease(release) => release.fields.released,
            _ => record.claim().map(|claim| claim.units).unwrap_or_default(),
        };
        if closed > self.head.released() {
            "That is more than this journal has signed: another copy of this wallet has paid as well, or somebody has its seed."
        } else {
            "There is nothing to do."
        }
    }
}
