//! Requests about single keys, of the public state (an empty collection) and of private data.

use hlf_proto::Message;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::write_record::Type as Record;
use hlf_proto::protos::{
    DelState, GetState, GetStateMetadata, GetStateMultiple, GetStateMultipleResult, PurgePrivateState,
    PutState, PutStateMetadata, StateMetadata, StateMetadataResult, WriteRecord,
};

use super::Stub;
use crate::LedgerError;

/// Under this name the peer keeps a key's endorsement policy beside its value.
const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";

impl Stub {
    /// A value, `None` for nothing: on the wire an empty value is none.
    pub(super) async fn read(
        &self,
        kind: Type,
        collection: &str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, LedgerError> {
        let request = GetState { key: not_empty(key)?, collection: collection.to_owned() };
        let value = self.0.peer.call(kind, request.encode_to_vec()).await?;
        Ok((!value.is_empty()).then_some(value))
    }

    /// Values in the order of the keys: in as few requests as the peer offers, else one by one.
    pub(super) async fn read_many(
        &self,
        collection: &str,
        keys: &[&str],
    ) -> Result<Vec<Option<Vec<u8>>>, LedgerError> {
        let mut values = Vec::with_capacity(keys.len());
        let Some(most) = self.0.invocation.offers.get_multiple else {
            for key in keys {
                values.push(self.read(Type::GetState, collection, key).await?);
            }
            return Ok(values);
        };
        let kind = Type::GetStateMultiple;
        for some in keys.chunks(most) {
            let keys = some.iter().map(|key| not_empty(key)).collect::<Result<_, _>>()?;
            let request = GetStateMultiple { keys, collection: collection.to_owned() };
            let reply: GetStateMultipleResult = self.request(kind, &request).await?;
            if reply.values.len() != some.len() {
                return Err(LedgerError::ValueCount { expected: some.len(), actual: reply.values.len() });
            }
            values.extend(reply.values.into_iter().map(|value| (!value.is_empty()).then_some(value)));
        }
        Ok(values)
    }

    /// The endorsement policy of a key.
    pub(super) async fn read_validation_parameter(
        &self,
        collection: &str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, LedgerError> {
        let request = GetStateMetadata { key: not_empty(key)?, collection: collection.to_owned() };
        let reply: StateMetadataResult = self.request(Type::GetStateMetadata, &request).await?;
        let entry = reply.entries.into_iter().find(|entry| entry.metakey == VALIDATION_PARAMETER);
        Ok(entry.map(|entry| entry.value).filter(|policy| !policy.is_empty()))
    }

    pub(super) async fn write_value(
        &self,
        collection: &str,
        key: &str,
        value: Vec<u8>,
    ) -> Result<(), LedgerError> {
        self.write(WriteRecord { value, ..record(Record::PutState, collection, key)? }).await
    }

    pub(super) async fn write_deletion(&self, collection: &str, key: &str) -> Result<(), LedgerError> {
        self.write(record(Record::DelState, collection, key)?).await
    }

    pub(super) async fn write_purge(&self, collection: &str, key: &str) -> Result<(), LedgerError> {
        self.write(record(Record::PurgePrivateData, collection, key)?).await
    }

    pub(super) async fn write_validation_parameter(
        &self,
        collection: &str,
        key: &str,
        policy: Vec<u8>,
    ) -> Result<(), LedgerError> {
        let metadata = Some(StateMetadata { metakey: VALIDATION_PARAMETER.to_owned(), value: policy });
        self.write(WriteRecord { metadata, ..record(Record::PutStateMetadata, collection, key)? }).await
    }

    /// Into the open batch, else to the peer at once.
    async fn write(&self, record: WriteRecord) -> Result<(), LedgerError> {
        if let Some(batch) = self.batch().as_mut() {
            batch.add(record);
            return Ok(());
        }
        let (kind, request) = single(record);
        self.0.peer.call(kind, request).await.map(drop)
    }
}

/// The message that a record is when it is no part of a batch.
fn single(record: WriteRecord) -> (Type, Vec<u8>) {
    let kind = record.r#type();
    let WriteRecord { key, value, collection, metadata, .. } = record;
    match kind {
        Record::DelState => (Type::DelState, DelState { key, collection }.encode_to_vec()),
        Record::PurgePrivateData => {
            (Type::PurgePrivateData, PurgePrivateState { key, collection }.encode_to_vec())
        }
        Record::PutStateMetadata => {
            (Type::PutStateMetadata, PutStateMetadata { key, collection, metadata }.encode_to_vec())
        }
        Record::PutState | Record::Undefined => {
            (Type::PutState, PutState { key, value, collection }.encode_to_vec())
        }
    }
}

fn record(kind: Record, collection: &str, key: &str) -> Result<WriteRecord, LedgerError> {
    Ok(WriteRecord {
        key: not_empty(key)?,
        collection: collection.to_owned(),
        r#type: kind.into(),
        ..WriteRecord::default()
    })
}

pub(super) fn not_empty(key: &str) -> Result<String, LedgerError> {
    if key.is_empty() { Err(LedgerError::EmptyKey) } else { Ok(key.to_owned()) }
}
