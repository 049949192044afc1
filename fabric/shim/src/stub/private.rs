//! Private data: values that only a collection's members have, and of which everybody has the hash.

use hlf_proto::protos::chaincode_message::Type;

use super::query::{KeyValue, Query, simple_range};
use super::{Stub, UnknownLocalMsp};
use crate::{CompositeKey, LedgerError};

/// The private data of one collection, within one call.
///
/// Made by [`Stub::private`]. Peers refuse all of it while the chaincode is being initialised. Ranges and rich queries
/// need a transaction that writes nothing: their results are not checked again when it is validated.
#[derive(Clone, Debug)]
pub struct PrivateData {
    stub: Stub,
    collection: String,
}

impl Stub {
    /// The private data of a collection of this chaincode.
    #[must_use]
    pub fn private(&self, collection: impl Into<String>) -> PrivateData {
        PrivateData { stub: self.clone(), collection: collection.into() }
    }

    /// The collection that each organisation has for itself without its being defined, `_implicit_org_` and the MSP id,
    /// of the organisation whose peer this chaincode serves.
    ///
    /// # Errors
    ///
    /// [`UnknownLocalMsp`] if nobody said whose that is.
    pub fn implicit_private(&self) -> Result<PrivateData, UnknownLocalMsp> {
        Ok(self.private(format!("_implicit_org_{}", self.local_msp_id()?)))
    }
}

impl PrivateData {
    /// The collection's name.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// The value of a key, or `None`.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the collection or the key is empty, or the peer cannot be asked, has not got the data or may
    /// not give them to this client.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        self.stub.read(Type::GetState, self.named()?, key).await
    }

    /// The values of several keys, in their order.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, LedgerError> {
        self.stub.read_many(self.named()?, keys).await
    }

    /// SHA-256 of the key's value, or `None`. Peers of organisations that are no members answer it as well.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn hash(&self, key: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        self.stub.read(Type::GetPrivateDataHash, self.named()?, key).await
    }

    /// Writes a value. Only its hash goes to the orderer.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the collection or the key is empty, or the peer cannot be asked or does not let this client
    /// write.
    pub async fn put(&self, key: &str, value: impl Into<Vec<u8>>) -> Result<(), LedgerError> {
        self.stub.write_value(self.named()?, key, value.into()).await
    }

    /// Deletes a key; peers keep the data of earlier transactions.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub async fn delete(&self, key: &str) -> Result<(), LedgerError> {
        self.stub.write_deletion(self.named()?, key).await
    }

    /// Deletes a key and has the peers forget its earlier values, too. The channel needs the capability V2_5.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub async fn purge(&self, key: &str) -> Result<(), LedgerError> {
        self.stub.write_purge(self.named()?, key).await
    }

    /// The key's own endorsement policy, encoded; as [`Stub::validation_parameter`].
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn validation_parameter(&self, key: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        self.stub.read_validation_parameter(self.named()?, key).await
    }

    /// Sets the key's own endorsement policy; as [`Stub::set_validation_parameter`].
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub async fn set_validation_parameter(
        &self,
        key: &str,
        policy: impl Into<Vec<u8>>,
    ) -> Result<(), LedgerError> {
        self.stub.write_validation_parameter(self.named()?, key, policy.into()).await
    }

    /// As [`Stub::range`].
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and if a key is a composite one.
    pub async fn range(&self, start: &str, end: &str) -> Result<Query<KeyValue>, LedgerError> {
        self.stub.open_range(self.named()?, simple_range(start, end)?, Vec::new()).await
    }

    /// As [`Stub::composite_range`].
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn composite_range(&self, prefix: &CompositeKey) -> Result<Query<KeyValue>, LedgerError> {
        self.stub.open_range(self.named()?, prefix.range(), Vec::new()).await
    }

    /// As [`Stub::query`].
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and if the peer's database has no queries.
    pub async fn query(&self, query: &str) -> Result<Query<KeyValue>, LedgerError> {
        self.stub.open_rich(self.named()?, query, Vec::new()).await
    }

    /// The collection; an empty one would be the public state.
    fn named(&self) -> Result<&str, LedgerError> {
        if self.collection.is_empty() { Err(LedgerError::EmptyCollection) } else { Ok(&self.collection) }
    }
}
