//! Continuous micropayments on Hyperledger Fabric: bank, vendor, client, and the command that runs them.

pub mod bank;
pub mod cli;
pub mod entropy;
#[doc(hidden)]
pub mod fuzzing;
pub mod home;
pub mod keystore;
pub mod ledger;
pub mod listener;
pub mod party;
mod replacement;
pub mod store;
pub mod stream;
pub mod tls;
pub mod vendor;
pub mod wallet;
