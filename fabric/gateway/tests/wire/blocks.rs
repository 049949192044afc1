//! Streams of blocks: where they start, how they break, how they go on.

use std::time::Duration;

use futures::StreamExt as _;
use hlf_gateway::{
    Backoff, BlockEventsBuilder, Checkpoint, Code, Endpoint, EventError, EventStream, Gateway, Signer as _,
};
use hlf_proto::Message as _;
use hlf_proto::common::{Block, ChannelHeader, Envelope, HeaderType, Payload, SignatureHeader, Status};
use hlf_proto::orderer::{SeekInfo, seek_position};
use hlf_proto::protos::FilteredBlock;
use tokio::time::timeout;

use crate::caller::Caller;
use crate::peer::{Cut, Peer, status};

const QUICK: Backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(20));

fn start() -> (Peer, Caller, BlockEventsBuilder<Block>) {
    let (peer, caller) = (Peer::start(), Caller::new());
    let blocks = caller.gateway(&peer.address).network("payments").block_events();
    (peer, caller, blocks)
}

async fn next(blocks: &mut EventStream<Block>) -> Result<u64, EventError> {
    let item = timeout(Duration::from_secs(20), blocks.next()).await.expect("a stream went silent").unwrap();
    item.map(|block| block.header.unwrap().number)
}

fn starts(peer: &Peer) -> Vec<Option<u64>> {
    let start = |envelope: &Envelope| {
        let payload = Payload::decode(envelope.payload.as_slice()).unwrap();
        match SeekInfo::decode(payload.data.as_slice()).unwrap().start.unwrap().r#type.unwrap() {
            seek_position::Type::Specified(specified) => Some(specified.number),
            _ => None,
        }
    };
    peer.seen().deliver.iter().map(start).collect()
}

