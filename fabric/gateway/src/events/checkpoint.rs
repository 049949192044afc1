//! How far one has come with the events.

use std::convert::Infallible;
use std::error::Error;

use serde::{Deserialize, Serialize};

use super::event::ChaincodeEvent;
use crate::transaction_id::TransactionId;

/// How far one has come: all blocks before this one are done with, and in it all events up to that of this transaction.
///
/// The default is to have no position yet. Its JSON is that of the official Go client.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    block_number: u64,
    /// Empty when nothing in the block is done with.
    transaction_id: String,
}

impl Checkpoint {
    /// Within a block: after the event of this transaction.
    #[must_use]
    pub fn after_transaction(block_number: u64, transaction_id: impl Into<TransactionId>) -> Self {
        Self { block_number, transaction_id: transaction_id.into().into() }
    }

    /// After this event.
    #[must_use]
    pub fn after_event(event: &ChaincodeEvent) -> Self {
        Self::after_transaction(event.block_number, event.transaction_id.clone())
    }

    /// After the whole of this block: the next one is due.
    #[must_use]
    pub fn after_block(block_number: u64) -> Self {
        Self { block_number: block_number.saturating_add(1), transaction_id: String::new() }
    }

    /// The block in which the next event is due.
    #[must_use]
    pub fn block_number(&self) -> u64 {
        self.block_number
    }

    /// The last transaction in that block whose event is done with.
    #[must_use]
    pub fn transaction_id(&self) -> Option<TransactionId> {
        (!self.transaction_id.is_empty()).then(|| TransactionId::from(self.transaction_id.as_str()))
    }

    /// Whether there is no position yet.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// Remembers a [`Checkpoint`]. Record an event when it is done with, not when it has come.
pub trait Checkpointer {
    /// Why a position could not be stored; [`Infallible`] where that cannot happen.
    type Error: Error + Send + Sync + 'static;

    /// The position that was recorded last.
    fn checkpoint(&self) -> Checkpoint;

    /// Records a position.
    ///
    /// # Errors
    /// When it could not be stored, or not for certain. [`Self::checkpoint`] tells which position holds.
    fn record(&mut self, checkpoint: Checkpoint) -> Result<(), Self::Error>;

    /// Records that an event is done with.
    ///
    /// # Errors
    /// As [`Self::record`].
    fn record_event(&mut self, event: &ChaincodeEvent) -> Result<(), Self::Error> {
        self.record(Checkpoint::after_event(event))
    }

    /// Records that a block is done with.
    ///
    /// # Errors
    /// As [`Self::record`].
    fn record_block(&mut self, block_number: u64) -> Result<(), Self::Error> {
        self.record(Checkpoint::after_block(block_number))
    }
}

/// Remembers a position as long as the process lives.
#[derive(Debug, Clone, Default)]
pub struct MemoryCheckpointer {
    checkpoint: Checkpoint,
}

impl Checkpointer for MemoryCheckpointer {
    type Error = Infallible;

    fn checkpoint(&self) -> Checkpoint {
        self.checkpoint.clone()
    }

    fn record(&mut self, checkpoint: Checkpoint) -> Result<(), Self::Error> {
        self.checkpoint = checkpoint;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_done_block_makes_the_next_one_due() {
        let mut checkpointer = MemoryCheckpointer::default();
        assert!(checkpointer.checkpoint().is_unset());
        checkpointer.record_block(0).unwrap();
        let checkpoint = checkpointer.checkpoint();
        assert!(!checkpoint.is_unset());
        assert_eq!((checkpoint.block_number(), checkpoint.transaction_id()), (1, None));
    }

    /// Another place than a file: a table, say, that is full.
    struct Full;

    #[derive(Debug, thiserror::Error)]
    #[error("the table is full")]
    struct TableFull;

    impl Checkpointer for Full {
        type Error = TableFull;

        fn checkpoint(&self) -> Checkpoint {
            Checkpoint::default()
        }

        fn record(&mut self, _checkpoint: Checkpoint) -> Result<(), TableFull> {
            Err(TableFull)
        }
    }

    #[test]
    fn a_checkpointer_fails_in_its_own_words() {
        assert_eq!(Full.record_block(0).unwrap_err().to_string(), "the table is full");
    }

    #[test]
    fn a_done_event_is_named_by_its_transaction() {
        let event = ChaincodeEvent {
            block_number: 7,
            transaction_id: "t".into(),
            chaincode: String::new(),
            name: String::new(),
            payload: Vec::new(),
        };
        let mut checkpointer = MemoryCheckpointer::default();
        checkpointer.record_event(&event).unwrap();
        let checkpoint = checkpointer.checkpoint();
        assert_eq!((checkpoint.block_number(), checkpoint.transaction_id()), (7, Some("t".into())));
    }
}
