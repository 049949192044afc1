//! An event.

use hlf_proto::protos;

use crate::transaction_id::TransactionId;

/// What a valid transaction's chaincode wants known. A transaction emits one event at most.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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
    /// An event without content, such as tests of what is done with events want one.
    #[must_use]
    pub fn new(
        block_number: u64,
        transaction_id: impl Into<TransactionId>,
        chaincode: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            block_number,
            transaction_id: transaction_id.into(),
            chaincode: chaincode.into(),
            name: name.into(),
            payload: Vec::new(),
        }
    }

    /// The same with content.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = payload.into();
        self
    }

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