#[tokio::test]
async fn blocks_come_from_a_number_on_and_live() {
    let (peer, caller, blocks) = start();
    peer.set_height(3);
    let mut stream = blocks.from_block(1).stream();
    assert_eq!(next(&mut stream).await.unwrap(), 1);
    assert_eq!(next(&mut stream).await.unwrap(), 2);
    peer.set_height(4);
    assert_eq!(next(&mut stream).await.unwrap(), 3);

    let envelope = peer.seen().deliver.remove(0);
    assert!(caller.has_signed(&envelope.payload, &envelope.signature));
    let header = Payload::decode(envelope.payload.as_slice()).unwrap().header.unwrap();
    let channel = ChannelHeader::decode(header.channel_header.as_slice()).unwrap();
    assert_eq!(
        (channel.r#type, channel.channel_id.as_str()),
        (HeaderType::DeliverSeekInfo.into(), "payments")
    );
    assert!(channel.timestamp.is_some() && channel.tls_cert_hash.is_empty());
    let signature = SignatureHeader::decode(header.signature_header.as_slice()).unwrap();
    assert_eq!(signature.creator, caller.identity.creator());
}

#[tokio::test]
async fn all_forms_of_blocks_are_delivered() {
    let (peer, caller, _) = start();
    peer.set_height(1);
    let network = caller.gateway(&peer.address).network("payments");
    let mut filtered = network.filtered_block_events().from_block(0).stream();
    assert_eq!(filtered.next().await.unwrap().unwrap().number, 0);
    let mut private = network.private_block_events().from_block(0).stream();
    let block = private.next().await.unwrap().unwrap().block.unwrap();
    assert_eq!(block.header.unwrap().number, 0);
}

#[tokio::test]
async fn an_interrupted_stream_goes_on_with_the_next_block_and_says_so() {
    let (peer, _, blocks) = start();
    peer.set_height(5);
    peer.cut_events(2, Cut::Fail(status(Code::Unavailable, "going down", &[])));
    peer.cut_events(1, Cut::End);
    let mut stream = blocks.from_block(0).stream_resuming(QUICK);
    assert_eq!((next(&mut stream).await.unwrap(), next(&mut stream).await.unwrap()), (0, 1));
    assert_eq!(next(&mut stream).await.unwrap_err().code(), Some(Code::Unavailable));
    assert_eq!(next(&mut stream).await.unwrap(), 2);
    assert!(matches!(next(&mut stream).await, Err(EventError::Ended)));
    assert_eq!((next(&mut stream).await.unwrap(), next(&mut stream).await.unwrap()), (3, 4));
    assert_eq!(starts(&peer), [Some(0), Some(2), Some(3)]);
}

#[tokio::test]
async fn a_plain_stream_ends_after_its_error() {
    let (peer, _, blocks) = start();
    peer.set_height(1);
    peer.refuse_delivery(1, Status::Forbidden);
    let mut stream = blocks.from_block(0).stream();
    assert_eq!(next(&mut stream).await.unwrap(), 0);
    let error = next(&mut stream).await.unwrap_err();
    assert!(matches!(error, EventError::Refused { status: 403 }), "{error:?}");
    assert_eq!(error.to_string(), "the peer does not deliver the blocks: FORBIDDEN");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_checkpoint_says_which_block_is_due() {
    let (peer, _, blocks) = start();
    peer.set_height(9);
    let mut stream = blocks.clone().from_block(2).after(&Checkpoint::default()).stream();
    assert_eq!(next(&mut stream).await.unwrap(), 2);
    let mut stream = blocks.after(&Checkpoint::after_block(6)).stream();
    assert_eq!(next(&mut stream).await.unwrap(), 7);
}

#[tokio::test]
async fn a_request_can_be_signed_elsewhere() {
    let (peer, caller, _) = start();
    peer.set_height(4);
    let builder = Gateway::builder(caller.identity.clone()).endpoint(Endpoint::plaintext(&peer.address));
    let gateway = builder.connect_lazy().unwrap();
    let unsigned = gateway.network("payments").filtered_block_events().from_block(3).request();
    let taken_up = gateway.block_events_from_bytes::<FilteredBlock>(&unsigned.bytes()).unwrap();
    assert_eq!(taken_up.digest(), unsigned.digest());
    let signature = caller.signer().sign(&taken_up.digest()).await.unwrap();
    let signed = taken_up.with_signature(signature);
    let again = gateway.block_events_from_bytes::<FilteredBlock>(&signed.bytes()).unwrap();
    assert_eq!(again.bytes(), signed.bytes());
    assert_eq!(again.stream().next().await.unwrap().unwrap().number, 3);
    let mut unsigned = gateway.block_events_from_bytes::<Block>(&unsigned.bytes()).unwrap().stream();
    assert!(matches!(unsigned.next().await, Some(Err(EventError::Sign(_)))));
    for junk in [&b""[..], b"junk", &[0xff; 40]] {
        assert!(gateway.block_events_from_bytes::<Block>(junk).is_err());
        assert!(gateway.chaincode_events_from_bytes(junk).is_err() || junk.is_empty());
    }
}

#[tokio::test]
async fn a_request_for_chaincode_events_can_be_signed_elsewhere() {
    let (peer, caller, _) = start();
    peer.add_block(4, &["a"]);
    let builder = Gateway::builder(caller.identity.clone()).endpoint(Endpoint::plaintext(&peer.address));
    let gateway = builder.connect_lazy().unwrap();
    let unsigned = gateway.network("payments").chaincode_events("basic").from_block(4).request();
    let taken_up = gateway.chaincode_events_from_bytes(&unsigned.bytes()).unwrap();
    assert_eq!((taken_up.digest(), taken_up.bytes()), (unsigned.digest(), unsigned.bytes()));
    let signature = caller.signer().sign(&taken_up.digest()).await.unwrap();
    let event = taken_up.with_signature(signature).stream().next().await.unwrap().unwrap();
    assert_eq!((event.block_number, event.transaction_id.as_str()), (4, "a"));
}
