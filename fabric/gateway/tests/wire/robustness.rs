//! What is large, many, or badly behaved.

use std::time::Duration;

use futures::{StreamExt as _, future};
use hlf_gateway::{Code, Endpoint, Origin, StageCause};

use crate::caller::Caller;
use crate::peer::{Answer, Peer};

const MIB: usize = 1024 * 1024;

/// Whatever Fabric's own limit lets through goes through, both ways.
#[tokio::test]
async fn a_message_of_90_mib() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let contract = caller.gateway(&peer.address).network("payments").contract("basic");
    let deadlines = hlf_gateway::Deadlines::DEFAULT.with_evaluate(Duration::from_secs(300));
    let proposal = contract.proposal("Read").argument(vec![7; 90 * MIB]).deadlines(deadlines);
    assert_eq!(proposal.evaluate().await.unwrap().len(), 90 * MIB + "Read ".len());
}

#[tokio::test]
async fn a_thousand_transactions_in_flight() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let deadlines = hlf_gateway::Deadlines::DEFAULT
        .with_endorse(Duration::from_secs(300))
        .with_submit(Duration::from_secs(300))
        .with_commit_status(Duration::from_secs(300));
    let gateway = caller.gateway(&peer.address).with_deadlines(deadlines);
    let contract = gateway.network("payments").contract("basic");
    let numbers: Vec<String> = (0..1000).map(|number: u32| number.to_string()).collect();
    let submits = numbers.iter().map(|number| contract.submit("Write", [number.as_str()]));
    let committed = future::try_join_all(submits).await.unwrap();
    for (number, committed) in numbers.iter().zip(&committed) {
        assert_eq!(committed.result, format!("Write {number}").into_bytes());
    }
    assert_eq!(peer.seen().submit.len(), 1000);
}

/// A stream that nobody reads holds up neither the calls beside it nor, when it is read at last, itself.
#[tokio::test]
async fn a_stream_that_is_not_read() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let network = caller.gateway(&peer.address).network("payments");
    peer.set_height(200_000);
    let mut blocks = network.block_events().from_block(0).stream();
    assert!(blocks.next().await.unwrap().is_ok());
    for _ in 0..20 {
        network.contract("basic").submit("Write", ["a"]).await.unwrap();
    }
    for number in 1..1000 {
        assert_eq!(blocks.next().await.unwrap().unwrap().header.unwrap().number, number);
    }
}

/// A call that is given up leaves nothing behind that would disturb the next.
#[tokio::test]
async fn calls_that_are_dropped() {
    let (peer, caller) = (Peer::start(), Caller::new());
    let contract = caller.gateway(&peer.address).network("payments").contract("basic");
    for _ in 0..50 {
        peer.next_evaluate(Answer::Never);
        let given_up = tokio::time::timeout(Duration::from_millis(5), contract.evaluate("Read", ["x"])).await;
        assert!(given_up.is_err());
    }
    assert_eq!(peer.seen().evaluate.len(), 50);
    contract.evaluate("Read", ["x"]).await.unwrap();
}

/// A peer that talks, but not HTTP/2.
#[tokio::test]
async fn a_peer_that_talks_nonsense() {
    use tokio::io::AsyncWriteExt as _;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _gone = socket.write_all(&[0x55; 4096]).await;
        }
    });
    let builder = Caller::new().builder().endpoint(Endpoint::plaintext(address));
    let contract = builder.connect_lazy().unwrap().network("payments").contract("basic");
    let error = contract.evaluate("Read", ["x"]).await.unwrap_err();
    let StageCause::Call(call) = error.cause() else { panic!("{error:?}") };
    assert!(matches!(call.origin(), Origin::Broken | Origin::NotSent), "{call:?}");
    assert_ne!(call.code(), Code::Ok);
}
