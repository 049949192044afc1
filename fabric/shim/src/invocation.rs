//! One call of the chaincode.

use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{ChaincodeInput, ChaincodeMessage, SignedProposal};

/// What a transaction is known by. A call from another channel has the same id, so the channel belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TransactionKey {
    pub(crate) channel_id: String,
    pub(crate) tx_id: String,
}

impl TransactionKey {
    /// A message about this transaction.
    pub(crate) fn message(&self, kind: Type, payload: Vec<u8>) -> ChaincodeMessage {
        ChaincodeMessage {
            r#type: kind.into(),
            payload,
            txid: self.tx_id.clone(),
            channel_id: self.channel_id.clone(),
            ..ChaincodeMessage::default()
        }
    }
}

/// A call as the peer sends it.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) key: TransactionKey,
    pub(crate) input: ChaincodeInput,
    /// Whether it came as INIT.
    pub(crate) is_init: bool,
    pub(crate) proposal: Option<SignedProposal>,
}
