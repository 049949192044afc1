//! The contract's events, and the place in them from which a reader goes on.

use lockstep_protocol::ledger::ChannelChange;
use serde::{Deserialize, Serialize};

use super::TransactionId;

/// One transaction's event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerEvent {
    /// Number of the block that holds the transaction.
    pub block: u64,
    /// The transaction's id.
    pub tx_id: TransactionId,
    /// The event's name, such as `ChannelOpened` [Spec §8].
    pub name: String,
    /// What changed, in the contract's order.
    pub changes: Vec<ChannelChange>,
}

impl LedgerEvent {
    /// The checkpoint to store together with this event's effects, so that it is applied exactly once.
    #[must_use]
    pub fn checkpoint(&self) -> EventCheckpoint {
        EventCheckpoint { block: self.block, tx_id: self.tx_id.clone() }
    }
}

/// The last event that a reader has applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCheckpoint {
    /// Number of its block.
    pub block: u64,
    /// The id of its transaction.
    pub tx_id: TransactionId,
}

/// Where a subscription starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventStart {
    /// With the first event in this block or later; 0 is everything that ever happened.
    Block(u64),
    /// With the first event after this one.
    After(EventCheckpoint),
    /// With the next block that commits.
    Next,
}

impl From<Option<EventCheckpoint>> for EventStart {
    /// After the checkpoint if there is one, else from the ledger's beginning: what a reader that must miss nothing wants.
    fn from(checkpoint: Option<EventCheckpoint>) -> Self {
        checkpoint.map_or(Self::Block(0), Self::After)
    }
}
