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

use super::accuse::FraudDesk;
use super::seats::Seats;
use super::settlements::Settlements;
use super::times::Times;
use crate::ledger::Ledger;
use crate::party::Clock;
use crate::store::{Advance, Change, Journal, JournalError, Phase};
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
        Self {
            journal,
            ledger,
            key,
            rules,
            terms,
            clock,
            seats: Seats::default(),
            settlements: Settlements::default(),
            streams: Arc::new(Semaphore::new(streams)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
            proof_wait,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            desk: None,
            failure: Mutex::new(None),
        }
    }

    /// Where a channel stands in its safety margin.
    pub(super) fn times(&self, record: &ChannelRecord) -> Times {
        Times::new(&self.rules, record, self.clock.now())
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
