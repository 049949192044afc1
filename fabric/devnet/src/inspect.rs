//! Looking into the ledger of a network that is not running.

use std::path::Path;

use hlf_proto::common::{ChannelHeader, Envelope, Payload};
use hlf_proto::protos::TxValidationCode;
use prost::Message;
use serde_json::json;
use thiserror::Error;

use crate::config::{self, Config, ConfigError};
use crate::core::block::{code_from_byte, codes};
use crate::core::snapshot::{Snapshot, SnapshotError};
use crate::network::ledger_file;
use crate::store::{Store, StoreError};

/// Why there is nothing to show.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InspectError {
    /// No configuration in the folder.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The ledger cannot be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// No such block.
    #[error("there is no block {0}")]
    NoBlock(u64),
    /// No such transaction.
    #[error("there is no transaction {0}")]
    NoTransaction(String),
    /// No such key.
    #[error("chaincode {chaincode} has no key {key}")]
    NoKey {
        /// The chaincode.
        chaincode: String,
        /// The key.
        key: String,
    },
    /// The network has no chaincode.
    #[error("the network has no chaincode")]
    NoChaincode,
}

fn open(folder: &Path) -> Result<(Config, Store), InspectError> {
    let config = Config::read(&folder.join(config::FILE))?;
    let store = Store::open(&ledger_file(folder), &config.channel)?;
    Ok((config, store))
}

/// Number of blocks.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn height(folder: &Path) -> Result<u64, InspectError> {
    Ok(open(folder)?.1.height()?)
}

/// A block as JSON: number, hashes, transactions with their codes.
///
/// # Errors
/// When the ledger cannot be read or has no such block.
pub(crate) fn block(folder: &Path, number: u64) -> Result<serde_json::Value, InspectError> {
    let block = open(folder)?.1.block(number)?.ok_or(InspectError::NoBlock(number))?;
    let envelopes = block.data.iter().flat_map(|data| &data.data);
    let transactions: Vec<_> = envelopes
        .zip(codes(&block))
        .map(|(envelope, code)| {
            let header = channel_header(envelope).unwrap_or_default();
            let code = code_from_byte(*code);
            json!({ "tx_id": header.tx_id, "code": i32::from(code), "result": code.as_str_name() })
        })
        .collect();
    let header = block.header.clone().unwrap_or_default();
    Ok(json!({
        "number": header.number,
        "previous_hash": hex::encode(header.previous_hash),
        "data_hash": hex::encode(header.data_hash),
        "transactions": transactions,
    }))
}

/// How a transaction ended, as JSON.
///
/// # Errors
/// When the ledger cannot be read or has no such transaction.
pub(crate) fn transaction(folder: &Path, id: &str) -> Result<serde_json::Value, InspectError> {
    let outcome = open(folder)?.1.outcome(id)?.ok_or_else(|| InspectError::NoTransaction(id.to_owned()))?;
    let code: TxValidationCode = outcome.code;
    Ok(json!({ "tx_id": id, "block": outcome.block, "code": i32::from(code), "result": code.as_str_name() }))
}

/// The value of a key.
///
/// # Errors
/// When the ledger cannot be read or has no such key.
pub(crate) fn state(folder: &Path, chaincode: Option<&str>, key: &str) -> Result<Vec<u8>, InspectError> {
    let (config, store) = open(folder)?;
    let first = config.chaincodes.first().map(|chaincode| chaincode.name.as_str());
    let chaincode = chaincode.or(first).ok_or(InspectError::NoChaincode)?;
    let found = store.snapshot()?.get(chaincode, key)?;
    let missing = || InspectError::NoKey { chaincode: chaincode.to_owned(), key: key.to_owned() };
    found.map(|found| found.value).ok_or_else(missing)
}

fn channel_header(envelope: &[u8]) -> Option<ChannelHeader> {
    let envelope = Envelope::decode(envelope).ok()?;
    let payload = Payload::decode(envelope.payload.as_slice()).ok()?;
    ChannelHeader::decode(payload.header?.channel_header.as_slice()).ok()
}
