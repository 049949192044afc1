//! The ledger's rules without any input or output: versions, read and write sets, simulation, validation, block
//! cutting and endorsement policies.
//!
//! Nothing in here reads a clock or a disk. Time is an argument, and what is committed is seen through the trait
//! [`Snapshot`](snapshot::Snapshot). The module [`memory`] keeps a ledger in memory behind that trait.

pub(crate) mod block;
mod couchdb;
pub(crate) mod cutter;
pub(crate) mod definition;
pub(crate) mod endorsement;
pub(crate) mod interest;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod memory;
pub(crate) mod policy;
pub(crate) mod policy_envelope;
pub(crate) mod private;
pub(crate) mod query;
pub(crate) mod rich_query;
pub(crate) mod rwset;
pub(crate) mod simulator;
pub(crate) mod snapshot;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod updates;
pub(crate) mod validation;
