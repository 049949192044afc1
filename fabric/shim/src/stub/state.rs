//! Reading and writing single keys of the public state.

use hlf_proto::protos::chaincode_message::Type;

use super::Stub;
use crate::LedgerError;

impl Stub {
    /// The value of a key, or `None`. A value is never empty: Fabric does not tell an empty one from none.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the key is empty or the peer cannot be asked.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        self.read(Type::GetState, "", key).await
    }

    /// The values of several keys, in their order. From Fabric 3.1 on one request fetches up to 1,000 of them.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if a key is empty or the peer cannot be asked.
    pub async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, LedgerError> {
        self.read_many("", keys).await
    }

    /// Writes a value. It is there once the transaction is valid.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the key is empty or the peer cannot be asked.
    pub async fn put(&self, key: &str, value: impl Into<Vec<u8>>) -> Result<(), LedgerError> {
        self.write_value("", key, value.into()).await
    }

    /// Deletes a key, whether it is there or not.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the key is empty or the peer cannot be asked.
    pub async fn delete(&self, key: &str) -> Result<(), LedgerError> {
        self.write_deletion("", key).await
    }

    /// The key's own endorsement policy, encoded; `None` if the chaincode's policy goes for it.
    /// [`KeyEndorsementPolicy`](crate::KeyEndorsementPolicy) reads it.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the key is empty or the peer cannot be asked.
    pub async fn validation_parameter(&self, key: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        self.read_validation_parameter("", key).await
    }

    /// Sets the key's own endorsement policy: an encoded `SignaturePolicyEnvelope`, as
    /// [`KeyEndorsementPolicy`](crate::KeyEndorsementPolicy) encodes it. From then on it takes the place of the
    /// chaincode's policy for this key; changing it needs the endorsements that it asks for.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the key is empty or the peer cannot be asked.
    pub async fn set_validation_parameter(
        &self,
        key: &str,
        policy: impl Into<Vec<u8>>,
    ) -> Result<(), LedgerError> {
        self.write_validation_parameter("", key, policy.into()).await
    }
}
