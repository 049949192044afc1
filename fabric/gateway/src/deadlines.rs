//! How long to wait.

use std::time::Duration;

/// How long each stage of a call may take, connecting and every peer tried included.
///
/// The defaults are those of Fabric's own sample applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For a read; 5 s.
    pub evaluate: Duration,
    /// For the endorsements of a transaction; 15 s.
    pub endorse: Duration,
    /// For an orderer to accept a transaction; 5 s.
    pub submit: Duration,
    /// For a transaction to be in a block; 60 s.
    pub commit_status: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            evaluate: Duration::from_secs(5),
            endorse: Duration::from_secs(15),
            submit: Duration::from_secs(5),
            commit_status: Duration::from_secs(60),
        }
    }
}
