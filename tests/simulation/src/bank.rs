//! The bank: a model of its books, with the protocol's postings and the bank's own keeper [`lockstep::bank::keeper::next_step`].

use std::collections::BTreeSet;

use lockstep::bank::books::Decisions;
use lockstep::bank::keeper::{Step, View, next_step};
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::ledger::{
    Cancel, ChannelRecord, ChannelState, Freeze, FreezeReason, Refund, Resolve, Standing,
};
use lockstep_protocol::posting::{BankView, Movement, PostingError, Pot, Rechecked, recheck};
use lockstep_protocol::{Amount, EvidenceHash, Timestamp};

use crate::cache::Cache;
use crate::fixture::{CHANNELS, DEPOSIT, DRIFT, OPEN_BY, START, fixture};
use crate::ledger::{Command, Ledger};

/// What [`recheck`] gives by the times of record and claim, and the bank's clock where that counts; else it depends on the record.
static RECHECKED: Cache<Moment, ChannelRecord, Result<Rechecked, PostingError>> = Cache::new();

type Moment = (ChannelState, Timestamp, Option<Timestamp>, Option<Timestamp>);

/// The bank's clock, if it counts: nobody signs a cancellation or a refund, so that the bank goes by its own clock [Spec §9].
fn counted(record: &ChannelRecord, now: Timestamp) -> Option<Timestamp> {
    matches!(record.standing(), Standing::Cancelled | Standing::Refunded(_)).then_some(now)
}

/// What the books hold for one channel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    /// The opening is in the books: its total is reserved.
    pub(crate) granted: bool,
    pub(crate) reserved: i128,
    pub(crate) withheld: i128,
    /// What has left reserve and withheld.
    pub(crate) freed: i128,
    pub(crate) to_vendor: i128,
    posted: BTreeSet<ChannelState>,
    claim: Amount,
    decisions: Decisions,
}

/// The books, each change of which is one transaction.
#[derive(Debug, Clone)]
pub(crate) struct Books {
    pub(crate) client: i128,
    pub(crate) vendor: i128,
    pub(crate) channels: [Book; CHANNELS],
    next_event: usize,
    pub(crate) alarm: bool,
}

/// The bank.
#[derive(Debug)]
pub(crate) struct Bank {
    pub(crate) alive: bool,
    pub(crate) books: Books,
    /// The log of openings, outside the backup cycle.
    log: BTreeSet<usize>,
    /// Planted: an event that is read again is posted again.
    pub(crate) forgetful: bool,
    /// Planted: a reserve is freed without the ledger's word.
    pub(crate) generous: bool,
    /// Planted: what goes back to the client is paid to the vendor.
    pub(crate) lavish: bool,
}

impl Default for Bank {
    fn default() -> Self {
        let books = Books {
            client: DEPOSIT.into(),
            vendor: 0,
            channels: Default::default(),
            next_event: 0,
            alarm: false,
        };
        Self { alive: true, books, log: BTreeSet::new(), forgetful: false, generous: false, lavish: false }
    }
}

fn total(channel: usize) -> i128 {
    fixture().opening(channel).opening().terms().total.as_micros().into()
}

impl Bank {
    /// Reserves the total and signs; the same again is the same answer. Whether there is one.
    pub(crate) fn grant(&mut self, channel: usize, now: Timestamp) -> bool {
        if self.books.channels.get(channel).is_some_and(|book| book.granted) {
            return true;
        }
        if now.as_unix_millis() > START + OPEN_BY || self.books.client < total(channel) {
            return false;
        }
        self.reserve(channel);
        // The opening leaves the bank only when it stands in the log.
        self.log.insert(channel);
        true
    }

    fn reserve(&mut self, channel: usize) {
        let Some(book) = self.books.channels.get_mut(channel) else { return };
        book.granted = true;
        book.reserved += total(channel);
        self.books.client -= total(channel);
    }

    /// Starts from a copy of the books: the log says what was signed since.
    pub(crate) fn restore(&mut self, books: Books) {
        self.books = books;
        self.alive = true;
        for channel in self.log.clone() {
            if self.books.channels.get(channel).is_some_and(|book| !book.granted) {
                self.reserve(channel);
            }
        }
    }

