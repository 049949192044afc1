//! Calls of other chaincodes.

use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{ChaincodeId, ChaincodeInput, ChaincodeMessage, ChaincodeSpec};
use hlf_proto::{Message, protos};

use super::Stub;
use crate::{LedgerError, Response};

impl Stub {
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
                .map_err(|source| LedgerError::Undecodable { kind: kind.as_str_name(), source }),
            Type::Error => {
                Err(LedgerError::Peer { text: String::from_utf8_lossy(&end.payload).into_owned() })
            }
            kind => Err(LedgerError::UnexpectedEnd { kind: kind.as_str_name() }),
        }
    }
}
