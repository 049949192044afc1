//! Reading and writing single keys, and calling other chaincodes.

use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{
    ChaincodeId, ChaincodeInput, ChaincodeMessage, ChaincodeSpec, DelState, GetState, PutState,
};
use hlf_proto::{Message, protos};

use super::Stub;
use crate::{LedgerError, Response};

impl Stub {
    /// The value of a key, or `None`. A value is never empty: Fabric does not tell an empty one from none.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the key is empty or the peer cannot be asked.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        let request = GetState { key: not_empty(key)?, collection: String::new() };
        let value = self.peer.call(Type::GetState, request.encode_to_vec()).await?;
        Ok((!value.is_empty()).then_some(value))
    }

    /// Writes a value. It is there once the transaction is valid.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the key is empty or the peer cannot be asked.
    pub async fn put(&self, key: &str, value: impl Into<Vec<u8>>) -> Result<(), LedgerError> {
        let request = PutState { key: not_empty(key)?, value: value.into(), collection: String::new() };
        self.peer.call(Type::PutState, request.encode_to_vec()).await.map(drop)
    }

    /// Deletes a key, whether it is there or not.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the key is empty or the peer cannot be asked.
    pub async fn delete(&self, key: &str) -> Result<(), LedgerError> {
        let request = DelState { key: not_empty(key)?, collection: String::new() };
        self.peer.call(Type::DelState, request.encode_to_vec()).await.map(drop)
    }

    /// Calls another chaincode on the same peer, within this transaction. On another channel it can only read, and what
    /// it writes does not count.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the call did not happen. What the chaincode itself refuses is a [`Response`].
    pub async fn call_chaincode(
        &self,
        name: &str,
        args: Vec<Vec<u8>>,
        channel_id: Option<&str>,
    ) -> Result<Response, LedgerError> {
        let name = channel_id.map_or_else(|| name.to_owned(), |channel_id| format!("{name}/{channel_id}"));
        let request = ChaincodeSpec {
            chaincode_id: Some(ChaincodeId { name, ..ChaincodeId::default() }),
            input: Some(ChaincodeInput { args, ..ChaincodeInput::default() }),
            ..ChaincodeSpec::default()
        };
        // The reply wraps the last message of the called chaincode.
        let kind = Type::InvokeChaincode;
        let end: ChaincodeMessage = self.request(kind, &request).await?;
        match end.r#type() {
            Type::Completed => protos::Response::decode(end.payload.as_slice())
                .map(Response::from)
                .map_err(|source| LedgerError::Undecodable { kind, source }),
            Type::Error => {
                Err(LedgerError::Peer { text: String::from_utf8_lossy(&end.payload).into_owned() })
            }
            kind => Err(LedgerError::UnexpectedEnd { kind }),
        }
    }
}

fn not_empty(key: &str) -> Result<String, LedgerError> {
    if key.is_empty() { Err(LedgerError::EmptyKey) } else { Ok(key.to_owned()) }
}
