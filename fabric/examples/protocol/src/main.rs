//! A chaincode with a function for each thing that a stub can do, and the same functions, arguments, JSON and errors as its
//! twin for Hyperledger's library for Node.js, `tests/node/protocol`: the two are compared call by call.

mod answer;
mod contract;
mod error;

use hlf_shim::{StartError, start};
use tracing_subscriber::EnvFilter;

use crate::contract::Protocol;

#[tokio::main]
async fn main() -> Result<(), StartError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    start(Protocol).await
}

#[cfg(test)]
mod tests;
