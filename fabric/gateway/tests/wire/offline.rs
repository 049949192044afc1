//! Signing elsewhere: the bytes of a stage go away and come back with a signature.

use hlf_gateway::{EndorseError, Endpoint, Gateway, MalformedMessage, SignError, Signer as _, StageCause};

use crate::caller::Caller;
use crate::peer::Peer;

fn without_signer(caller: &Caller, peer: &Peer) -> Gateway {
    let builder = Gateway::builder(caller.identity.clone()).endpoint(Endpoint::plaintext(&peer.address));
    builder.connect_lazy().unwrap()
}

#[tokio::test]
async fn every_stage_can_be_signed_elsewhere() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let gateway = without_signer(&caller, &peer);
    let signer = caller.signer();

    let unsigned = gateway.network("payments").contract("basic").proposal("Write").argument("a").build();
    let taken_up = gateway.proposal_from_bytes(&unsigned.bytes()).unwrap();
    assert_eq!(taken_up.digest(), unsigned.digest());
    assert_eq!(taken_up.transaction_id(), unsigned.transaction_id());
    let signature = signer.sign(&taken_up.digest()).await.unwrap();
    let proposal = taken_up.with_signature(signature);
    assert_eq!(proposal.evaluate().await.unwrap(), b"Write a");

    let unsigned = proposal.endorse().await.unwrap();
    let taken_up = gateway.transaction_from_bytes(&unsigned.bytes()).unwrap();
    assert_eq!(taken_up.digest(), unsigned.digest());
    let signature = signer.sign(&taken_up.digest()).await.unwrap();
    let transaction = taken_up.with_signature(signature);
    assert_eq!(transaction.result(), b"Write a");

    let unsigned = transaction.submit().await.unwrap();
    let taken_up = gateway.commit_from_bytes(&unsigned.bytes()).unwrap();
    assert_eq!(taken_up.digest(), unsigned.digest());
    assert_eq!(taken_up.transaction_id(), proposal.transaction_id());
    let signature = signer.sign(&taken_up.digest()).await.unwrap();
    let commit = taken_up.with_signature(signature);
    assert_eq!(commit.status().await.unwrap().block_number(), 7);

    let seen = peer.seen();
    let envelope = seen.submit[0].prepared_transaction.as_ref().unwrap();
    assert!(caller.has_signed(&envelope.payload, &envelope.signature));
    assert!(caller.has_signed(&seen.commit_status[0].request, &seen.commit_status[0].signature));
}

#[tokio::test]
async fn what_is_signed_stays_signed_on_its_way() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let signing = caller.gateway(&peer.address);
    let other = without_signer(&caller, &peer);
    let proposal = signing.network("payments").contract("basic").proposal("Write").build();
    let transaction = proposal.endorse().await.unwrap();
    let commit = transaction.submit().await.unwrap();

    other.proposal_from_bytes(&proposal.bytes()).unwrap().endorse().await.unwrap();
    other.transaction_from_bytes(&transaction.bytes()).unwrap().submit().await.unwrap();
    let status = other.commit_from_bytes(&commit.bytes()).unwrap().status().await.unwrap();
    assert!(status.code().is_valid());
    let seen = peer.seen();
    assert_eq!(seen.endorse[0], seen.endorse[1]);
    assert_eq!(seen.submit[0], seen.submit[1]);
    assert_eq!(commit.bytes(), other.commit_from_bytes(&commit.bytes()).unwrap().bytes());
}

#[tokio::test]
async fn nothing_unsigned_is_sent() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let proposal =
        without_signer(&caller, &peer).network("payments").contract("basic").proposal("Write").build();
    let error: EndorseError = proposal.endorse().await.unwrap_err();
    assert!(matches!(error.cause(), StageCause::Sign(SignError::NoSigner)));
    assert_eq!(error.code(), None);
    assert_eq!(error.transaction_id(), proposal.transaction_id());
    assert!(peer.seen().endorse.is_empty());
}

#[tokio::test]
async fn junk_is_not_taken_up() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let gateway = caller.gateway(&peer.address);
    for junk in [&b"junk"[..], &[0xff; 40], b"\x0a\x01x"] {
        assert!(gateway.proposal_from_bytes(junk).is_err());
        assert!(gateway.transaction_from_bytes(junk).is_err());
    }
    assert!(matches!(gateway.proposal_from_bytes(b""), Err(MalformedMessage::Missing { .. })));
    assert!(matches!(gateway.transaction_from_bytes(b""), Err(MalformedMessage::Missing { .. })));
    let error = gateway.commit_from_bytes(b"junk").unwrap_err();
    let MalformedMessage::Undecodable { source, .. } = &error else { panic!("{error:?}") };
    // What decodes is our own business: another library may be behind it one day.
    let source: &(dyn std::error::Error + Send + Sync) = &**source;
    assert!(source.to_string().contains("decode"), "{source}");
}
