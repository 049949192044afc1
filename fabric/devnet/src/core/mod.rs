//! The ledger's rules without any input or output: versions, read and write sets, simulation, validation, block
//! cutting and endorsement policies.
//!
//! Nothing in here reads a clock or a disk. Time is an argument, and what is committed is seen through the trait
//! [`Snapshot`](snapshot::Snapshot). The module [`memory`] keeps a ledger in memory behind that trait.

pub mod block;
pub mod cutter;
pub mod definition;
pub mod endorsement;
pub mod interest;
pub mod memory;
pub mod policy;
pub mod policy_envelope;
pub mod private;
pub mod query;
pub mod rich_query;
pub mod rwset;
pub mod simulator;
pub mod snapshot;
#[cfg(test)]
pub(crate) mod testing;
pub mod updates;
pub mod validation;
