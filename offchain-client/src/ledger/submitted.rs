//! What a committed submission gives back.

use std::time::Duration;

use super::TransactionId;

/// A submission that is committed and valid, with the contract's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted<T> {
    /// The record as it stood when the peers endorsed. For *same again* it may be in a later state than the one submitted:
    /// callers read it [Spec §8].
    pub record: T,
    /// The transaction's id.
    pub tx_id: TransactionId,
    /// Number of the block that holds the transaction.
    pub block: u64,
    /// Where the time went.
    pub timing: Timing,
}

/// The three stages of a submission, each as wall-clock time at the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From the proposal to the last endorsement.
    pub endorse: Duration,
    /// From the endorsements to the orderer's acceptance.
    pub order: Duration,
    /// From the orderer's acceptance to the commit on the own peer.
    pub commit: Duration,
}

impl Timing {
    /// The whole submission.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.endorse.saturating_add(self.order).saturating_add(self.commit)
    }
}
