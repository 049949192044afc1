//! What a chaincode may ask of the ledger during a transaction, message by message.

use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{
    ChaincodeMessage, DelState, GetHistoryForKey, GetQueryResult, GetState, GetStateByRange, PutState,
    QueryMetadata, QueryResponse, QueryResponseMetadata, QueryResultBytes, QueryStateClose, QueryStateNext,
};
use prost::Message;
use thiserror::Error;

use crate::core::simulator::{Batch, Page, SimulationError, Simulator};

/// Why a call is answered with `ERROR`.
#[derive(Debug, Error)]
enum CallError {
    /// The payload is not the message that it should be.
    #[error("unmarshal failed: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// The simulation refused.
    #[error(transparent)]
    Refused(#[from] SimulationError),
    /// Real Fabric can, devnet cannot.
    #[error("hlf-devnet does not support {0}")]
    Unsupported(&'static str),
    /// A rich query, which real Fabric refuses as well when it runs on LevelDB.
    #[error("ExecuteQuery not supported for leveldb")]
    RichQuery,
    /// No transaction of this id is being simulated.
    #[error("no ledger context")]
    NoContext,
}

/// True for the messages that this module answers.
pub(super) fn is_call(kind: Type) -> bool {
    match kind {
        Type::GetState
        | Type::PutState
        | Type::DelState
        | Type::InvokeChaincode
        | Type::GetStateByRange
        | Type::GetQueryResult
        | Type::QueryStateNext
        | Type::QueryStateClose
        | Type::GetHistoryForKey
        | Type::GetStateMetadata
        | Type::PutStateMetadata
        | Type::GetPrivateDataHash
        | Type::PurgePrivateData
        | Type::WriteBatchState
        | Type::GetStateMultiple => true,
        Type::Undefined
        | Type::Register
        | Type::Registered
        | Type::Init
        | Type::Ready
        | Type::Transaction
        | Type::Completed
        | Type::Error
        | Type::Response
        | Type::Keepalive => false,
    }
}

/// Answers a call with `RESPONSE` or `ERROR`.
pub(super) fn answer(message: &ChaincodeMessage, simulator: Option<&mut Simulator>) -> ChaincodeMessage {
    let result = match simulator {
        Some(simulator) => call(message, simulator),
        None => Err(CallError::NoContext),
    };
    let (kind, payload) = match result {
        Ok(payload) => (Type::Response, payload),
        Err(error) => {
            let name = message.r#type().as_str_name();
            let text = format!("{name} failed: transaction ID: {}: {error}", message.txid);
            (Type::Error, text.into_bytes())
        }
    };
    ChaincodeMessage {
        r#type: kind.into(),
        payload,
        txid: message.txid.clone(),
        channel_id: message.channel_id.clone(),
        ..ChaincodeMessage::default()
    }
}

fn call(message: &ChaincodeMessage, simulator: &mut Simulator) -> Result<Vec<u8>, CallError> {
    let payload = message.payload.as_slice();
    match message.r#type() {
        Type::GetState => {
            let GetState { key, collection } = GetState::decode(payload)?;
            public(&collection)?;
            Ok(simulator.get(&key)?.unwrap_or_default())
        }
        Type::PutState => {
            let PutState { key, value, collection } = PutState::decode(payload)?;
            public(&collection)?;
            simulator.put(&key, value)?;
            Ok(Vec::new())
        }
        Type::DelState => {
            let DelState { key, collection } = DelState::decode(payload)?;
            public(&collection)?;
            simulator.put(&key, Vec::new())?;
            Ok(Vec::new())
        }
        Type::GetStateByRange => range(payload, simulator),
        Type::GetQueryResult => {
            GetQueryResult::decode(payload)?;
            Err(CallError::RichQuery)
        }
        Type::QueryStateNext => {
            let QueryStateNext { id } = QueryStateNext::decode(payload)?;
            Ok(encode(simulator.next(&id)?))
        }
        Type::QueryStateClose => {
            let QueryStateClose { id } = QueryStateClose::decode(payload)?;
            simulator.close(&id);
            Ok(QueryResponse { id, ..QueryResponse::default() }.encode_to_vec())
        }
        Type::GetHistoryForKey => {
            let GetHistoryForKey { key } = GetHistoryForKey::decode(payload)?;
            Ok(encode(simulator.history(&key)?))
        }
        other => Err(CallError::Unsupported(other.as_str_name())),
    }
}

fn range(payload: &[u8], simulator: &mut Simulator) -> Result<Vec<u8>, CallError> {
    let request = GetStateByRange::decode(payload)?;
    public(&request.collection)?;
    let metadata = QueryMetadata::decode(request.metadata.as_slice())?;
    let paginated = metadata.page_size != 0 || !metadata.bookmark.is_empty();
    let page = paginated.then(|| Page {
        size: usize::try_from(metadata.page_size).unwrap_or_default(),
        bookmark: metadata.bookmark,
    });
    Ok(encode(simulator.range(&request.start_key, &request.end_key, page.as_ref())?))
}

fn public(collection: &str) -> Result<(), CallError> {
    if collection.is_empty() { Ok(()) } else { Err(CallError::Unsupported("private data")) }
}

fn encode(batch: Batch) -> Vec<u8> {
    let count = i32::try_from(batch.results.len()).unwrap_or(i32::MAX);
    let metadata = batch
        .bookmark
        .map(|bookmark| QueryResponseMetadata { fetched_records_count: count, bookmark }.encode_to_vec());
    let results = batch.results.into_iter().map(|result_bytes| QueryResultBytes { result_bytes }).collect();
    let has_more = batch.has_more;
    QueryResponse { results, has_more, id: batch.id, metadata: metadata.unwrap_or_default() }.encode_to_vec()
}
