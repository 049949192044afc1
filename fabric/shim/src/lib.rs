//! Hyperledger Fabric chaincode in Rust: a contract API, chaincode as a service, a test kit.
//!
//! # A contract
//!
//! An `impl` block becomes a contract; each function that is marked can be called by clients, under its name in camel
//! case. Arguments are any types that serde deserialises, results any that it serialises. An `Err` reaches the client as
//! its text with status 500, and then nothing is written.
//!
//! ```
//! use hlf_shim::{Bytes, LedgerError, Stub, contract};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Asset {
//!     owner: String,
//!     value: u64,
//! }
//!
//! #[derive(Debug, thiserror::Error)]
//! enum AssetError {
//!     #[error(transparent)]
//!     Ledger(#[from] LedgerError),
//!     #[error("the asset cannot be written: {0}")]
//!     Json(#[from] serde_json::Error),
//!     #[error("the asset {0} does not exist")]
//!     Absent(String),
//! }
//!
//! struct Assets;
//!
//! #[contract(name = "assets")]
//! impl Assets {
//!     /// Called as `CreateAsset` with an id and an asset in JSON.
//!     #[transaction(submit)]
//!     async fn create_asset(&self, stub: &Stub, id: String, asset: Asset) -> Result<(), AssetError> {
//!         stub.put(&id, serde_json::to_vec(&asset)?).await?;
//!         Ok(())
//!     }
//!
//!     #[transaction(evaluate)]
//!     async fn read_asset(&self, stub: &Stub, id: String) -> Result<Bytes, AssetError> {
//!         stub.get(&id).await?.map(Bytes).ok_or(AssetError::Absent(id))
//!     }
//! }
//!
//! // A unit test of it.
//! use hlf_shim::testing::{Call, MemoryLedger};
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let mut ledger = MemoryLedger::new("assets");
//! let done = ledger.submit(&Assets, Call::new("CreateAsset", ["a1", r#"{"owner":"ann","value":3}"#])).await;
//! assert!(done.response.is_success());
//! let done = ledger.evaluate(&Assets, Call::new("ReadAsset", ["a2"])).await;
//! assert_eq!(done.response.message(), "the asset a2 does not exist");
//! # });
//! ```
//!
//! [`contract`](macro@contract) lists the options. Calls that never get to a function (no such name, wrong number of
//! arguments, arguments of the wrong type) are answered with the text of a [`CallError`], or by the contract's own error
//! made from it. For full control implement [`Chaincode`].
//!
//! # Running it
//!
//! [`start`] is the whole of `main`: chaincode as a service, or one that a peer or an external builder starts, as the
//! environment says. [`serve`] and [`dial`] are the two, for programs that do more.
//!
//! ```no_run
//! # use hlf_shim::{Chaincode, Response, Stub};
//! # struct Assets;
//! # impl Chaincode for Assets {
//! #     async fn invoke(&self, _: &Stub) -> Response { Response::success([]) }
//! # }
//! #[tokio::main]
//! async fn main() -> Result<(), hlf_shim::StartError> {
//!     hlf_shim::start(Assets).await
//! }
//! ```
//!
//! # More
//!
//! Private data: [`Stub::private`]. Endorsement policies of single keys: [`KeyEndorsementPolicy`]. Who calls:
//! [`Stub::client_identity`]. Several contracts, hooks, a context of one's own: [`ContractChaincode`],
//! [`TransactionContext`]. Metadata with JSON schemas come from `org.hyperledger.fabric:GetMetadata`.
//!
//! # What holds
//!
//! - Transactions run at the same time, each in a task of its own; a panic is the failure of one transaction.
//! - Reads do not see the transaction's own writes. Writes count once the transaction is valid.
//! - When a peer goes, whatever its transactions wait for fails with [`LedgerError::Disconnected`].
//! - On shutdown, transactions that run may end; new ones are refused in a way that lets a gateway try another peer.
//! - Every peer must come to the same answer: no clock, no randomness, no order of a `HashMap`, and a message of an error
//!   that says the same everywhere.

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use hlf_proto as proto;
pub use hlf_proto::Timestamp;
pub use hlf_proto::msp::SerializedIdentity;
pub use hlf_shim_macros::{
    after_transaction, before_transaction, contract, transaction, unknown_transaction,
};
pub use schemars::{self, JsonSchema};

/// What `#[contract]` expands to; not for other code.
#[doc(hidden)]
pub mod expansion {
    pub use crate::contract::schema::{Described, Probe, Undescribed};
}

mod chaincode;
mod composite_key;
mod config;
mod connection;
mod contract;
mod dial;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handler;
mod identity;
mod invocation;
mod key_policy;
mod metrics;
mod peer;
mod proposal;
mod response;
mod server;
mod start;
mod stub;
pub mod testing;

pub use chaincode::Chaincode;
pub use composite_key::{CompositeKey, KeyError};
pub use config::{ConfigError, DialConfig, DialTls, Environment, ServerConfig, TlsConfig};
pub use contract::{
    Arguments, Bytes, CallError, Contact, Contract, ContractChaincode, ContractSetError, DateTime,
    FromArgument, Function, Info, Intent, InvalidArgument, InvalidDateTime, License, Outcome, Payload,
    PayloadError, Schemas, Signature, TransactionContext,
};
pub use dial::{DialError, dial};
pub use error::LedgerError;
pub use identity::{AttributeError, ClientIdentity, IdentityError, Role};
pub use key_policy::{KeyEndorsementPolicy, KeyPolicyError, PolicyRole};
pub use metrics::{Counters, Metrics};
pub use proposal::{Proposal, ProposalError};
pub use response::Response;
pub use server::{ServeError, serve};
pub use start::{StartError, start};
pub use stub::{
    EmptyEventName, KeyChange, KeyValue, Page, PrivateData, Query, QueryResult, Stub, UnknownLocalMsp,
};
