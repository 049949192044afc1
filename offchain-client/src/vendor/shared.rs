//! What all streams and settlements of a vendor share.

use std::sync::{Arc, Mutex, PoisonError};

use lockstep_protocol::key::SecretKey;
use lockstep_protocol::payee::VendorTerms;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::seats::Seats;
use super::settlements::Settlements;
use crate::ledger::Ledger;
use crate::party::Clock;
use crate::store::{Journal, JournalError};
use crate::stream::Terms;

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
    /// Streams that may still begin.
    pub(super) streams: Arc<Semaphore>,
    /// Streams and settlements that run.
    pub(super) tasks: TaskTracker,
    /// Ends them all.
    pub(super) stop: CancellationToken,
    failure: Mutex<Option<JournalError>>,
}

impl Shared {
    pub(super) fn new(
        (journal, ledger): (Arc<dyn Journal>, Arc<dyn Ledger>),
        key: SecretKey,
        rules: VendorTerms,
        terms: Terms,
        clock: Clock,
        streams: usize,
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
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            failure: Mutex::new(None),
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
