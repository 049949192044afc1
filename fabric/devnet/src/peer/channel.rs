//! The channel as all organisations see it: members, chaincode definitions, ledger.

use std::collections::HashMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use prost::Message as _;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::system::LIFECYCLE;
use super::system::agreement::{self, Terms};
use super::transient::Transient;
use crate::core::definition::Definitions;
use crate::core::snapshot::{Outcome, Snapshot as _};
use crate::identity::msp::MspManager;
use crate::store::{CommittedTransaction, Store, StoreError};

/// Tells the wall-clock time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The channel.
pub(crate) struct Channel {
    /// Its name.
    pub(crate) name: String,
    /// Its organisations.
    pub(crate) msps: MspManager,
    /// Private writes that are not committed yet.
    pub(crate) transient: Transient,
    /// How far a proposal's time may be from ours.
    pub(crate) time_window: Duration,
    /// The clock.
    pub(crate) clock: Clock,
    /// The ledger.
    pub(crate) store: Store,
    /// Number of committed blocks.
    pub(crate) height: watch::Sender<u64>,
    definitions: Mutex<Arc<Definitions>>,
    waiting: Mutex<HashMap<String, Vec<oneshot::Sender<Outcome>>>>,
    /// Last, so that what it tells is true: the fields before it are dropped first.
    closed: DropGuard,
}

impl fmt::Debug for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Channel").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Channel {
    /// The channel with the ledger as the store has it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn new(
        name: String,
        msps: MspManager,
        definitions: Definitions,
        time_window: Duration,
        clock: Clock,
        store: Store,
    ) -> Result<Self, StoreError> {
        let height = watch::Sender::new(store.height()?);
        Ok(Self {
            name,
            msps,
            transient: Transient::default(),
            time_window,
            clock,
            store,
            height,
            definitions: Mutex::new(Arc::new(definitions)),
            waiting: Mutex::default(),
            closed: CancellationToken::new().drop_guard(),
        })
    }

    /// Cancelled once nobody uses the channel any more and its ledger is closed.
    pub(crate) fn closed(&self) -> CancellationToken {
        self.closed.token().clone()
    }

    /// Takes over the definitions that the ledger has, from earlier runs of the network.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn define_committed(&self, msp_ids: &[String]) -> Result<(), StoreError> {
        let unreadable = |_| StoreError::Damaged("the definitions of chaincodes");
        let all = (Bound::Unbounded, Bound::Unbounded);
        let rows = self.store.snapshot()?.scan(LIFECYCLE, all, usize::MAX).map_err(unreadable)?;
        for (key, row) in rows {
            self.define(&key, &row.value, msp_ids);
        }
        Ok(())
    }

    /// Takes over a definition that has been committed under this key of `_lifecycle`.
    pub(crate) fn define(&self, key: &str, value: &[u8], msp_ids: &[String]) {
        let Some(name) = agreement::defined_by(key) else { return };
        // Only `_lifecycle` itself writes here, and it has read the terms before.
        let Ok(terms) = Terms::decode(value) else { return };
        match agreement::read(&terms, msp_ids) {
            Ok(definition) => {
                let mut definitions = self.definitions.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::make_mut(&mut definitions).define(name.to_owned(), definition);
            }
            Err(error) => tracing::error!(name, error, "a committed definition cannot be used"),
        }
    }

    /// The chaincodes as of the last block.
    pub(crate) fn definitions(&self) -> Arc<Definitions> {
        Arc::clone(&self.definitions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// MSP ids of the organisations.
    pub(crate) fn msp_ids(&self) -> Vec<String> {
        self.definitions().organisations()
    }

    /// Waits until a transaction is committed, also if nobody has submitted it yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn committed(&self, tx_id: &str) -> Result<Outcome, StoreError> {
        // Waiting starts before the look at the ledger, so that no commit slips through between the two.
        let (sender, receiver) = oneshot::channel();
        self.waiting().entry(tx_id.to_owned()).or_default().push(sender);
        if let Some(outcome) = self.store.outcome(tx_id)? {
            return Ok(outcome);
        }
        match receiver.await {
            Ok(outcome) => Ok(outcome),
            // The sender is only dropped when the whole channel goes.
            Err(_) => std::future::pending().await,
        }
    }

    /// Tells everybody who waits that block `number` is committed.
    pub(crate) fn announce(&self, number: u64, transactions: &[CommittedTransaction]) {
        let mut waiting = self.waiting();
        for CommittedTransaction { tx_id, code, .. } in transactions {
            for waiter in waiting.remove(tx_id).into_iter().flatten() {
                // Whoever has stopped waiting does not want to know.
                let _ = waiter.send(Outcome { block: number, code: *code });
            }
        }
        waiting.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
        drop(waiting);
        self.height.send_replace(number + 1);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Vec<oneshot::Sender<Outcome>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
