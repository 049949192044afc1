//! Streams of events: where they start, how they break, how they go on.

use std::time::Duration;

use futures::StreamExt as _;
use hlf_gateway::{
    Backoff, ChaincodeEvents, Checkpoint, Code, Endpoint, EventError, EventsBuilder, Signer as _,
};
use hlf_proto::Message as _;
use hlf_proto::gateway::ChaincodeEventsRequest;
use hlf_proto::orderer::seek_position::Type as Start;
use tokio::time::timeout;

use crate::caller::Caller;
use crate::peer::{Cut, Peer, status};

const QUICK: Backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(20));

fn start() -> (Peer, Caller, EventsBuilder) {
    let (peer, caller) = (Peer::start(), Caller::new());
    let events = caller.gateway(&peer.address).network("payments").chaincode_events("basic");
    (peer, caller, events)
}

/// The next item, or a failure when none comes.
async fn next(events: &mut ChaincodeEvents) -> Option<Result<String, EventError>> {
    let item = timeout(Duration::from_secs(20), events.next()).await.expect("a stream went silent");
    item.map(|item| item.map(|event| format!("{}:{}", event.block_number, event.transaction_id)))
}

async fn expect(events: &mut ChaincodeEvents, expected: &[&str]) {
    for name in expected {
        assert_eq!(next(events).await.unwrap().unwrap(), *name);
    }
}

fn requests(peer: &Peer) -> Vec<ChaincodeEventsRequest> {
    let seen = peer.seen().events;
    seen.iter().map(|signed| ChaincodeEventsRequest::decode(signed.request.as_slice()).unwrap()).collect()
}

fn start_of(request: &ChaincodeEventsRequest) -> Option<u64> {
    match request.start_position.as_ref().unwrap().r#type.as_ref().unwrap() {
        Start::Specified(specified) => Some(specified.number),
        _ => None,
    }
}

#[tokio::test]
async fn events_come_from_a_block_on_and_live() {
    let (peer, caller, events) = start();
    peer.add_block(1, &["a"]);
    peer.add_block(3, &["b", "c"]);
    let mut events = events.from_block(2).stream();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!((first.block_number, first.transaction_id.as_str()), (3, "b"));
    assert_eq!((first.chaincode.as_str(), first.name.as_str()), ("basic", "Done"));
    assert_eq!(first.payload, b"b");
    expect(&mut events, &["3:c"]).await;
    peer.add_block(4, &["d"]);
    expect(&mut events, &["4:d"]).await;

    let signed = &peer.seen().events[0];
    assert!(caller.has_signed(&signed.request, &signed.signature));
    let request = &requests(&peer)[0];
    assert_eq!((request.channel_id.as_str(), request.chaincode_id.as_str()), ("payments", "basic"));
    assert_eq!(request.identity, caller.identity.creator());
    assert_eq!((start_of(request), request.after_transaction_id.as_str()), (Some(2), ""));
}

#[tokio::test]
async fn a_plain_stream_tells_its_error_and_ends() {
    let (peer, _, events) = start();
    peer.add_block(1, &["a"]);
    peer.cut_events(1, Cut::Fail(status(Code::Aborted, "iterator closed", &[])));
    let mut events = events.from_block(0).stream();
    expect(&mut events, &["1:a"]).await;
    let error = next(&mut events).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Some(Code::Aborted));
    let EventError::Interrupted(call) = error else { panic!("{error:?}") };
    assert_eq!(call.message(), "iterator closed");
    assert!(next(&mut events).await.is_none());
}

#[tokio::test]
async fn a_stream_that_the_peer_ends_is_an_error_too() {
    let (peer, _, events) = start();
    peer.add_block(1, &["a"]);
    peer.cut_events(1, Cut::End);
    let mut events = events.from_block(0).stream();
    expect(&mut events, &["1:a"]).await;
    assert!(matches!(next(&mut events).await, Some(Err(EventError::Ended))));
    assert!(next(&mut events).await.is_none());
}

#[tokio::test]
async fn a_resuming_stream_tells_each_interruption_and_repeats_nothing() {
    let (peer, _, events) = start();
    peer.add_block(1, &["a", "b"]);
    peer.add_block(2, &["c"]);
    peer.add_block(5, &["d", "e"]);
    peer.cut_events(1, Cut::Fail(status(Code::Unavailable, "gone", &[])));
    peer.cut_events(0, Cut::Fail(status(Code::Unavailable, "gone again", &[])));
    peer.cut_events(3, Cut::End);
    let mut events = events.from_block(0).stream_resuming(QUICK);

    expect(&mut events, &["1:a", "1:b"]).await;
    for message in ["gone", "gone again"] {
        let error = next(&mut events).await.unwrap().unwrap_err();
        let EventError::Interrupted(call) = error else { panic!("{error:?}") };
        assert_eq!((call.code(), call.message()), (Code::Unavailable, message));
    }
    expect(&mut events, &["2:c", "5:d", "5:e"]).await;
    assert!(matches!(next(&mut events).await, Some(Err(EventError::Ended))));
    peer.add_block(6, &["f"]);
    expect(&mut events, &["6:f"]).await;
    let starts: Vec<_> = requests(&peer).iter().map(start_of).collect();
    assert_eq!(starts, [Some(0), Some(1), Some(1), Some(5)]);
}

