//! What Fabric's peers, clients and chaincodes send.

use hlf_gateway::Checkpoint;
use hlf_gateway::lifecycle::{ChaincodeServer, Package};
use hlf_proto::common::{
    Block, BlockData, BlockHeader, ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader,
};
use hlf_proto::gateway::{
    ChaincodeEventsRequest, ChaincodeEventsResponse, CommitStatusRequest, ErrorDetail, PreparedTransaction,
    ProposedTransaction, SignedChaincodeEventsRequest, SignedCommitStatusRequest,
};
use hlf_proto::google::rpc;
use hlf_proto::kvrwset::{KvRead, KvWrite, KvrwSet};
use hlf_proto::msp::SerializedIdentity;
use hlf_proto::orderer::seek_position::Type as Seek;
use hlf_proto::orderer::{SeekInfo, SeekOldest, SeekPosition, SeekSpecified};
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::deliver_response::Type as Delivered;
use hlf_proto::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeEvent,
    ChaincodeHeaderExtension, ChaincodeId, ChaincodeInput, ChaincodeInvocationSpec, ChaincodeMessage,
    ChaincodeProposalPayload, ChaincodeSpec, DeliverResponse, Endorsement, GetState, GetStateByRange,
    Proposal, ProposalResponsePayload, PutState, Response, SignedProposal, Transaction, TransactionAction,
};
use hlf_proto::queryresult::{KeyModification, Kv};
use hlf_proto::rwset::{NsReadWriteSet, TxReadWriteSet};
use hlf_proto::{Any, Message, Timestamp};
use hlf_shim::{KeyEndorsementPolicy, PolicyRole};
use lockstep_fuzz::scene::Scene;
use lockstep_fuzz::{DEVNET, GATEWAY, SHIM};
use lockstep_protocol::Refusal;

use crate::Seeds;

pub(crate) fn write() {
    gateway();
    shim();
    devnet();
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn certificate() -> String {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Admin@bank.example.com");
    params.distinguished_name.push(rcgen::DnType::OrganizationalUnitName, "admin");
    params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
}

fn creator() -> Vec<u8> {
    SerializedIdentity { mspid: "BankMSP".to_owned(), id_bytes: certificate().into_bytes() }.encode_to_vec()
}

fn input() -> ChaincodeInput {
    ChaincodeInput { args: vec![b"Channel".to_vec(), b"00".to_vec()], ..ChaincodeInput::default() }
}

fn basic() -> ChaincodeId {
    ChaincodeId { name: "basic".to_owned(), version: "1".to_owned(), ..ChaincodeId::default() }
}

/// Header and payload of a proposal, with the transaction's right id.
fn proposed() -> (Header, ChaincodeProposalPayload) {
    let (creator, nonce) = (creator(), vec![7; 24]);
    let digest = sha256(&[nonce.as_slice(), &creator].concat());
    let channel = ChannelHeader {
        r#type: HeaderType::EndorserTransaction.into(),
        timestamp: Some(Timestamp { seconds: 1_767_225_600, nanos: 500_000_000 }),
        channel_id: "channel".to_owned(),
        tx_id: digest,
        extension: ChaincodeHeaderExtension { chaincode_id: Some(basic()) }.encode_to_vec(),
        ..ChannelHeader::default()
    };
    let header = Header {
        channel_header: channel.encode_to_vec(),
        signature_header: SignatureHeader { creator, nonce }.encode_to_vec(),
    };
    let spec =
        ChaincodeSpec { chaincode_id: Some(basic()), input: Some(input()), ..ChaincodeSpec::default() };
    let spec = ChaincodeInvocationSpec { chaincode_spec: Some(spec) }.encode_to_vec();
    (header, ChaincodeProposalPayload { input: spec, ..ChaincodeProposalPayload::default() })
}

/// SHA-256 in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    hlf_gateway::fuzzing::sha256_hex(bytes)
}

