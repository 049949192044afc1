//! What is in a block.

use std::time::SystemTime;

use hlf_proto::common::{
    Block, BlockMetadataIndex, ChannelHeader, Envelope, HeaderType, Payload, SignatureHeader,
};
use hlf_proto::msp::SerializedIdentity;
use hlf_proto::protos::TxValidationCode;

use crate::convert::{MalformedMessage, decode};
use crate::transaction_id::TransactionId;
use crate::validation_code::ValidationCode;

/// A transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockTransaction {
    /// Its id; none for a change of the channel's configuration in old blocks.
    pub id: Option<TransactionId>,
    /// What it is, a number of `common.HeaderType`: [`HeaderType::EndorserTransaction`] for those of chaincode.
    pub kind: i32,
    /// What the peer found.
    pub code: ValidationCode,
    /// The MSP id of the organisation whose member made it.
    pub msp_id: String,
    /// When its maker says that it was made, if it does.
    pub timestamp: Option<SystemTime>,
}

impl BlockTransaction {
    /// Whether it calls a chaincode.
    #[must_use]
    pub fn calls_chaincode(&self) -> bool {
        self.kind == i32::from(HeaderType::EndorserTransaction)
    }
}

/// The transactions of a block, in order.
///
/// # Errors
/// [`MalformedMessage`] when an envelope cannot be read, which peers store all the same: it is then not valid.
pub fn block_transactions(block: &Block) -> Result<Vec<BlockTransaction>, MalformedMessage> {
    let index = usize::try_from(i32::from(BlockMetadataIndex::TransactionsFilter)).unwrap_or_default();
    let verdicts = block.metadata.as_ref().and_then(|metadata| metadata.metadata.get(index));
    let envelopes = block.data.iter().flat_map(|data| &data.data).enumerate();
    envelopes
        .map(|(number, envelope)| {
            let verdict = verdicts.and_then(|verdicts| verdicts.get(number)).copied();
            let code = verdict.map_or_else(|| i32::from(TxValidationCode::NotValidated), i32::from);
            transaction(envelope, ValidationCode::from(code))
        })
        .collect()
}

fn transaction(envelope: &[u8], code: ValidationCode) -> Result<BlockTransaction, MalformedMessage> {
    let envelope: Envelope = decode("the envelope", envelope)?;
    let payload: Payload = decode("the envelope's payload", &envelope.payload)?;
    let header = payload.header.ok_or(MalformedMessage::Missing { what: "the envelope's header" })?;
    let channel: ChannelHeader = decode("the channel header", &header.channel_header)?;
    let signature: SignatureHeader = decode("the signature header", &header.signature_header)?;
    let creator: SerializedIdentity = decode("the creator", &signature.creator)?;
    Ok(BlockTransaction {
        id: (!channel.tx_id.is_empty()).then(|| TransactionId::from(channel.tx_id)),
        kind: channel.r#type,
        code,
        msp_id: creator.mspid,
        timestamp: channel.timestamp.and_then(|timestamp| SystemTime::try_from(timestamp).ok()),
    })
}
