//! One call of the chaincode.

use hlf_proto::Message;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{ChaincodeAdditionalParams, ChaincodeInput, ChaincodeMessage, SignedProposal};

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
    pub(crate) offers: Offers,
}

/// Messages that not every peer takes; one that does not ends the stream when it gets them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offers {
    /// Most writes of one WRITE_BATCH_STATE.
    pub(crate) write_batch: Option<usize>,
    /// Most keys of one GET_STATE_MULTIPLE.
    pub(crate) get_multiple: Option<usize>,
}

/// Peers that say less than this are taken to mean it, as by Fabric's Go shim.
const SMALLEST_OFFER: u32 = 100;

impl Offers {
    /// What the payload of READY offers: nothing before Fabric 3.1, and nothing if it cannot be read.
    pub(crate) fn read(payload: &[u8]) -> Self {
        let parameters = ChaincodeAdditionalParams::decode(payload).unwrap_or_default();
        let size = |offered: bool, most: u32| {
            offered.then(|| usize::try_from(most.max(SMALLEST_OFFER)).unwrap_or(usize::MAX))
        };
        Self {
            write_batch: size(parameters.use_write_batch, parameters.max_size_write_batch),
            get_multiple: size(parameters.use_get_multiple_keys, parameters.max_size_get_multiple_keys),
        }
    }
}
