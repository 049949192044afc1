//! What chaincodes say about valid transactions, as a stream that can be taken up where it was left.
//!
//! ```text
//! EventsBuilder ──► ChaincodeEvents: ends after the first error
//!       └─────────► the same, resuming: reports each interruption and goes on after the last event
//! Checkpointer: remembers the last event that is done with, over restarts
//! ```

mod builder;
mod checkpoint;
mod error;
mod event;
mod feed;
mod file_checkpointer;
mod position;

pub use builder::{Backoff, EventsBuilder, EventsRequest};
pub use checkpoint::{Checkpoint, Checkpointer, MemoryCheckpointer};
pub use error::EventError;
pub use event::ChaincodeEvent;
pub use feed::ChaincodeEvents;
pub use file_checkpointer::{CheckpointError, FileCheckpointer};
