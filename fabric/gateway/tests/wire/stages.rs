//! Every stage as it should go, and the bytes on the wire.

use std::time::{Duration, SystemTime};

use hlf_gateway::{Nonce, TxValidationCode};
use hlf_proto::Message as _;
use hlf_proto::common::{ChannelHeader, Header, SignatureHeader};
use hlf_proto::gateway::CommitStatusRequest;
use hlf_proto::protos::{ChaincodeHeaderExtension, Proposal};
use sha2::{Digest as _, Sha256};

use crate::caller::Caller;
use crate::peer::{Peer, call, proposal_payload};

#[tokio::test]
async fn a_read_brings_the_result() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let contract = caller.gateway(&peer.address).network("payments").contract("basic");
    assert_eq!(contract.evaluate("Read", ["a", "b"]).await.unwrap(), b"Read a b");
    assert_eq!(contract.evaluate("List", [""; 0]).await.unwrap(), b"List");

    let seen = peer.seen();
    assert!(seen.endorse.is_empty() && seen.submit.is_empty());
    let request = &seen.evaluate[0];
    assert_eq!(request.channel_id, "payments");
    assert_eq!(request.target_organizations, Vec::<String>::new());
    let proposal = request.proposed_transaction.as_ref().unwrap();
    assert!(caller.has_signed(&proposal.proposal_bytes, &proposal.signature));
}

#[tokio::test]
async fn organizations_are_targets_of_a_read_and_endorsers_of_a_transaction() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let contract = caller.gateway(&peer.address).network("payments").contract("basic");
    contract.proposal("Read").organizations(["BankMSP"]).evaluate().await.unwrap();
    contract.proposal("Write").organizations(["BankMSP", "ClientMSP"]).submit().await.unwrap();
    let seen = peer.seen();
    assert_eq!(seen.evaluate[0].target_organizations, ["BankMSP"]);
    assert_eq!(seen.endorse[0].endorsing_organizations, ["BankMSP", "ClientMSP"]);
}

#[tokio::test]
async fn a_transaction_goes_through_all_stages() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let contract = caller.gateway(&peer.address).network("payments").contract("basic");
    let proposal =
        contract.proposal("Write").argument("a").argument([0xff, 0]).transient("secret", "s").build();
    let transaction = proposal.endorse().await.unwrap();
    assert_eq!(transaction.result(), b"Write a \xff\x00");
    let status = transaction.submit().await.unwrap().status().await.unwrap();
    assert_eq!(status.code(), TxValidationCode::Valid.into());
    assert_eq!(status.block_number(), 7);
    assert!(status.code().is_valid());

    let id = proposal.transaction_id();
    assert_eq!((transaction.transaction_id(), status.transaction_id()), (id, id));
    let seen = peer.seen();
    let proposed = seen.endorse[0].proposed_transaction.as_ref().unwrap();
    assert_eq!(proposal_payload(proposed).transient_map["secret"], b"s");
    assert!(caller.has_signed(&proposed.proposal_bytes, &proposed.signature));
    let envelope = seen.submit[0].prepared_transaction.as_ref().unwrap();
    assert!(caller.has_signed(&envelope.payload, &envelope.signature));
    assert_eq!(seen.submit[0].channel_id, "payments");
    let asked = &seen.commit_status[0];
    assert!(caller.has_signed(&asked.request, &asked.signature));
    let asked = CommitStatusRequest::decode(asked.request.as_slice()).unwrap();
    assert_eq!(asked.channel_id, "payments");
    assert_eq!(asked.identity, caller.identity.creator());
    for named in [&seen.endorse[0].transaction_id, &seen.submit[0].transaction_id, &asked.transaction_id] {
        assert_eq!(named, id.as_str());
    }
}

#[tokio::test]
async fn a_transaction_in_one_call() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let contract = caller.gateway(&peer.address).network("payments").contract_named("basic", "assets");
    let committed = contract.submit("Write", ["a"]).await.unwrap();
    assert_eq!(committed.result, b"assets:Write a");
    assert_eq!(committed.block_number, 7);
    assert_eq!(committed.transaction_id.as_str(), peer.seen().endorse[0].transaction_id);
}

#[tokio::test]
async fn a_transaction_submitted_twice_is_the_same_both_times() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let contract = caller.gateway(&peer.address).network("payments").contract("basic");
    let transaction = contract.proposal("Write").build().endorse().await.unwrap();
    transaction.submit().await.unwrap();
    transaction.clone().submit().await.unwrap();
    let seen = peer.seen();
    assert_eq!(seen.submit[0], seen.submit[1]);
}

#[tokio::test]
async fn anybody_may_ask_what_became_of_a_transaction() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let network = caller.gateway(&peer.address).network("payments");
    let status = network.commit("some-id").status().await.unwrap();
    assert_eq!(status.transaction_id().as_str(), "some-id");
}

/// The layout of a proposal, to the byte where Fabric is strict.
#[tokio::test]
async fn a_proposal_is_laid_out_as_fabric_expects() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let contract = caller.gateway(&peer.address).network("payments").contract("basic");
    let when = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    let nonce = [9; 24];
    let proposal = contract.proposal("Write").argument("a").timestamp(when).nonce(Nonce::from(nonce)).build();
    proposal.endorse().await.unwrap();

    let seen = peer.seen();
    let signed = seen.endorse[0].proposed_transaction.as_ref().unwrap();
    let message = Proposal::decode(signed.proposal_bytes.as_slice()).unwrap();
    assert!(message.extension.is_empty());
    let header = Header::decode(message.header.as_slice()).unwrap();

    let creator = caller.identity.creator();
    let signature_header = SignatureHeader::decode(header.signature_header.as_slice()).unwrap();
    assert_eq!(signature_header.creator, creator);
    assert_eq!(signature_header.nonce, nonce);
    let expected_id = hex::encode(Sha256::digest([nonce.as_slice(), &creator].concat()));

    let channel_header = ChannelHeader::decode(header.channel_header.as_slice()).unwrap();
    assert_eq!(channel_header.r#type, 3);
    assert_eq!(channel_header.version, 0);
    assert_eq!(channel_header.channel_id, "payments");
    assert_eq!(channel_header.tx_id, expected_id);
    assert_eq!(channel_header.epoch, 0);
    assert!(channel_header.tls_cert_hash.is_empty());
    let timestamp = channel_header.timestamp.unwrap();
    assert_eq!((timestamp.seconds, timestamp.nanos), (1_700_000_000, 123_000_000));
    // Field 2, length 7: a ChaincodeID with field 2, length 5.
    assert_eq!(channel_header.extension, b"\x12\x07\x12\x05basic");
    let extension = ChaincodeHeaderExtension::decode(channel_header.extension.as_slice()).unwrap();
    assert_eq!(extension.chaincode_id.unwrap().name, "basic");

    assert_eq!(call(signed), [b"Write".to_vec(), b"a".to_vec()]);
    assert_eq!(proposal.digest().as_bytes(), Sha256::digest(&signed.proposal_bytes).as_slice());
}
