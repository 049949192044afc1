//! What all streams and settlements of a vendor share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::SecretKey;
use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::payee::VendorTerms;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Facts;
use super::accuse::FraudDesk;
use super::config::CLOSES_PER_SECOND;
use super::schedule::{Place, Schedule};
use super::seats::Seats;
use super::settlements::Settlements;
use super::times::Times;
use super::turns::{Turn, Turns};
use super::unreadable::Unreadable;
use crate::ledger::Ledger;
use crate::party::{Clock, replay};
use crate::store::{Advance, Change, Journal, JournalError, Phase, StoredChannel};
use crate::stream::Terms;

/// Streams at once that have not shown whose they are.
const STRANGERS: usize = 128;

/// A vendor at work.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) key: SecretKey,
    pub(super) rules: VendorTerms,
    /// The same terms as strangers see them.
    pub(super) terms: Terms,
    pub(super) clock: Clock,
    pub(super) seats: Seats,
    pub(super) settlements: Settlements,
    /// When its channels are to be closed.
    pub(super) schedule: Schedule,
    /// Channels whose rows cannot be read.
    pub(super) unreadable: Unreadable,
    /// Closes that may be under way.
    turns: Turns,
    /// Clients that may still begin to pay.
    pub(super) streams: Arc<Semaphore>,
    /// Streams that may still begin without having shown whose they are.
    pub(super) strangers: Arc<Semaphore>,
    /// How long they may stay so.
    pub(super) proof_wait: Duration,
    /// Streams and settlements that run.
    pub(super) tasks: TaskTracker,
    /// Ends them all.
    pub(super) stop: CancellationToken,
    /// Where fraud proofs are brought; nowhere if there is none.
    pub(super) desk: Option<Arc<dyn FraudDesk>>,
    failure: Mutex<Option<JournalError>>,
}

impl Shared {
    pub(super) fn new(
        (journal, ledger): (Arc<dyn Journal>, Arc<dyn Ledger>),
        key: SecretKey,
        rules: VendorTerms,
        terms: Terms,
        clock: Clock,
        (streams, proof_wait): (usize, Duration),
    ) -> Self {
        let turns = Turns::new(CLOSES_PER_SECOND, rules.commit_bound);
        Self {
            schedule: Schedule::new(turns.for_due, &rules),
            turns,
            journal,
            ledger,
            key,
            rules,
            terms,
            clock,
            seats: Seats::default(),
            settlements: Settlements::default(),
            unreadable: Unreadable::default(),
            streams: Arc::new(Semaphore::new(streams)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
            proof_wait,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            desk: None,
            failure: Mutex::new(None),
        }
    }

    /// Trusts the ledger path with so many closes a second.
    pub(super) fn trust_ledger_with(&mut self, closes_per_second: u32) {
        self.turns = Turns::new(closes_per_second, self.rules.commit_bound);
        self.schedule = Schedule::new(self.turns.for_due, &self.rules);
    }

    /// Where a channel stands in its safety margin.
    pub(super) fn times(&self, record: &ChannelRecord) -> Times {
        let earlier = self.schedule.earlier(&Place::of(&self.rules, record));
        Times::new(&self.rules, record, earlier, self.clock.now())
    }

    /// Waits until a close of this channel may be under way. One whose record cannot be read back has its turn among the rest.
    pub(super) async fn turn(&self, stored: &StoredChannel) -> Turn {
        let facts = replay::decode_note::<Facts>(&stored.facts);
        let is_due = || facts.as_ref().is_ok_and(|Facts { record }| self.times(record).is_due());
        self.turns.take(Place::of_stored(&self.rules, stored), is_due).await
    }

    /// Marks an open channel closing; tells whether it was open.
    pub(super) async fn mark_closing(&self, channel: ChannelId) -> Result<bool, JournalError> {
        match self.journal.save(Change::Advance(Advance::new(channel, Phase::Open, Phase::Closing))).await {
            Ok(()) => Ok(true),
            Err(JournalError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A failed save stops the vendor: what is durable is not known any more.
    pub(super) fn fail(&self, error: JournalError) {
        tracing::error!(%error, "the vendor stops");
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stop.cancel();
    }

    pub(super) fn failure(&self) -> Option<JournalError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
