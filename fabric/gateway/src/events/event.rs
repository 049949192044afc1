//! An event.

use hlf_proto::protos;

use crate::transaction_id::TransactionId;

/// What a valid transaction's chaincode wants known. A transaction emits one event at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChaincodeEvent {
    /// The number of the block that the transaction is in.
    pub block_number: u64,
    /// The transaction.
    pub transaction_id: TransactionId,
    /// The chaincode.
    pub chaincode: String,
    /// The event's name, which the chaincode gave it.
    pub name: String,
    /// The event's content, which is the chaincode's business.
    pub payload: Vec<u8>,
}

impl ChaincodeEvent {
    /// The wire has the block's number beside the events.
    pub(super) fn from_wire(block_number: u64, event: protos::ChaincodeEvent) -> Self {
        Self {
            block_number,
            transaction_id: event.tx_id.into(),
            chaincode: event.chaincode_id,
            name: event.event_name,
            payload: event.payload,
        }
    }
}
