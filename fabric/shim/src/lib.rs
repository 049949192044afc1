//! Hyperledger Fabric chaincode in Rust.

pub use hlf_proto as proto;
pub use hlf_proto::Timestamp;
pub use hlf_proto::msp::SerializedIdentity;
pub use hlf_shim_macros::{contract, transaction};

mod chaincode;
mod composite_key;
mod config;
mod connection;
mod contract;
mod error;
mod handler;
mod identity;
mod invocation;
mod peer;
mod proposal;
mod response;
mod server;
mod stub;
pub mod testing;

pub use chaincode::Chaincode;
pub use composite_key::{CompositeKey, KeyError};
pub use config::{ConfigError, Environment, ServerConfig, TlsConfig};
pub use contract::{
    Arguments, Bytes, CallError, Contract, FromArgument, Function, Intent, InvalidArgument, Outcome, Payload,
    PayloadError,
};
pub use error::LedgerError;
pub use identity::{ClientIdentity, IdentityError, Role};
pub use proposal::{Proposal, ProposalError};
pub use response::Response;
pub use server::{ServeError, serve};
pub use stub::{EmptyEventName, KeyChange, KeyValue, Page, Query, QueryResult, Stub};
