//! What chaincodes say about valid transactions, and the blocks themselves, as streams that can be taken up where they
//! were left.
//!
//! ```text
//! EventsBuilder, BlockEventsBuilder ──► EventStream: ends after the first error
//!       └──────────────────────────────► the same, resuming: reports each interruption and goes on after the last event
//! Checkpointer: remembers the last event that is done with, over restarts
//! ```

mod blocks;
mod chaincode;
mod checkpoint;
mod error;
mod event;
mod feed;
mod file_checkpointer;
mod position;

pub use blocks::{BlockEventsBuilder, BlockEventsRequest, DeliveredBlock};
pub use chaincode::{ChaincodeEvents, EventsBuilder, EventsRequest};
pub use checkpoint::{Checkpoint, Checkpointer, MemoryCheckpointer};
pub use error::EventError;
pub use event::ChaincodeEvent;
pub use feed::EventStream;
pub use file_checkpointer::{CheckpointError, FileCheckpointer};

/// What of these messages, in this order, is new to a reader from the beginning.
#[cfg(feature = "fuzzing")]
pub(crate) fn admitted(responses: Vec<hlf_proto::gateway::ChaincodeEventsResponse>) -> Vec<ChaincodeEvent> {
    let mut position = position::Position::at_block(0);
    responses.into_iter().flat_map(|response| position.admit(response)).collect()
}