fn proposal(header: &Header, payload: &ChaincodeProposalPayload) -> Vec<u8> {
    Proposal { header: header.encode_to_vec(), payload: payload.encode_to_vec(), ..Proposal::default() }
        .encode_to_vec()
}

fn set() -> TxReadWriteSet {
    let set = KvrwSet {
        reads: vec![KvRead { key: "a".to_owned(), version: None }],
        writes: vec![KvWrite { key: "a".to_owned(), is_delete: false, value: vec![1] }],
        ..KvrwSet::default()
    };
    let basic = NsReadWriteSet {
        namespace: "basic".to_owned(),
        rwset: set.encode_to_vec(),
        ..NsReadWriteSet::default()
    };
    TxReadWriteSet { data_model: 0, ns_rwset: vec![basic] }
}

/// The transaction of a proposal.
fn transaction(header: &Header, proposed: &ChaincodeProposalPayload) -> Payload {
    let event = ChaincodeEvent {
        chaincode_id: "basic".to_owned(),
        event_name: "Created".to_owned(),
        payload: vec![1],
        ..ChaincodeEvent::default()
    };
    let action = ChaincodeAction {
        results: set().encode_to_vec(),
        events: event.encode_to_vec(),
        response: Some(Response { status: 200, message: String::new(), payload: b"{}".to_vec() }),
        chaincode_id: Some(basic()),
    };
    let response = ProposalResponsePayload { proposal_hash: vec![0; 32], extension: action.encode_to_vec() };
    let endorsed = ChaincodeEndorsedAction {
        proposal_response_payload: response.encode_to_vec(),
        endorsements: vec![Endorsement { endorser: vec![1], signature: vec![2] }],
    };
    let payload = ChaincodeActionPayload {
        chaincode_proposal_payload: proposed.encode_to_vec(),
        action: Some(endorsed),
    };
    let action =
        TransactionAction { header: header.signature_header.clone(), payload: payload.encode_to_vec() };
    Payload { header: Some(header.clone()), data: Transaction { actions: vec![action] }.encode_to_vec() }
}

fn gateway() {
    let seeds = Seeds(GATEWAY);
    let said = format!("chaincode response 500, {}", Refusal::TooLateToClaim);
    let detail = ErrorDetail {
        address: "peer0.example.com:7051".to_owned(),
        msp_id: "VendorMSP".to_owned(),
        message: said.clone(),
    };
    let any =
        Any { type_url: "type.googleapis.com/gateway.ErrorDetail".to_owned(), value: detail.encode_to_vec() };
    let details = rpc::Status { code: 10, message: "failed".to_owned(), details: vec![any] }.encode_to_vec();
    // ABORTED with details, as Endorse has it, and UNKNOWN with a message, as Evaluate has it.
    let aborted = [&[10], with_length(b"failed to endorse transaction").as_slice(), &details].concat();
    let unknown = [
        &[2],
        with_length(format!("evaluate call to endorser returned error: {said}").as_bytes()).as_slice(),
    ]
    .concat();
    seeds.valid("failure", "endorse", aborted);
    seeds.valid("failure", "evaluate", unknown);

    let (header, payload) = proposed();
    let envelope =
        Envelope { payload: transaction(&header, &payload).encode_to_vec(), signature: Vec::new() };
    let proposal = with_length(&proposal(&header, &payload));
    seeds.valid("transaction", "1", [proposal, envelope.encode_to_vec()].concat());

    let changes = serde_json::to_vec(&[Scene::new().opened().change().unwrap()]).unwrap();
    let event = |number: u8| ChaincodeEvent {
        chaincode_id: "lockstep".to_owned(),
        tx_id: format!("{number:064x}"),
        event_name: "ChannelOpened".to_owned(),
        payload: changes.clone(),
    };
    let block = |block_number, events: &[u8]| {
        let events = events.iter().copied().map(event).collect();
        with_length(&ChaincodeEventsResponse { events, block_number }.encode_to_vec())
    };
    stages(&seeds, &header, &payload);
    let checkpoint = Checkpoint::after_transaction(7, "01");
    seeds.valid("checkpoint", "1", serde_json::to_vec(&checkpoint).unwrap());
    let package = Package::of_service("basic_1.0", &ChaincodeServer::new("127.0.0.1:9999")).unwrap();
    seeds.valid("package", "1", package.bytes());
    let collections = r#"[{"name":"secret","policy":"OR('BankMSP.member')","maxPeerCount":1,"blockToLive":3,"memberOnlyRead":true,"endorsementPolicy":{"signaturePolicy":"AND('BankMSP.peer')"}}]"#;
    seeds.valid("collections", "1", collections);
    seeds.valid("events", "3", [block(4, &[1, 2]), block(4, &[2]), block(6, &[3])].concat());
    seeds.valid("changes", "1", &changes);
}

