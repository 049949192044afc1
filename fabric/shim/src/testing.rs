//! Contracts under test: a ledger in memory, with the caller, the clock and the transient data of one's choice.
//!
//! A call runs through the same [`Stub`](crate::Stub) as on a peer. As there, reads do not see the call's own writes,
//! and nothing is written if the answer is a failure. It has private data, key-level endorsement policies (kept, not
//! enforced: a test is one endorser), history, pages, rich queries in CouchDB's language, write batches, and other
//! chaincodes to call. What it does not have it refuses by name.
//!
//! ```
//! use hlf_shim::testing::{Call, MemoryLedger};
//! use hlf_shim::{LedgerError, Stub, contract};
//!
//! struct Notes;
//!
//! #[contract]
//! impl Notes {
//!     #[transaction]
//!     async fn write(&self, stub: &Stub, name: String, text: String) -> Result<(), LedgerError> {
//!         stub.put(&name, text).await
//!     }
//! }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let mut ledger = MemoryLedger::new("notes");
//! let done = ledger.submit(&Notes, Call::new("Write", ["monday", "rain"])).await;
//! assert!(done.response.is_success());
//! assert_eq!(ledger.get("monday"), Some(b"rain".as_slice()));
//! # });
//! ```

mod call;
mod caller;
mod chaincodes;
mod collection;
mod keys;
mod ledger;
mod queries;
mod simulation;
mod state;

pub use call::{Call, Done, Event};
pub use caller::Caller;
pub use collection::Collection;
pub use ledger::MemoryLedger;
