//! `qscc`, which reads blocks, and the one question of `cscc` that a network of one channel can answer.

use hlf_proto::common::{Block, BlockchainInfo, Envelope};
use hlf_proto::protos::ProcessedTransaction;
use hlf_proto::protos::{ChannelInfo, ChannelQueryResponse};
use prost::Message;

use super::Failure;
use crate::core::block::{codes, header_hash, transaction_id};
use crate::peer::endorser::Endorser;
use crate::store::StoreError;

fn failed(error: &StoreError) -> Failure {
    error.to_string().into()
}

/// A call of `qscc`.
pub(super) fn ledger(endorser: &Endorser, function: &str, arguments: &[Vec<u8>]) -> Result<Vec<u8>, Failure> {
    let store = &endorser.channel.store;
    let [channel, rest @ ..] = arguments else {
        return Err(format!("Incorrect number of arguments, {}", arguments.len() + 1).into());
    };
    if channel.as_slice() != endorser.channel.name.as_bytes() {
        return Err(format!("Invalid chain ID, {}", String::from_utf8_lossy(channel)).into());
    }
    if function == "GetChainInfo" {
        let height = store.height().map_err(|error| failed(&error))?;
        let block = block(endorser, height.saturating_sub(1))?;
        let header = block.header.unwrap_or_default();
        let (current, previous) = (header_hash(&header), header.previous_hash);
        let info = BlockchainInfo { height, current_block_hash: current, previous_block_hash: previous };
        return Ok(info.encode_to_vec());
    }
    let [argument] = rest else { return Err(format!("missing 3rd argument for {function}").into()) };
    let text = String::from_utf8_lossy(argument);
    match function {
        "GetBlockByNumber" => {
            let number = text
                .parse()
                .map_err(|error| Failure::from(format!("Failed to parse block number with error {error}")))?;
            Ok(block(endorser, number)?.encode_to_vec())
        }
        "GetBlockByTxID" => Ok(block_of(endorser, &text)?.encode_to_vec()),
        "GetTransactionByID" => transaction(endorser, &text),
        "GetBlockByHash" => {
            let found = store.block_with_hash(argument).map_err(|error| failed(&error))?;
            let found = found.ok_or_else(|| {
                let hash = hex::encode(argument);
                Failure::from(format!(
                    "Failed to get block hash {text}, error no such block hash [{hash}] in index"
                ))
            })?;
            Ok(found.encode_to_vec())
        }
        other => Err(format!("Requested function {other} not found.").into()),
    }
}

fn block(endorser: &Endorser, number: u64) -> Result<Block, Failure> {
    let found = endorser.channel.store.block(number).map_err(|error| failed(&error))?;
    found.ok_or_else(|| {
        format!("Failed to get block number {number}, error no such block number [{number}] in index").into()
    })
}

fn block_of(endorser: &Endorser, tx_id: &str) -> Result<Block, Failure> {
    let outcome = endorser.channel.store.outcome(tx_id).map_err(|error| failed(&error))?;
    let outcome = outcome.ok_or_else(|| {
        Failure::from(format!(
            "Failed to get transaction with id {tx_id}, error no such transaction ID [{tx_id}] in index"
        ))
    })?;
    block(endorser, outcome.block)
}

fn transaction(endorser: &Endorser, tx_id: &str) -> Result<Vec<u8>, Failure> {
    let block = block_of(endorser, tx_id)?;
    let envelopes = block.data.iter().flat_map(|data| &data.data).zip(codes(&block));
    let mut found = envelopes.filter(|(envelope, _)| transaction_id(envelope).as_deref() == Some(tx_id));
    let (envelope, code) =
        found.next().ok_or_else(|| Failure::from(format!("block without transaction {tx_id}")))?;
    let envelope = Envelope::decode(envelope.as_slice()).map_err(|error| error.to_string())?;
    let processed =
        ProcessedTransaction { transaction_envelope: Some(envelope), validation_code: i32::from(*code) };
    Ok(processed.encode_to_vec())
}

/// A call of `cscc`.
pub(super) fn configuration(endorser: &Endorser, function: &str) -> Result<Vec<u8>, Failure> {
    match function {
        "GetChannels" => {
            let channels = vec![ChannelInfo { channel_id: endorser.channel.name.clone() }];
            Ok(ChannelQueryResponse { channels }.encode_to_vec())
        }
        other => Err(format!(
            "hlf-devnet does not support {other} of cscc: it has one channel, whose configuration is in devnet.toml"
        )
        .into()),
    }
}
