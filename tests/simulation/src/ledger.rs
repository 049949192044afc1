//! The ledger: two endorsers with clocks of their own, an orderer, and the protocol's rules between them [Spec §8].

use lockstep_protocol::ledger::{
    Cancel, ChannelChange, ChannelRecord, ChannelState, CloseByRelease, CloseByToken, Freeze, Open, Refund,
    Resolve,
};
use lockstep_protocol::rules::{self, Changed, Clocks, Outcome, Transition};
use lockstep_protocol::{ChannelId, Refusal, Timestamp};

use crate::cache::Cache;
use crate::fixture::{CHANNELS, COMMIT, at, fixture};

/// A function's argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Open(Open),
    Cancel(Cancel),
    Release(CloseByRelease),
    Token(CloseByToken),
    Refund(Refund),
    Freeze(Freeze),
    Resolve(Resolve),
}

impl Command {
    /// What the rules say of it. `stored` is the channel's record, `owner` what the index (client key, bank) holds.
    pub(crate) fn judge(
        &self,
        stored: Option<ChannelRecord>,
        owner: Option<ChannelId>,
        clocks: Clocks,
    ) -> Result<Changed, Refusal> {
        let fixture = fixture();
        let registration = Some(&fixture.registration);
        match self {
            Self::Open(open) => rules::open(registration, stored, owner, open, &fixture.ledger, clocks),
            Self::Cancel(cancel) => rules::cancel(registration, stored, cancel, &fixture.ledger, clocks),
            Self::Release(close) => rules::close_by_release(stored, close, clocks),
            Self::Token(close) => rules::close_by_token(stored, close, clocks),
            Self::Refund(refund) => rules::refund(stored, refund, clocks),
            Self::Freeze(freeze) => rules::freeze(stored, freeze, clocks),
            Self::Resolve(resolve) => rules::resolve(stored, resolve, clocks),
        }
    }
}

/// What the rules say by the moment of the transaction; else it depends on the command, the stored record, and the owner of the index.
static JUDGED: Cache<Moment, Judged, Result<Changed, Refusal>> = Cache::new();

type Judged = (Command, Option<ChannelRecord>, Option<ChannelId>);

/// The transaction's clock, whether the endorser's bears it out, and the record's own time and state.
type Moment = (Timestamp, bool, Option<(Timestamp, ChannelState)>);

/// An endorsed transaction that is not committed.
#[derive(Debug)]
struct Pending {
    channel: usize,
    version: u32,
    transition: Transition,
    submitted: u64,
}

/// What is committed, and what is on its way.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    records: [Option<ChannelRecord>; CHANNELS],
    versions: [u32; CHANNELS],
    owners: [Option<ChannelId>; CHANNELS],
    pending: Vec<Pending>,
    /// Changes in the order in which they were committed.
    pub(crate) events: Vec<(usize, ChannelChange)>,
}

impl Ledger {
    /// The record as every peer has it.
    pub(crate) fn record(&self, channel: usize) -> Option<&ChannelRecord> {
        self.records.get(channel)?.as_ref()
    }

    /// Whether a transaction of this channel is on its way.
    pub(crate) fn is_busy(&self, channel: usize) -> bool {
        self.pending.iter().any(|pending| pending.channel == channel)
    }

    /// Where a channel's first transaction on its way is.
    pub(crate) fn position(&self, channel: usize) -> Option<u8> {
        let at = self.pending.iter().position(|pending| pending.channel == channel);
        at.and_then(|at| u8::try_from(at).ok())
    }

    /// Endorses at both endorsers, by their clocks, and hands the transaction to the orderer. `Ok(false)`: the same again.
    ///
    /// # Errors
    /// An endorser's refusal: of its clock, if both refuse.
    pub(crate) fn submit(
        &mut self,
        channel: usize,
        command: &Command,
        ts: Timestamp,
        (now, endorsers): (u64, [Timestamp; 2]),
    ) -> Result<bool, Refusal> {
        let [first, second] = endorsers.map(|endorser| Clocks { transaction: ts, endorser });
        // Both have the same record, and an endorser's own clock bounds the transaction's and decides nothing else [Spec §8].
        second.check(fixture().drift)?;
        let transition = match self.endorse(channel, command, first)? {
            Outcome::Changed(transition) => transition,
            Outcome::AlreadyDone(_) => return Ok(false),
        };
        let version = self.versions.get(channel).copied().unwrap_or_default();
        self.pending.push(Pending { channel, version, transition, submitted: now });
        Ok(true)
    }

    fn endorse(&self, channel: usize, command: &Command, clocks: Clocks) -> Result<Changed, Refusal> {
        let owner = self.owners.get(channel).copied().flatten();
        let stored = self.record(channel);
        let borne_out = clocks.check(fixture().drift).is_ok();
        let moment = (clocks.transaction, borne_out, stored.map(|record| (record.ts(), record.state())));
        let arguments = (command.clone(), stored.cloned(), owner);
        JUDGED.get(moment, &arguments, || command.judge(stored.cloned(), owner, clocks))
    }

    /// Orders and validates a transaction that is on its way; one whose record has changed since is invalid.
    pub(crate) fn commit(&mut self, which: usize) {
        if self.pending.is_empty() {
            return;
        }
        let Pending { channel, version, transition, .. } = self.pending.remove(which % self.pending.len());
        let (Some(current), Some(record), Some(owner)) =
            (self.versions.get_mut(channel), self.records.get_mut(channel), self.owners.get_mut(channel))
        else {
            return;
        };
        if *current != version {
            return;
        }
        *current += 1;
        if transition.takes_client_key {
            *owner = Some(transition.record.channel_id());
        }
        self.events.push((channel, transition.change));
        *record = Some(transition.record);
    }

    /// Loses a transaction that is on its way.
    pub(crate) fn lose(&mut self, which: usize) {
        if !self.pending.is_empty() {
            drop(self.pending.remove(which % self.pending.len()));
        }
    }

    /// Commits what has been on its way for L.
    pub(crate) fn settle(&mut self, now: u64) {
        while let Some(due) = self.pending.iter().position(|pending| pending.submitted + COMMIT <= now) {
            self.commit(due);
        }
    }

    /// The check that the read `Bank` makes, by this endorser's clock.
    pub(crate) fn refuses_clock(&self, reader: Timestamp, endorser: u64) -> bool {
        Clocks { transaction: reader, endorser: at(endorser) }.check(fixture().drift).is_err()
    }
}
