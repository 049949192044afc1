//! The channel contract of lockstep [Spec §8], a Hyperledger Fabric chaincode.
//!
//! A function parses its arguments, loads, calls one pure function of the `protocol` crate, stores, and answers; there is no
//! rule in here. Whatever a caller sends, the answer is a record or a refusal with its code [Spec §10].
//!
//! | function | arguments | answer |
//! | --- | --- | --- |
//! | `RegisterBank`, `Open`, `Cancel`, `CloseByRelease`, `CloseByToken`, `Refund`, `Freeze`, `Resolve` | one JSON document | the record as it stands |
//! | `Channel` | channel id | its record |
//! | `Channels` | `bank`, `client` or `vendor`; that party's key; page size 1 to 100; bookmark or nothing | `{"channels": […], "bookmark": "…"}`; an empty bookmark ends the list |
//! | `History` | channel id | `[{"tx_id", "timestamp", "record"}, …]`, oldest first |
//! | `Bank` | bank key | its registration, if the caller's clock is right |
//!
//! `keys.rs` says where things stand on the ledger.

mod contract;

mod reads;
mod submissions;

mod call;
mod clock;
mod failure;
mod keys;
mod store;

pub use clock::{Clock, SystemClock};
pub use contract::ChannelContract;
