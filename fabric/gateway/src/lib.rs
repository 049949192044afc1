//! Client of Hyperledger Fabric's Gateway service: what an application uses to read from a chaincode, to submit
//! transactions and to follow events.
//!
//! A transaction goes through stages, each a type of its own, each of which can be stored, signed elsewhere and taken
//! up again:
//!
//! ```text
//! Proposal ──endorse──► Transaction ──submit──► Commit ──status──► Status
//!     └────evaluate──► result of a read
//! ```
//!
//! [`Contract::evaluate`] and [`Contract::submit`] go all the way at once. Every failure says in which stage, with what
//! gRPC code, what each peer said, for which transaction, what the chaincode itself said, and what is safe to do next:
//! see [`EvaluateError`], [`EndorseError`], [`SubmitError`], [`CommitStatusError`], [`CommitError`] and [`Retry`].
//! Nothing is retried behind the caller's back, but for peers that could not be reached; [`Retrying`] does it when asked.
//!
//! Events of chaincode and blocks are streams, see [`Network::chaincode_events`] and [`Network::block_events`]. Chaincode
//! comes onto a channel by [`lifecycle`], without the `peer` program.
//!
//! ```no_run
//! # async fn example(certificate: Vec<u8>, key: Vec<u8>, ca: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//! use hlf_gateway::{Endpoint, Gateway, Identity, PrivateKeySigner, Tls};
//!
//! let gateway = Gateway::builder(Identity::new("BankMSP", certificate)?)
//!     .signer(PrivateKeySigner::from_pem(&key)?)
//!     .endpoint(Endpoint::tls("127.0.0.1:7051", Tls::new(ca).server_name("peer0.bank.example.com")))
//!     .connect()
//!     .await?;
//! let contract = gateway.network("payments").contract("basic");
//!
//! // A read, answered by the own organisation's peer.
//! let asset = contract.proposal("ReadAsset").argument("asset1").organizations(["BankMSP"]).evaluate().await?;
//!
//! // A transaction.
//! match contract.submit("TransferAsset", ["asset1", "Alice"]).await {
//!     Ok(committed) => println!("{} is in block {}", committed.transaction_id, committed.block_number),
//!     Err(error) => match error.chaincode_message() {
//!         Some(refusal) => println!("the chaincode says no: {refusal}"),
//!         None => println!("{error}; next: {:?}", error.retry()),
//!     },
//! }
//! # Ok(())
//! # }
//! ```

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod contract;
mod gateway;
mod network;

mod commit;
mod proposal;
mod proposal_builder;
mod retrying;
mod status;
mod transaction;

mod error;
mod events;

pub mod lifecycle;
pub mod operations;

mod backoff;
mod deadlines;
mod identity;
mod sign;
mod transaction_id;
mod validation_code;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

mod connect;
mod connection;
mod convert;
mod endpoint;
mod session;

pub use backoff::Backoff;
pub use commit::Commit;
pub use connect::{ConnectError, ConnectOptions};
pub use contract::Contract;
pub use convert::MalformedMessage;
pub use deadlines::Deadlines;
pub use endpoint::{Endpoint, Tls};
pub use error::{
    CallError, CommitStatusError, EndorseError, ErrorDetail, EvaluateError, Origin, Retry, StageCause,
    SubmitError, TransactionError,
};
pub use events::{
    BlockEventsBuilder, BlockEventsRequest, ChaincodeEvent, ChaincodeEvents, Checkpoint, CheckpointError,
    Checkpointer, DeliveredBlock, EventError, EventStream, EventsBuilder, EventsRequest, FileCheckpointer,
    MemoryCheckpointer,
};
pub use gateway::{Gateway, GatewayBuilder};
pub use identity::{Identity, IdentityError};
pub use network::Network;
pub use proposal::Proposal;
pub use proposal_builder::{Committed, ProposalBuilder, Timing};
pub use retrying::Retrying;
pub use sign::{
    Curve, Digest, Ed25519Signer, Hash, KeyError, P256Signer, P384Signer, PrivateKeySigner, SignError,
    Signature, SignatureError, Signer, SignerFn, signer_fn,
};
pub use status::{CommitError, Status};
pub use transaction::Transaction;
pub use transaction_id::{Nonce, TransactionId};
pub use validation_code::ValidationCode;

/// Fabric's messages.
pub use hlf_proto as proto;
/// The numbers that peers give to transactions they have validated.
pub use hlf_proto::protos::TxValidationCode;
/// gRPC's codes.
pub use tonic::Code;
