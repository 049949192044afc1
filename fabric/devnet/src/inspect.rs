//! Looking into the ledger of a network, whether it runs or not.
//!
//! A running network has its ledger for itself and answers on a socket in its folder.

pub(crate) mod socket;

use std::path::Path;

use hlf_proto::common::{ChannelHeader, Envelope, Payload};
use hlf_proto::protos::TxValidationCode;
use prost::Message;
use serde::{Deserialize, Serialize};
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
    /// The running network has no answer.
    #[error("{0}")]
    Refused(String),
    /// The running network cannot be asked.
    #[error("the running network does not answer")]
    Connection(#[from] std::io::Error),
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Question {
    /// The number of blocks.
    Height,
    /// The block with this number, as JSON: number, hashes, transactions with their codes.
    Block(u64),
    /// How the transaction with this id ended, as JSON.
    Transaction(String),
    /// The value of a key, as it is.
    State {
        /// The chaincode; the first one of the configuration, if none.
        chaincode: Option<String>,
        /// The key.
        key: String,
    },
}

/// The answer of the network in `folder`: by the process that runs it, else from its ledger.
///
/// # Errors
/// When the ledger cannot be read, or does not have what is looked for.
pub(crate) async fn ask(folder: &Path, question: &Question) -> Result<Vec<u8>, InspectError> {
    if let Some(answer) = socket::ask(folder, question).await {
        return answer;
    }
    let config = Config::read(&folder.join(config::FILE))?;
    let store = Store::open(&ledger_file(folder), &config.channel)?;
    answer(question, &config, &store)
}

/// The answer that a ledger has.
///
/// # Errors
/// When it cannot be read, or does not have what is looked for.
fn answer(question: &Question, config: &Config, store: &Store) -> Result<Vec<u8>, InspectError> {
    Ok(match question {
        Question::Height => store.height()?.to_string().into_bytes(),
        Question::Block(number) => block(store, *number)?.to_string().into_bytes(),
        Question::Transaction(id) => transaction(store, id)?.to_string().into_bytes(),
        Question::State { chaincode, key } => state(config, store, chaincode.as_deref(), key)?,
    })
}

fn block(store: &Store, number: u64) -> Result<serde_json::Value, InspectError> {
    let block = store.block(number)?.ok_or(InspectError::NoBlock(number))?;
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

fn transaction(store: &Store, id: &str) -> Result<serde_json::Value, InspectError> {
    let outcome = store.outcome(id)?.ok_or_else(|| InspectError::NoTransaction(id.to_owned()))?;
    let code: TxValidationCode = outcome.code;
    Ok(json!({ "tx_id": id, "block": outcome.block, "code": i32::from(code), "result": code.as_str_name() }))
}

fn state(
    config: &Config,
    store: &Store,
    chaincode: Option<&str>,
    key: &str,
) -> Result<Vec<u8>, InspectError> {
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