/// Each stage with its number before it, and a block with the transaction.
fn stages(seeds: &Seeds, header: &Header, payload: &ChaincodeProposalPayload) {
    let signed = SignedProposal { proposal_bytes: proposal(header, payload), signature: vec![1] };
    let proposed = ProposedTransaction {
        transaction_id: "01".to_owned(),
        proposal: Some(signed),
        endorsing_organizations: vec!["BankMSP".to_owned()],
    };
    let envelope = Envelope { payload: transaction(header, payload).encode_to_vec(), signature: vec![1] };
    let prepared = PreparedTransaction { transaction_id: "01".to_owned(), envelope: Some(envelope.clone()) };
    let status = CommitStatusRequest {
        transaction_id: "01".to_owned(),
        channel_id: "channel".to_owned(),
        identity: creator(),
    };
    let events = ChaincodeEventsRequest {
        channel_id: "channel".to_owned(),
        chaincode_id: "basic".to_owned(),
        identity: creator(),
        ..ChaincodeEventsRequest::default()
    };
    let commit = SignedCommitStatusRequest { request: status.encode_to_vec(), signature: vec![1] };
    let events = SignedChaincodeEventsRequest { request: events.encode_to_vec(), signature: vec![1] };
    let blocks = Envelope { payload: seek(header).encode_to_vec(), signature: vec![1] };
    for (number, name, bytes) in [
        (0, "proposal", proposed.encode_to_vec()),
        (1, "transaction", prepared.encode_to_vec()),
        (2, "commit", commit.encode_to_vec()),
        (3, "events", events.encode_to_vec()),
        (4, "blocks", blocks.encode_to_vec()),
    ] {
        seeds.valid("stage", name, [&[number], bytes.as_slice()].concat());
    }
    let block = Block {
        header: Some(BlockHeader { number: 7, ..BlockHeader::default() }),
        data: Some(BlockData { data: vec![envelope.encode_to_vec()] }),
        ..Block::default()
    };
    let delivered = DeliverResponse { r#type: Some(Delivered::Block(block)) };
    seeds.valid("delivered", "1", delivered.encode_to_vec());
}

/// A request for all blocks.
fn seek(header: &Header) -> Payload {
    let position = |kind| Some(SeekPosition { r#type: Some(kind) });
    let info = SeekInfo {
        start: position(Seek::Oldest(SeekOldest {})),
        stop: position(Seek::Specified(SeekSpecified { number: u64::MAX })),
        ..SeekInfo::default()
    };
    Payload { header: Some(header.clone()), data: info.encode_to_vec() }
}

fn shim() {
    let seeds = Seeds(SHIM);
    let (header, payload) = proposed();
    let signed = SignedProposal { proposal_bytes: proposal(&header, &payload), signature: vec![1] };
    let message = |kind: Type, payload: Vec<u8>| ChaincodeMessage {
        r#type: kind.into(),
        payload,
        txid: "01".to_owned(),
        channel_id: "channel".to_owned(),
        ..ChaincodeMessage::default()
    };
    let called = ChaincodeMessage {
        proposal: Some(signed.clone()),
        ..message(Type::Transaction, input().encode_to_vec())
    };
    let messages = [
        message(Type::Registered, Vec::new()),
        message(Type::Ready, Vec::new()),
        called,
        message(Type::Response, b"value".to_vec()),
        message(Type::Keepalive, Vec::new()),
    ];
    let conversation: Vec<u8> =
        messages.iter().flat_map(|message| with_length(&message.encode_to_vec())).collect();
    seeds.valid("conversation", "1", conversation);
    seeds.valid("composite-key", "1", "\0owner~asset\0alice\0a1\0");
    seeds.valid("client-identity", "admin", creator());
    seeds.valid("proposal", "1", &signed.proposal_bytes);
    seeds.valid(
        "key-value",
        "1",
        Kv { key: "a".to_owned(), value: vec![1], ..Kv::default() }.encode_to_vec(),
    );
    let change = KeyModification {
        tx_id: "01".to_owned(),
        value: vec![1],
        timestamp: Some(Timestamp { seconds: 1, nanos: 2 }),
        is_delete: false,
    };
    seeds.valid("key-change", "1", change.encode_to_vec());
    for (name, argument) in [("float", "-1.5e+21"), ("whole", "17"), ("list", "[1,-2]")] {
        seeds.valid("argument", name, argument);
    }
    let mut policy = KeyEndorsementPolicy::new();
    policy.add(PolicyRole::Peer, ["BankMSP", "VendorMSP"]);
    seeds.valid("key-policy", "1", policy.encode());
}

fn devnet() {
    let seeds = Seeds(DEVNET);
    let (header, payload) = proposed();
    seeds.valid("proposal", "1", proposal(&header, &payload));
    seeds.valid("certificate", "1", certificate());
    seeds.valid("signed-payload", "1", transaction(&header, &payload).encode_to_vec());
    seeds.valid("read-write-set", "1", set().encode_to_vec());
    seeds.valid("policy", "1", "OutOf(2, 'BankMSP.peer', AND('ClientMSP.peer', 'VendorMSP.admin'))");
    seeds.valid("signature", "1", [0x30, 6, 2, 1, 5, 2, 1, 7]);
    let message = |kind: Type, payload: Vec<u8>| ChaincodeMessage {
        r#type: kind.into(),
        payload,
        txid: "tx".to_owned(),
        channel_id: "channel".to_owned(),
        ..ChaincodeMessage::default()
    };
    let read = GetState { key: "a".to_owned(), ..GetState::default() };
    let write = PutState { key: "a".to_owned(), value: vec![1], ..PutState::default() };
    let range = GetStateByRange { start_key: "a".to_owned(), ..GetStateByRange::default() };
    let said = [
        message(Type::Register, basic().encode_to_vec()),
        message(Type::GetState, read.encode_to_vec()),
        message(Type::GetStateByRange, range.encode_to_vec()),
        message(Type::PutState, write.encode_to_vec()),
        message(Type::Completed, Response { status: 200, ..Response::default() }.encode_to_vec()),
    ];
    let said: Vec<u8> = said.iter().flat_map(|message| with_length(&message.encode_to_vec())).collect();
    seeds.valid("chaincode", "1", said);
    let package = Package::of_service("basic_1.0", &ChaincodeServer::new("127.0.0.1:9999")).unwrap();
    seeds.valid("package", "1", package.bytes());
    let request = Envelope { payload: seek(&header).encode_to_vec(), signature: vec![1] };
    seeds.valid("seek", "1", request.encode_to_vec());
    let query = r#"{"selector":{"$or":[{"owner":{"$regex":"^a"}},{"size":{"$gt":10}}]},"sort":["owner"],"fields":["size"]}"#;
    seeds.valid("rich-query", "1", query);
}
