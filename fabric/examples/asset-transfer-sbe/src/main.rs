//! The chaincode of Fabric's sample *asset-transfer-sbe*: same functions, arguments, JSON and errors.

mod contract;

use hlf_shim::{StartError, start};
use tracing_subscriber::EnvFilter;

use crate::contract::AssetContract;

#[tokio::main]
async fn main() -> Result<(), StartError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    start(AssetContract).await
}

#[cfg(test)]
mod tests;
