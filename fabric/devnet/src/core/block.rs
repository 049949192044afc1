//! Blocks: their header, hashes, and the validation codes in their metadata.

use hlf_proto::common::{
    Block, BlockData, BlockHeader, BlockMetadata, BlockMetadataIndex, ChannelHeader, Envelope, Header,
    HeaderType, Payload, SignatureHeader,
};
use hlf_proto::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, ProposalResponsePayload, Transaction,
    TxValidationCode,
};
use prost::Message;
use sha2::{Digest, Sha256};

/// Number of metadata slots of a block.
const METADATA_SLOTS: usize = 5;

/// Builds block `number` with a validation code for each of its transactions.
#[must_use]
pub(crate) fn assemble(
    number: u64,
    previous_hash: Vec<u8>,
    data: Vec<Vec<u8>>,
    codes: &[TxValidationCode],
) -> Block {
    let mut hash = Sha256::new();
    data.iter().for_each(|envelope| hash.update(envelope));
    let header = BlockHeader { number, previous_hash, data_hash: hash.finalize().to_vec() };
    let mut metadata = vec![Vec::new(); METADATA_SLOTS];
    if let Some(slot) = metadata.get_mut(BlockMetadataIndex::TransactionsFilter as usize) {
        *slot = codes.iter().map(|code| code_byte(*code)).collect();
    }
    Block { header: Some(header), data: Some(BlockData { data }), metadata: Some(BlockMetadata { metadata }) }
}

/// Block 0 of a channel: one configuration envelope that names the channel. Real Fabric keeps the channel's
/// configuration there; devnet has its own in a file.
#[must_use]
pub(crate) fn genesis(channel: &str) -> Block {
    let channel_header = ChannelHeader {
        r#type: HeaderType::Config.into(),
        channel_id: channel.to_owned(),
        ..ChannelHeader::default()
    };
    let header = Header {
        channel_header: channel_header.encode_to_vec(),
        signature_header: SignatureHeader::default().encode_to_vec(),
    };
    let payload = Payload { header: Some(header), data: Vec::new() };
    let envelope = Envelope { payload: payload.encode_to_vec(), signature: Vec::new() };
    assemble(0, Vec::new(), vec![envelope.encode_to_vec()], &[TxValidationCode::Valid])
}

/// Hash of a block header: SHA-256 of its DER sequence (number, previous hash, data hash), as in Fabric.
#[must_use]
pub(crate) fn header_hash(header: &BlockHeader) -> Vec<u8> {
    let mut number = vec![0];
    number.extend(header.number.to_be_bytes());
    let significant = number.iter().position(|byte| *byte != 0).unwrap_or(number.len() - 1);
    let mut number = number.split_off(significant);
    if number.first().is_some_and(|byte| byte & 0x80 != 0) {
        number.insert(0, 0);
    }
    let mut body = der(0x02, &number);
    body.extend(der(0x04, &header.previous_hash));
    body.extend(der(0x04, &header.data_hash));
    Sha256::digest(der(0x30, &body)).to_vec()
}

/// The validation codes in a block's metadata.
#[must_use]
pub(crate) fn codes(block: &Block) -> &[u8] {
    block
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.metadata.get(BlockMetadataIndex::TransactionsFilter as usize))
        .map_or(&[], Vec::as_slice)
}

/// The event of an encoded transaction, if it has one.
#[must_use]
pub(crate) fn event_of(envelope: &[u8]) -> Option<ChaincodeEvent> {
    let envelope = Envelope::decode(envelope).ok()?;
    let payload = Payload::decode(envelope.payload.as_slice()).ok()?;
    let transaction = Transaction::decode(payload.data.as_slice()).ok()?;
    let action =
        ChaincodeActionPayload::decode(transaction.actions.first()?.payload.as_slice()).ok()?.action?;
    let response = ProposalResponsePayload::decode(action.proposal_response_payload.as_slice()).ok()?;
    let action = ChaincodeAction::decode(response.extension.as_slice()).ok()?;
    (!action.events.is_empty()).then(|| ChaincodeEvent::decode(action.events.as_slice()).ok())?
}

/// The transaction id in an encoded envelope.
#[must_use]
pub(crate) fn transaction_id(envelope: &[u8]) -> Option<String> {
    let envelope = Envelope::decode(envelope).ok()?;
    let payload = Payload::decode(envelope.payload.as_slice()).ok()?;
    Some(ChannelHeader::decode(payload.header?.channel_header.as_slice()).ok()?.tx_id)
}

/// A validation code as the byte in a block's metadata.
#[must_use]
pub(crate) fn code_byte(code: TxValidationCode) -> u8 {
    u8::try_from(i32::from(code)).unwrap_or(u8::MAX)
}

/// The validation code of a byte; unknown ones read as `INVALID_OTHER_REASON`.
#[must_use]
pub(crate) fn code_from_byte(byte: u8) -> TxValidationCode {
    TxValidationCode::try_from(i32::from(byte)).unwrap_or(TxValidationCode::InvalidOtherReason)
}

/// A DER value: tag, length, content. Contents here are shorter than 128 bytes.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut encoded = vec![tag, u8::try_from(content.len()).unwrap_or(u8::MAX)];
    encoded.extend_from_slice(content);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_hashes_are_those_of_the_der_sequence() {
        let header = BlockHeader { number: 128, previous_hash: vec![1; 32], data_hash: vec![2; 32] };
        let mut expected = vec![0x30, 72, 0x02, 2, 0, 128, 0x04, 32];
        expected.extend([1; 32]);
        expected.extend([0x04, 32]);
        expected.extend([2; 32]);
        assert_eq!(header_hash(&header), Sha256::digest(expected).to_vec());
        let zero = BlockHeader { number: 0, previous_hash: Vec::new(), data_hash: Vec::new() };
        let expected = Sha256::digest([0x30, 7, 0x02, 1, 0, 0x04, 0, 0x04, 0]).to_vec();
        assert_eq!(header_hash(&zero), expected);
    }

    #[test]
    fn codes_are_in_the_metadata() {
        let codes = [TxValidationCode::Valid, TxValidationCode::MvccReadConflict];
        let block = assemble(7, vec![1], vec![vec![1], vec![2]], &codes);
        assert_eq!(super::codes(&block), [0, 11]);
        assert_eq!(code_from_byte(11), TxValidationCode::MvccReadConflict);
        assert_eq!(code_from_byte(200), TxValidationCode::InvalidOtherReason);
    }
}