#[tokio::test]
async fn a_resuming_stream_outlives_its_peer() {
    let (peer, _, events) = start();
    peer.add_block(1, &["a"]);
    let mut events = events.from_block(0).stream_resuming(QUICK);
    expect(&mut events, &["1:a"]).await;

    let address = peer.address.clone();
    drop(peer);
    // One item for the broken connection, then one for each that could not be made.
    for _ in 0..3 {
        let error = next(&mut events).await.unwrap().unwrap_err();
        assert_eq!(error.code(), Some(Code::Unavailable), "{error:?}");
    }
    let peer = Peer::start_at(&address, None);
    peer.add_block(1, &["a"]);
    peer.add_block(2, &["b"]);
    loop {
        match next(&mut events).await.unwrap() {
            Ok(event) => break assert_eq!(event, "2:b"),
            Err(error) => assert_eq!(error.code(), Some(Code::Unavailable), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_resuming_stream_goes_on_at_another_peer() {
    let (first, second, caller) = (Peer::start(), Peer::start(), Caller::new());
    for peer in [&first, &second] {
        peer.add_block(1, &["a"]);
    }
    let endpoints = [&first, &second].map(|peer| Endpoint::plaintext(&peer.address));
    let gateway = caller.builder().endpoints(endpoints).connect().await.unwrap();
    let mut events =
        gateway.network("payments").chaincode_events("basic").from_block(0).stream_resuming(QUICK);
    expect(&mut events, &["1:a"]).await;
    drop(first);
    assert_eq!(next(&mut events).await.unwrap().unwrap_err().code(), Some(Code::Unavailable));
    second.add_block(2, &["b"]);
    expect(&mut events, &["2:b"]).await;
    assert_eq!(start_of(&requests(&second)[0]), Some(1));
}

#[tokio::test]
async fn a_checkpoint_is_taken_up_within_its_block() {
    let (peer, _, events) = start();
    peer.add_block(3, &["a", "b", "c"]);
    peer.add_block(4, &["d"]);
    let after = |checkpoint: &Checkpoint| events.clone().from_block(0).after(checkpoint).stream();
    expect(&mut after(&Checkpoint::after_transaction(3, "b")), &["3:c", "4:d"]).await;
    expect(&mut after(&Checkpoint::after_block(3)), &["4:d"]).await;
    expect(&mut after(&Checkpoint::default()), &["3:a", "3:b", "3:c", "4:d"]).await;
    // The peer would be silent for ever if it were asked to go on after this one.
    expect(&mut after(&Checkpoint::after_transaction(3, "silent")), &["3:a", "3:b", "3:c", "4:d"]).await;
    assert!(requests(&peer).iter().all(|request| request.after_transaction_id.is_empty()));
}

#[tokio::test]
async fn a_peer_can_be_asked_to_find_the_transaction() {
    let (peer, _, events) = start();
    peer.add_block(3, &["a", "b", "c", "d"]);
    peer.add_block(4, &["e"]);
    peer.add_block(5, &["f"]);
    peer.cut_events(1, Cut::End);
    // The peer finds the transaction before the block that is named.
    let mut events = events.from_block(5).after_transaction("b").stream_resuming(QUICK);
    expect(&mut events, &["3:c", "3:d"]).await;
    assert!(matches!(next(&mut events).await, Some(Err(EventError::Ended))));
    expect(&mut events, &["4:e", "5:f"]).await;
    let requests = requests(&peer);
    let asked: Vec<_> =
        requests.iter().map(|request| (start_of(request), request.after_transaction_id.as_str())).collect();
    assert_eq!(asked, [(Some(5), "b"), (Some(3), "")]);
}

#[tokio::test]
async fn a_transaction_that_the_peer_does_not_have_yet_is_waited_for() {
    let (peer, _, events) = start();
    peer.add_block(3, &["a"]);
    let mut events = events.from_block(2).after_transaction("c").stream();
    let live = async {
        peer.until(|seen| !seen.events.is_empty()).await;
        peer.add_block(4, &["b", "c", "d"]);
    };
    let (item, ()) = tokio::join!(next(&mut events), live);
    assert_eq!(item.unwrap().unwrap(), "4:d");
}

#[tokio::test]
async fn without_a_start_the_next_block_is_the_first() {
    let (peer, _, events) = start();
    peer.add_block(1, &["a"]);
    let mut events = events.stream();
    let live = async {
        // Only when the request has come is a block the next one.
        peer.until(|seen| !seen.events.is_empty()).await;
        peer.add_block(2, &["b"]);
    };
    let (item, ()) = tokio::join!(next(&mut events), live);
    assert_eq!(item.unwrap().unwrap(), "2:b");
    assert_eq!(start_of(&requests(&peer)[0]), None);
}

#[tokio::test]
async fn a_request_can_be_signed_elsewhere() {
    let (peer, caller, events) = start();
    peer.add_block(1, &["a"]);
    let request = events.from_block(1).request();
    let signature = caller.signer().sign(&request.digest()).await.unwrap();
    let request = request.with_signature(signature.clone());
    let bytes = request.bytes();
    expect(&mut request.stream(), &["1:a"]).await;
    let seen = &peer.seen().events[0];
    assert_eq!(seen.encode_to_vec(), bytes);
    assert_eq!(seen.signature, signature.as_bytes());
}
