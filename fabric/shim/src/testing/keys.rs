//! Requests about single keys.

use hlf_proto::Message;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::write_record::Type as Record;
use hlf_proto::protos::{
    DelState, GetState, GetStateMetadata, GetStateMultiple, GetStateMultipleResult, PurgePrivateState,
    PutState, PutStateMetadata, StateMetadata, StateMetadataResult, WriteBatchState, WriteRecord,
};
use sha2::{Digest, Sha256};

use super::simulation::{Progress, Refusal, Simulation};
use super::state::{Place, Write};

impl Simulation {
    pub(super) fn read(&self, kind: Type, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        match kind {
            Type::GetState => {
                let GetState { key, collection } = Message::decode(payload)?;
                self.may_read(&collection)?;
                self.value(&collection, &key)
            }
            Type::GetPrivateDataHash => {
                let GetState { key, collection } = Message::decode(payload)?;
                self.not_in_init()?;
                let value = self.setting.state.values.get(&self.place(&collection, &key));
                Ok(value.map_or_else(Vec::new, |value| Sha256::digest(value).to_vec()))
            }
            Type::GetStateMultiple => {
                let GetStateMultiple { keys, collection } = Message::decode(payload)?;
                self.may_read(&collection)?;
                let values = keys.iter().map(|key| self.value(&collection, key)).collect::<Result<_, _>>()?;
                Ok(GetStateMultipleResult { values }.encode_to_vec())
            }
            _ => {
                let GetStateMetadata { key, collection } = Message::decode(payload)?;
                self.may_read(&collection)?;
                let policy = self.setting.state.policies.get(&self.place(&collection, &key)).cloned();
                let entry = |value| StateMetadata { metakey: VALIDATION_PARAMETER.to_owned(), value };
                Ok(StateMetadataResult { entries: policy.map(entry).into_iter().collect() }.encode_to_vec())
            }
        }
    }

    pub(super) fn write(&self, kind: Type, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        let record = match kind {
            Type::WriteBatchState => {
                let WriteBatchState { rec } = Message::decode(payload)?;
                rec.into_iter().try_for_each(|record| self.record(record))?;
                return Ok(Vec::new());
            }
            Type::DelState => {
                let DelState { key, collection } = Message::decode(payload)?;
                WriteRecord { key, collection, r#type: Record::DelState.into(), ..WriteRecord::default() }
            }
            Type::PurgePrivateData => {
                let PurgePrivateState { key, collection } = Message::decode(payload)?;
                let r#type = Record::PurgePrivateData.into();
                WriteRecord { key, collection, r#type, ..WriteRecord::default() }
            }
            Type::PutStateMetadata => {
                let PutStateMetadata { key, collection, metadata } = Message::decode(payload)?;
                let r#type = Record::PutStateMetadata.into();
                WriteRecord { key, collection, metadata, r#type, ..WriteRecord::default() }
            }
            _ => {
                let PutState { key, value, collection } = Message::decode(payload)?;
                WriteRecord {
                    key,
                    value,
                    collection,
                    r#type: Record::PutState.into(),
                    ..WriteRecord::default()
                }
            }
        };
        self.record(record)?;
        Ok(Vec::new())
    }

    fn record(&self, record: WriteRecord) -> Result<(), Refusal> {
        let kind = record.r#type();
        if kind == Record::PurgePrivateData && record.collection.is_empty() {
            return Err(Refusal::OnlyPrivate);
        }
        self.may_write(&record.collection)?;
        let place = self.place(&record.collection, &record.key);
        let mut progress = self.progress();
        progress.check_write(&self.setting.key.tx_id)?;
        let write = match kind {
            Record::PutStateMetadata => {
                progress.writes.policies.insert(place, record.metadata.unwrap_or_default().value);
                return Ok(());
            }
            Record::PurgePrivateData => Write::Purge,
            Record::DelState => Write::Delete,
            // A peer takes an empty value for a deletion.
            _ if record.value.is_empty() => Write::Delete,
            _ => Write::Put(record.value),
        };
        progress.writes.values.insert(place, write);
        Ok(())
    }

    fn value(&self, collection: &str, key: &str) -> Result<Vec<u8>, Refusal> {
        let value = self.setting.state.values.get(&self.place(collection, key)).cloned();
        if let (Some(_), Some(local)) = (&value, &self.setting.local_msp_id)
            && !self.is_kept(collection)
        {
            return Err(Refusal::NotOnThisPeer(local.as_ref().to_owned()));
        }
        Ok(value.unwrap_or_default())
    }

    /// Whether the peer keeps the values of a collection, and not their hashes alone: its organisation is a member. An
    /// organisation's own collection has this one member. Without an organisation the peer is one of every.
    pub(super) fn is_kept(&self, collection: &str) -> bool {
        let Some(local) = &self.setting.local_msp_id else { return true };
        if let Some(owner) = collection.strip_prefix(IMPLICIT) {
            return owner == &**local;
        }
        let name = (self.chaincode().to_owned(), collection.to_owned());
        self.setting.collections.get(&name).is_none_or(|defined| defined.members.contains(&**local))
    }

    fn place(&self, collection: &str, key: &str) -> Place {
        (self.chaincode().to_owned(), collection.to_owned(), key.to_owned())
    }

    /// Whether the transaction's creator may read what is in a collection.
    pub(super) fn may_read(&self, collection: &str) -> Result<(), Refusal> {
        self.permitted(collection, "read", |defined| defined.member_only_read)
    }

    fn may_write(&self, collection: &str) -> Result<(), Refusal> {
        self.permitted(collection, "write", |defined| defined.member_only_write)
    }

    /// Without definitions every collection is there, and open to all.
    fn permitted(
        &self,
        collection: &str,
        access: &'static str,
        members_only: impl Fn(&super::Collection) -> bool,
    ) -> Result<(), Refusal> {
        if collection.is_empty() {
            return Ok(());
        }
        self.not_in_init()?;
        if self.setting.collections.is_empty() || collection.starts_with(IMPLICIT) {
            return Ok(());
        }
        let (chaincode, collection) = (self.chaincode().to_owned(), collection.to_owned());
        let Some(defined) = self.setting.collections.get(&(chaincode.clone(), collection.clone())) else {
            return Err(Refusal::NoCollection { chaincode, collection });
        };
        if members_only(defined) && !defined.members.contains(&self.setting.caller_msp_id) {
            return Err(Refusal::NotAMember { access, chaincode, collection });
        }
        Ok(())
    }

    pub(super) fn not_in_init(&self) -> Result<(), Refusal> {
        if self.setting.is_init { Err(Refusal::PrivateInInit) } else { Ok(()) }
    }
}

/// What the names of organisations' own collections begin with.
const IMPLICIT: &str = "_implicit_org_";

/// As the peer names it.
const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";

impl Progress {
    fn check_write(&self, tx_id: &str) -> Result<(), Refusal> {
        if self.paged {
            return Err(Refusal::WrittenAfterPage(tx_id.to_owned()));
        }
        if self.private_query {
            return Err(Refusal::WrittenAfterPrivateQuery(tx_id.to_owned()));
        }
        Ok(())
    }
}