    /// Reads the next event, or the last one again, and posts it with the checkpoint.
    pub(crate) fn post(&mut self, ledger: &Ledger, now: Timestamp, again: bool) {
        let at = if again { self.books.next_event.checked_sub(1) } else { Some(self.books.next_event) };
        let Some((channel, change)) = at.and_then(|at| ledger.events.get(at)) else { return };
        let (channel, change) = (*channel, *change);
        if !again {
            self.books.next_event += 1;
        }
        let forgetful = self.forgetful;
        let (Some(record), Some(book)) = (ledger.record(channel), self.books.channels.get_mut(channel))
        else {
            return;
        };
        if !book.posted.insert(change.state) && !forgetful {
            return;
        }
        let fixture = fixture();
        let view = BankView {
            bank_key: fixture.bank.public_key(),
            ledger: &fixture.ledger,
            drift: fixture.drift,
            now,
        };
        let claimed = record.claim().map(|claim| claim.ts);
        let moment = (record.state(), record.ts(), claimed, counted(record, now));
        let rechecked = RECHECKED.get(moment, record, || recheck(record.clone(), view));
        let judged = rechecked.and_then(|rechecked| rechecked.movements(&change, book.claim));
        match judged {
            Ok(movements) => {
                if change.state == ChannelState::Claimed {
                    book.claim = change.to_vendor;
                }
                for movement in &movements {
                    let back = self.lavish && movement.to == Pot::ClientBalance;
                    let to = if back { Pot::VendorBalance } else { movement.to };
                    self.books.enter(channel, &Movement { to, ..*movement });
                }
            }
            Err(_) => self.books.alarm = true,
        }
    }

    /// Whether it has read every event.
    pub(crate) fn has_read(&self, ledger: &Ledger) -> bool {
        self.books.next_event >= ledger.events.len()
    }

    /// Takes a fraud proof; one that convicts has the channel frozen.
    pub(crate) fn take_proof(&mut self, channel: usize, bytes: &[u8]) {
        let Ok(proof) = FraudProof::decode(bytes) else { return };
        if let Ok(evidence) = proof.verify(fixture().opening(channel)) {
            self.decide_freeze(channel, FreezeReason::FraudProof, evidence);
        }
    }

    /// Decides that a channel is to be frozen.
    pub(crate) fn decide_freeze(&mut self, channel: usize, reason: FreezeReason, evidence: EvidenceHash) {
        if let Some(book) = self.books.channels.get_mut(channel) {
            book.decisions.freeze.get_or_insert((reason, evidence));
        }
    }

    /// What is due for a channel.
    pub(crate) fn keep(
        &mut self,
        channel: usize,
        record: Option<&ChannelRecord>,
        now: Timestamp,
    ) -> Option<Command> {
        let generous = self.generous;
        let book = self.books.channels.get_mut(channel).filter(|book| book.granted)?;
        let opening = fixture().opening(channel);
        let booked = book.posted.iter().next_back().map(|state| state.name());
        let booked = record
            .filter(|record| book.posted.contains(&record.state()))
            .map_or(booked, |record| Some(record.state().name()));
        let view = View { opening: opening.opening(), booked, record, decisions: book.decisions };
        let id = fixture().id(channel);
        Some(match next_step(view, fixture().drift, now) {
            Step::Wait(_) | Step::CatchUp => {
                let over = now.as_unix_millis() > START + OPEN_BY + DRIFT;
                if generous && over && record.is_none() && book.reserved > 0 {
                    let amount = opening.opening().terms().total;
                    let freed = Movement { from: Pot::ClientReserved, to: Pot::ClientBalance, amount };
                    self.books.enter(channel, &freed);
                }
                return None;
            }
            Step::Cancel => Command::Cancel(Cancel::new(opening.clone())),
            Step::Refund => Command::Refund(Refund::new(id)),
            Step::Freeze(reason, evidence) => {
                Command::Freeze(Freeze::sign(id, reason, evidence, &fixture().bank))
            }
            Step::Resolve(units) => Command::Resolve(Resolve::sign(id, units, &fixture().bank)),
        })
    }
}

impl Books {
    fn enter(&mut self, channel: usize, movement: &Movement) {
        let amount = i128::from(movement.amount.as_micros());
        let Some(book) = self.channels.get_mut(channel) else { return };
        match movement.from {
            Pot::ClientReserved => book.reserved -= amount,
            Pot::ClientWithheld => book.withheld -= amount,
            Pot::ClientBalance => self.client -= amount,
            Pot::VendorBalance => self.vendor -= amount,
        }
        match movement.to {
            Pot::ClientReserved => book.reserved += amount,
            Pot::ClientWithheld => book.withheld += amount,
            Pot::ClientBalance => {
                book.freed += amount;
                self.client += amount;
            }
            Pot::VendorBalance => {
                book.freed += amount;
                book.to_vendor += amount;
                self.vendor += amount;
            }
        }
    }
}
