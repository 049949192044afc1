//! Messages against bytes that Fabric made.
//!
//! `data/block.bin` is a block as a peer of Fabric 3.1.5 delivered it (`peer channel fetch newest`): one transaction of
//! the shim's example chaincode on a network made for the test. Whatever our messages left out would be missing when a
//! part of it is encoded again.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use hlf_proto::common::{
    Block, BlockMetadataIndex, ChannelHeader, Envelope, Header, HeaderType, Metadata, OrdererBlockMetadata,
    Payload, SignatureHeader,
};
use hlf_proto::kvrwset::KvrwSet;
use hlf_proto::msp::SerializedIdentity;
use hlf_proto::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeHeaderExtension, ChaincodeInvocationSpec,
    ChaincodeProposalPayload, ProposalResponsePayload, Transaction, TxValidationCode,
};
use hlf_proto::rwset::TxReadWriteSet;
use hlf_proto::{Message, Timestamp};

const BLOCK: &[u8] = include_bytes!("data/block.bin");

/// Decodes bytes of Fabric's, and checks that they are all there when they are encoded again.
#[track_caller]
fn read<M: Message + Default>(bytes: &[u8]) -> M {
    let message = M::decode(bytes).unwrap();
    assert_eq!(message.encode_to_vec(), bytes);
    message
}

#[test]
fn a_block_of_fabric_is_read_to_its_bottom() {
    let block: Block = read(BLOCK);
    let metadata = block.metadata.unwrap().metadata;
    let verdicts = &metadata[BlockMetadataIndex::TransactionsFilter as usize];
    assert_eq!(verdicts, &[TxValidationCode::Valid as u8]);
    let signatures: Metadata = read(&metadata[BlockMetadataIndex::Signatures as usize]);
    read::<OrdererBlockMetadata>(&signatures.value);
    read::<Metadata>(&metadata[BlockMetadataIndex::CommitHash as usize]);

    let envelope: Envelope = read(&block.data.unwrap().data[0]);
    let payload: Payload = read(&envelope.payload);
    let header: Header = payload.header.unwrap();
    let channel_header: ChannelHeader = read(&header.channel_header);
    assert_eq!(channel_header.r#type, i32::from(HeaderType::EndorserTransaction));
    assert_eq!(channel_header.channel_id, "payments");
    let extension: ChaincodeHeaderExtension = read(&channel_header.extension);
    assert_eq!(extension.chaincode_id.unwrap().name, "assets");
    let signature_header: SignatureHeader = read(&header.signature_header);
    assert_eq!(signature_header.nonce.len(), 24);
    assert_eq!(read::<SerializedIdentity>(&signature_header.creator).mspid, "BankMSP");

    let mut transaction: Transaction = read(&payload.data);
    let action = transaction.actions.remove(0);
    assert_eq!(action.header, header.signature_header);
    let action: ChaincodeActionPayload = read(&action.payload);
    let proposal: ChaincodeProposalPayload = read(&action.chaincode_proposal_payload);
    let spec: ChaincodeInvocationSpec = read(&proposal.input);
    let args = spec.chaincode_spec.unwrap().input.unwrap().args;
    assert_eq!(args, [&b"Transfer"[..], b"a2", b"VendorMSP"]);

    let endorsed = action.action.unwrap();
    let organizations = endorsed.endorsements.iter().map(|by| read::<SerializedIdentity>(&by.endorser).mspid);
    assert_eq!(organizations.collect::<Vec<_>>(), ["BankMSP", "ClientMSP"]);
    let response: ProposalResponsePayload = read(&endorsed.proposal_response_payload);
    let action: ChaincodeAction = read(&response.extension);
    assert_eq!(action.response.unwrap().status, 200);
    let results: TxReadWriteSet = read(&action.results);
    let assets = results.ns_rwset.iter().find(|namespace| namespace.namespace == "assets").unwrap();
    let assets: KvrwSet = read(&assets.rwset);
    let mut reads = assets.reads.iter();
    assert!(reads.any(|read| read.key == "a2" && read.version.is_some()));
    let written: Vec<_> = assets.writes.iter().map(|write| (write.key.as_str(), write.is_delete)).collect();
    assert_eq!(
        written,
        [
            ("\0organization~id\0BankMSP\0a2\0", true),
            ("\0organization~id\0VendorMSP\0a2\0", false),
            ("a2", false)
        ]
    );
}

#[test]
fn maps_encode_in_the_order_of_their_keys() {
    let mut proposal = ChaincodeProposalPayload::default();
    for name in ["b", "a", "c"] {
        proposal.transient_map.insert(name.into(), Vec::new());
    }
    assert_eq!(proposal.encode_to_vec(), b"\x12\x03\x0a\x01a\x12\x03\x0a\x01b\x12\x03\x0a\x01c");
}

#[test]
fn garbage_is_an_error() {
    assert!(Block::decode(&BLOCK[..100]).is_err());
    assert!(ChannelHeader::decode(&b"\x1a\xff\xff\xff\xff\x0f"[..]).is_err());
    let header = ChannelHeader { timestamp: Some(Timestamp { seconds: -1, nanos: 0 }), ..Default::default() };
    assert_eq!(ChannelHeader::decode(header.encode_to_vec().as_slice()).unwrap(), header);
}
