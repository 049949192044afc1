//! What a chaincode may ask of the ledger during a transaction, message by message.

use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::write_record::Type as Write;
use hlf_proto::protos::{
    ChaincodeMessage, DelState, GetHistoryForKey, GetQueryResult, GetState, GetStateByRange,
    GetStateMetadata, GetStateMultiple, GetStateMultipleResult, PurgePrivateState, PutState,
    PutStateMetadata, QueryMetadata, QueryResponse, QueryResponseMetadata, QueryResultBytes, QueryStateClose,
    QueryStateNext, StateMetadata, StateMetadataResult, WriteBatchState, WriteRecord,
};
use prost::Message;
use thiserror::Error;

use crate::core::simulator::{Batch, Context, Page, Place, SimulationError, Simulator};
use crate::core::snapshot::Metadata;

/// Why a call is answered with `ERROR`.
#[derive(Debug, Error)]
pub(super) enum CallError {
    /// The payload is not the message that it should be.
    #[error("unmarshal failed: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// The simulation refused.
    #[error(transparent)]
    Refused(#[from] SimulationError),
    /// A write of a batch that is no write.
    #[error("unknown operation type")]
    UnknownWrite,
    /// The network has the state database LevelDB.
    #[error("ExecuteQuery not supported for leveldb")]
    RichQuery,
    /// The network speaks as a peer before 3.1, which did not offer this in `READY`.
    #[error("hlf-devnet does not support {0} with batches = false")]
    NotOffered(&'static str),
    /// Another chaincode could not be called.
    #[error("{0}")]
    Nested(String),
    /// No transaction of this id is being simulated.
    #[error("no ledger context")]
    NoContext,
}

/// What a peer offers beyond the protocol's first version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Features {
    /// Write batches and reads of several keys, which peers have since 3.1.
    pub(crate) batches: bool,
    /// Rich queries, which peers with CouchDB have.
    pub(crate) rich_queries: bool,
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
pub(super) fn answer(
    message: &ChaincodeMessage,
    simulation: Option<(&mut Simulator, &Context)>,
    features: Features,
) -> ChaincodeMessage {
    let result = match simulation {
        Some((simulator, context)) => call(message, simulator, context, features),
        None => Err(CallError::NoContext),
    };
    reply(message, result)
}

/// The message that answers a call.
pub(super) fn reply(message: &ChaincodeMessage, result: Result<Vec<u8>, CallError>) -> ChaincodeMessage {
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

fn call(
    message: &ChaincodeMessage,
    simulator: &mut Simulator,
    context: &Context,
    features: Features,
) -> Result<Vec<u8>, CallError> {
    let payload = message.payload.as_slice();
    match message.r#type() {
        Type::GetState => {
            let GetState { key, collection } = GetState::decode(payload)?;
            Ok(simulator.get(context, place(&collection, &key))?.unwrap_or_default())
        }
        Type::GetPrivateDataHash => {
            let GetState { key, collection } = GetState::decode(payload)?;
            Ok(simulator.private_hash(context, place(&collection, &key))?.unwrap_or_default())
        }
        Type::GetStateMultiple if features.batches => {
            let GetStateMultiple { keys, collection } = GetStateMultiple::decode(payload)?;
            let read = |key: &String| simulator.get(context, place(&collection, key));
            let values = keys.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            let values = values.into_iter().map(Option::unwrap_or_default).collect();
            Ok(GetStateMultipleResult { values }.encode_to_vec())
        }
        Type::GetStateMetadata => {
            let GetStateMetadata { key, collection } = GetStateMetadata::decode(payload)?;
            let metadata = simulator.metadata(context, place(&collection, &key))?;
            let entries = metadata.into_iter().map(|(metakey, value)| StateMetadata { metakey, value });
            Ok(StateMetadataResult { entries: entries.collect() }.encode_to_vec())
        }
        Type::GetStateByRange => range(payload, simulator, context),
        Type::GetQueryResult if features.rich_queries => {
            let request = GetQueryResult::decode(payload)?;
            let page = page(&request.metadata)?;
            let batch = simulator.query(context, &request.collection, &request.query, page.as_ref())?;
            Ok(encode(batch))
        }
        Type::GetQueryResult => Err(CallError::RichQuery),
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
            Ok(encode(simulator.history(context, &key)?))
        }
        Type::WriteBatchState if features.batches => {
            let WriteBatchState { rec } = WriteBatchState::decode(payload)?;
            rec.into_iter().try_for_each(|record| write(record, simulator, context))?;
            Ok(Vec::new())
        }
        Type::GetStateMultiple | Type::WriteBatchState => {
            Err(CallError::NotOffered(message.r#type().as_str_name()))
        }
        kind => {
            write(single_write(kind, payload)?, simulator, context)?;
            Ok(Vec::new())
        }
    }
}

/// A write that comes alone, as a record of a batch.
fn single_write(kind: Type, payload: &[u8]) -> Result<WriteRecord, CallError> {
    Ok(match kind {
        Type::PutState => {
            let PutState { key, value, collection } = PutState::decode(payload)?;
            WriteRecord { key, value, collection, metadata: None, r#type: Write::PutState.into() }
        }
        Type::DelState => {
            let DelState { key, collection } = DelState::decode(payload)?;
            WriteRecord { key, collection, r#type: Write::DelState.into(), ..WriteRecord::default() }
        }
        Type::PurgePrivateData => {
            let PurgePrivateState { key, collection } = PurgePrivateState::decode(payload)?;
            WriteRecord { key, collection, r#type: Write::PurgePrivateData.into(), ..WriteRecord::default() }
        }
        Type::PutStateMetadata => {
            let PutStateMetadata { key, collection, metadata } = PutStateMetadata::decode(payload)?;
            let kind = Write::PutStateMetadata.into();
            WriteRecord { key, value: Vec::new(), collection, metadata, r#type: kind }
        }
        _ => return Err(CallError::UnknownWrite),
    })
}

fn write(record: WriteRecord, simulator: &mut Simulator, context: &Context) -> Result<(), CallError> {
    let kind = record.r#type();
    let WriteRecord { key, value, collection, metadata, .. } = record;
    let place = place(&collection, &key);
    match kind {
        Write::PutState => simulator.put(context, place, value)?,
        Write::DelState => simulator.put(context, place, Vec::new())?,
        Write::PurgePrivateData => simulator.purge(context, place)?,
        Write::PutStateMetadata => {
            // As in Fabric, one entry takes the place of all.
            let StateMetadata { metakey, value } = metadata.unwrap_or_default();
            simulator.put_metadata(context, place, Metadata::from([(metakey, value)]))?;
        }
        Write::Undefined => return Err(CallError::UnknownWrite),
    }
    Ok(())
}

fn place<'a>(collection: &'a str, key: &'a str) -> Place<'a> {
    Place { collection, key }
}

fn range(payload: &[u8], simulator: &mut Simulator, context: &Context) -> Result<Vec<u8>, CallError> {
    let request = GetStateByRange::decode(payload)?;
    let page = page(&request.metadata)?;
    let bounds = (request.start_key.as_str(), request.end_key.as_str());
    Ok(encode(simulator.range(context, &request.collection, bounds, page.as_ref())?))
}

/// The page that a query's metadata ask for, if they do.
fn page(metadata: &[u8]) -> Result<Option<Page>, CallError> {
    let QueryMetadata { page_size, bookmark } = QueryMetadata::decode(metadata)?;
    let paginated = page_size != 0 || !bookmark.is_empty();
    Ok(paginated.then(|| Page { size: usize::try_from(page_size).unwrap_or_default(), bookmark }))
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
