//! Figures about a running chaincode.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Is told what a chaincode does; everything that is not wanted is left as it is.
///
/// Methods are called in the middle of transactions and must not block.
pub trait Metrics: Debug + Send + Sync + 'static {
    /// A conversation with a peer began.
    fn peer_connected(&self) {}

    /// A conversation with a peer ended.
    fn peer_disconnected(&self) {}

    /// A transaction began to run.
    fn transaction_began(&self) {}

    /// A transaction ended with this status, after this time; `None` if the shim could not do its part.
    fn transaction_ended(&self, _status: Option<i32>, _took: Duration) {}
}

/// Counts in memory.
///
/// ```
/// use std::sync::Arc;
/// use hlf_shim::{Counters, ServerConfig};
///
/// let counters = Arc::new(Counters::default());
/// let mut config = ServerConfig::new("basic:0123");
/// config.metrics = Some(counters.clone());
/// assert_eq!(counters.transactions(), 0);
/// ```
#[derive(Debug, Default)]
pub struct Counters {
    peers: AtomicI64,
    running: AtomicI64,
    transactions: AtomicU64,
    failures: AtomicU64,
    microseconds: AtomicU64,
}

impl Counters {
    /// Peers that are connected.
    #[must_use]
    pub fn peers(&self) -> i64 {
        self.peers.load(Ordering::Relaxed)
    }

    /// Transactions that run, or wait for a chaincode that they called.
    #[must_use]
    pub fn running(&self) -> i64 {
        self.running.load(Ordering::Relaxed)
    }

    /// Transactions that have ended.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    /// Those of them that did not succeed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Time that ended transactions took, all together.
    #[must_use]
    pub fn busy(&self) -> Duration {
        Duration::from_micros(self.microseconds.load(Ordering::Relaxed))
    }
}

impl Metrics for Counters {
    fn peer_connected(&self) {
        self.peers.fetch_add(1, Ordering::Relaxed);
    }

    fn peer_disconnected(&self) {
        self.peers.fetch_sub(1, Ordering::Relaxed);
    }

    fn transaction_began(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    fn transaction_ended(&self, status: Option<i32>, took: Duration) {
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.transactions.fetch_add(1, Ordering::Relaxed);
        if !status.is_some_and(|status| (200..400).contains(&status)) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }
}

/// Nobody is told.
#[derive(Debug)]
pub(crate) struct NoMetrics;

impl Metrics for NoMetrics {}
