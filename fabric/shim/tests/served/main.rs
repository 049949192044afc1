//! A chaincode that is served, driven by peers of the test's own over mutual TLS on loopback.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

mod credentials;
mod peer;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hlf_proto::Message;
use hlf_proto::protos::ChaincodeAdditionalParams;
use hlf_proto::protos::chaincode_message::Type;
use hlf_shim::{Counters, LedgerError};

use crate::credentials::Credentials;
use crate::peer::FakePeer;
use crate::server::TestServer;

#[tokio::test]
async fn a_peer_registers_the_chaincode_and_calls_it() {
    let server = TestServer::start().await;
    let mut peer = server.connect().await;
    assert_eq!(peer.registered, "test:0123");

    let mut state = BTreeMap::new();
    peer.call("t1", &["put", "k", "v"]).await;
    assert_eq!(peer.answers(&mut state, 1).await["t1"], (200, String::new()));
    peer.call("t2", &["get", "k"]).await;
    assert_eq!(peer.answers(&mut state, 1).await["t2"], (200, "v".into()));
    peer.call("t3", &["get", "none"]).await;
    assert_eq!(peer.answers(&mut state, 1).await["t3"], (500, "none".into()));

    peer.send(Type::Keepalive, "", b"").await;
    assert_eq!(peer.next().await.r#type(), Type::Keepalive);
    drop(peer);
    server.stop().await;
}

#[tokio::test]
async fn health_is_told() {
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    let server = TestServer::start().await;
    let identity = Some(server.credentials.client_identity());
    let channel = peer::channel(server.address, &server.credentials, identity).await.unwrap();
    for service in ["", "protos.Chaincode"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let reply = HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner();
        assert_eq!(reply.status(), ServingStatus::Serving);
    }
    drop(channel);
    server.stop().await;
}

/// Probes ask for the whole, without naming a service.
#[tokio::test]
async fn while_it_drains_nothing_of_it_is_healthy() {
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    let mut server = TestServer::start().await;
    let identity = Some(server.credentials.client_identity());
    let channel = peer::channel(server.address, &server.credentials, identity).await.unwrap();
    let mut watches = Vec::new();
    for service in ["", "protos.Chaincode"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut watch = HealthClient::new(channel.clone()).watch(request).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        watches.push(watch);
    }
    server.shut_down();
    for watch in &mut watches {
        let told = tokio::time::timeout(peer::DEADLINE, watch.message()).await.unwrap().unwrap().unwrap();
        assert_eq!(told.status(), ServingStatus::NotServing);
    }
    drop((watches, channel));
    server.stopped().await;
}

/// Otherwise two sides that both wait for the other one to read wait for ever.
#[tokio::test]
async fn a_peer_that_does_not_read_yet_is_read() {
    const TRANSACTIONS: usize = 3000;
    let server = TestServer::start().await;
    let mut peer = server.connect().await;
    let key = "k".repeat(2000);
    let calls = async {
        for number in 0..TRANSACTIONS {
            peer.call(&format!("t{number}"), &["get", &key]).await;
        }
    };
    tokio::time::timeout(peer::DEADLINE, calls).await.expect("the chaincode reads");
    let mut state = BTreeMap::from([(key, b"v".to_vec())]);
    let answers = peer.answers(&mut state, TRANSACTIONS).await;
    assert!(answers.values().all(|answer| *answer == (200, "v".to_owned())));
    drop(peer);
    server.stop().await;
}

#[tokio::test]
async fn without_a_client_certificate_nobody_gets_in() {
    let server = TestServer::start().await;
    let stranger = Credentials::new();
    assert!(FakePeer::try_connect(server.address, &server.credentials, None).await.is_err());
    let identity = Some(stranger.client_identity());
    assert!(FakePeer::try_connect(server.address, &server.credentials, identity).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn two_peers_with_many_transactions_at_once() {
    const TRANSACTIONS: usize = 200;
    let server = TestServer::start().await;
    let load = async |mut peer: FakePeer| {
        let mut state = BTreeMap::new();
        for number in 0..TRANSACTIONS {
            peer.call(&format!("t{number}"), &["swap", &format!("k{number}"), &format!("v{number}")]).await;
        }
        let answers = peer.answers(&mut state, TRANSACTIONS).await;
        assert!(answers.values().all(|answer| *answer == (200, "was nothing".to_owned())));
        assert_eq!(state.len(), TRANSACTIONS);
        assert!(
            (0..TRANSACTIONS).all(|number| state[&format!("k{number}")] == format!("v{number}").as_bytes())
        );
    };
    // Both have the same transaction ids, as two endorsers of one proposal have.
    let (left, right) = (server.connect().await, server.connect().await);
    tokio::join!(load(left), load(right));
    server.stop().await;
}

/// A peer that does not offer them ends the stream when it gets them, with all its transactions.
#[tokio::test]
async fn batches_are_sent_only_to_peers_that_offer_them() {
    let server = TestServer::start().await;
    let offers = |offered, size| ChaincodeAdditionalParams {
        use_write_batch: offered,
        max_size_write_batch: size,
        use_get_multiple_keys: offered,
        max_size_get_multiple_keys: size,
    };
    for (offers, writes, reads) in [
        (offers(false, 100), [Type::PutState; 251].to_vec(), [Type::GetState; 250].to_vec()),
        (offers(true, 100), [Type::WriteBatchState; 4].to_vec(), [Type::GetStateMultiple; 3].to_vec()),
        (offers(true, 1000), [Type::WriteBatchState; 2].to_vec(), [Type::GetStateMultiple; 1].to_vec()),
    ] {
        let mut peer = FakePeer::greet(server.address, &server.credentials).await;
        peer.make_ready(&offers).await;
        peer.call("t1", &["many"]).await;
        let (mut state, mut seen) = (BTreeMap::new(), Vec::new());
        loop {
            let message = peer.next().await;
            if message.r#type() == Type::Completed {
                let response = hlf_proto::protos::Response::decode(message.payload.as_slice()).unwrap();
                assert_eq!((response.status, response.payload.as_slice()), (200, &b"250"[..]));
                break;
            }
            seen.push(message.r#type());
            peer.reply(&mut state, message).await;
        }
        assert_eq!(state.len(), 251);
        let (first, rest): (Vec<_>, Vec<_>) = seen.into_iter().partition(|kind| writes.contains(kind));
        assert_eq!((first, rest), (writes, reads));
    }
    server.stop().await;
}

#[tokio::test]
async fn ranges_come_in_batches_and_are_closed() {
    let server = TestServer::start().await;
    let mut peer = server.connect().await;
    let mut state: BTreeMap<_, _> = (0..7).map(|number| (format!("k{number}"), b"v".to_vec())).collect();
    state.insert("\u{0}composite\u{0}".to_owned(), b"v".to_vec());

    peer.call("t1", &["count", "", ""]).await;
    assert_eq!(peer.answers(&mut state, 1).await["t1"], (200, "7".into()));
    peer.call("t2", &["count", "k1", "k3"]).await;
    assert_eq!(peer.answers(&mut state, 1).await["t2"], (200, "2".into()));
    peer.call("t3", &["page", "3", "k3"]).await;
    assert_eq!(peer.answers(&mut state, 1).await["t3"], (200, "k3 k4 k5 then k6".into()));
    assert!(peer.open.is_empty());

    // The chaincode drops its query after the first result, and makes another request.
    peer.call("t4", &["first"]).await;
    assert_eq!(peer.answers(&mut state, 1).await["t4"], (200, "k0".into()));
    assert!(peer.open.is_empty() && peer.closed > 0);
    server.stop().await;
}

#[tokio::test]
async fn a_chaincode_calls_another_one() {
    let server = TestServer::start().await;
    let mut peer = server.connect().await;
    peer.call("t1", &["nested", "other", "hello"]).await;
    assert_eq!(peer.answers(&mut BTreeMap::new(), 1).await["t1"], (200, "other/ch2 says hello".into()));
    server.stop().await;
}

#[tokio::test]
async fn a_thousand_transactions_are_in_flight() {
    const TRANSACTIONS: usize = 1000;
    let server = TestServer::start_with(|config| config.max_transactions = TRANSACTIONS).await;
    let mut peer = server.connect().await;
    let mut requests = Vec::new();
    for number in 0..TRANSACTIONS {
        peer.call(&format!("t{number}"), &["get", "k"]).await;
        requests.push(peer.next().await);
    }
    // All have begun, none has ended, and they are answered in another order than they came.
    assert!(requests.iter().all(|request| request.r#type() == Type::GetState));
    let mut state = BTreeMap::from([("k".to_owned(), b"v".to_vec())]);
    for request in requests.into_iter().rev() {
        peer.reply(&mut state, request).await;
    }
    let answers = peer.answers(&mut state, TRANSACTIONS).await;
    assert!(answers.len() == TRANSACTIONS && answers.values().all(|answer| *answer == (200, "v".into())));
    server.stop().await;
}

#[tokio::test]
async fn a_panic_is_the_failure_of_one_transaction() {
    let counters = Arc::new(Counters::default());
    let server = TestServer::start_with(|config| config.metrics = Some(counters.clone())).await;
    let mut peer = server.connect().await;
    let mut state = BTreeMap::from([("k".to_owned(), b"v".to_vec())]);
    peer.call("t1", &["panic"]).await;
    peer.call("t2", &["get", "k"]).await;
    let answers = peer.answers(&mut state, 2).await;
    assert_eq!(answers["t1"], (500, "the chaincode panicked".into()));
    assert_eq!(answers["t2"], (200, "v".into()));
    assert_eq!((counters.transactions(), counters.failures(), counters.running()), (2, 1, 0));
    assert_eq!(counters.peers(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_was_given_up_does_not_disturb_the_next() {
    let server = TestServer::start().await;
    let mut peer = server.connect().await;
    peer.call("t1", &["impatient", "a", "b"]).await;
    let first = peer.next().await;
    assert_eq!(first.r#type(), Type::GetState);
    // The chaincode has given up before the reply: the second request comes only now.
    server.event().await.unwrap();
    peer.send(Type::Response, "t1", b"reply to a").await;
    assert_eq!(peer.next().await.r#type(), Type::GetState);
    peer.send(Type::Response, "t1", b"reply to b").await;
    assert_eq!(peer.answers(&mut BTreeMap::new(), 1).await["t1"], (200, "reply to b".into()));
    server.stop().await;
}

#[tokio::test]
async fn when_a_peer_goes_its_transactions_fail_and_others_go_on() {
    let server = TestServer::start().await;
    let mut gone = server.connect().await;
    let mut stays = server.connect().await;
    gone.call("t1", &["watch", "k"]).await;
    stays.call("t1", &["watch", "k"]).await;
    assert_eq!(gone.next().await.r#type(), Type::GetState);
    drop(gone);
    assert_eq!(server.event().await, Err(LedgerError::Disconnected));
    let mut state = BTreeMap::from([("k".to_owned(), b"v".to_vec())]);
    assert_eq!(stays.answers(&mut state, 1).await["t1"], (200, String::new()));
    assert_eq!(server.event().await, Ok(()));
    server.stop().await;
}

#[tokio::test]
async fn garbage_ends_its_own_stream_only() {
    let server = TestServer::start().await;
    let mut peer = server.connect().await;
    peer.call("t1", &["get", "k"]).await;
    let status = peer::send_garbage(server.address, &server.credentials).await;
    assert_ne!(status.code(), tonic::Code::Ok);

    let mut early = FakePeer::greet(server.address, &server.credentials).await;
    early.call("t1", &["get", "k"]).await;
    assert_eq!(early.end().await.unwrap_err().code(), tonic::Code::FailedPrecondition);

    let mut state = BTreeMap::from([("k".to_owned(), b"v".to_vec())]);
    assert_eq!(peer.answers(&mut state, 1).await["t1"], (200, "v".into()));
    server.stop().await;
}

#[tokio::test]
async fn large_values_pass_both_ways() {
    let server = TestServer::start().await;
    let mut peer = server.connect().await;
    let large = "x".repeat(90 * 1024 * 1024);
    let mut state = BTreeMap::from([("k".to_owned(), large.clone().into_bytes())]);
    peer.call("t1", &["get", "k"]).await;
    assert!(peer.answers(&mut state, 1).await["t1"] == (200, large));
    server.stop().await;
}

#[tokio::test]
async fn a_peer_that_never_reads_holds_up_nobody_else() {
    let mut server = TestServer::start_with(|config| config.drain_timeout = Duration::from_millis(50)).await;
    let deaf = server.connect().await;
    // More than the server keeps for a peer and than HTTP/2 has under way.
    let large = "x".repeat(100_000);
    for number in 0..200 {
        deaf.call(&format!("t{number}"), &["put", "k", &large]).await;
    }
    let mut peer = server.connect().await;
    peer.call("t1", &["put", "k", "v"]).await;
    assert_eq!(peer.answers(&mut BTreeMap::new(), 1).await["t1"].0, 200);
    server.shut_down();
    server.stopped().await;
    drop(deaf);
}

/// A peer does not say that it has given a transaction up; what waits for ever would keep its place.
#[tokio::test]
async fn a_transaction_that_never_ends_makes_room() {
    let counters = Arc::new(Counters::default());
    let server = TestServer::start_with(|config| {
        config.max_transactions = 1;
        config.transaction_timeout = Duration::from_millis(50);
        config.metrics = Some(counters.clone());
    })
    .await;
    let mut peer = server.connect().await;
    peer.call("t1", &["wait"]).await;
    peer.call("t2", &["nothing"]).await;
    let end = peer.next().await;
    assert_eq!((end.r#type(), end.txid.as_str()), (Type::Error, "t1"));
    assert_eq!(String::from_utf8_lossy(&end.payload), "the chaincode has not answered within 50ms");
    assert_eq!(peer.answers(&mut BTreeMap::new(), 1).await["t2"], (200, String::new()));
    assert_eq!((counters.transactions(), counters.failures(), counters.running()), (2, 1, 0));
    server.stop().await;
}

#[tokio::test]
async fn shutdown_under_load_drains() {
    const TRANSACTIONS: usize = 20;
    let mut server = TestServer::start().await;
    let mut peer = server.connect().await;
    let mut requests = Vec::new();
    for number in 0..TRANSACTIONS {
        peer.call(&format!("t{number}"), &["get", "k"]).await;
        requests.push(peer.next().await);
    }
    server.shut_down();
    // Refused from the moment on when the stream knows; until then accepted. Both end.
    let mut late = 0;
    loop {
        late += 1;
        peer.call(&format!("late{late}"), &["get", "k"]).await;
        let reply = peer.next().await;
        if reply.r#type() == Type::Error {
            assert_eq!(reply.payload, b"the chaincode is shutting down");
            break;
        }
        requests.push(reply);
    }
    let begun = requests.len();
    let mut state = BTreeMap::from([("k".to_owned(), b"v".to_vec())]);
    for request in requests {
        peer.reply(&mut state, request).await;
    }
    let answers = peer.answers(&mut state, begun).await;
    assert!(answers.len() == begun && answers.values().all(|answer| *answer == (200, "v".into())));
    peer.end().await.unwrap();
    server.stopped().await;
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let mut server = TestServer::start_with(|config| config.drain_timeout = Duration::from_millis(50)).await;
    let mut peer = server.connect().await;
    peer.call("t1", &["get", "k"]).await;
    assert_eq!(peer.next().await.r#type(), Type::GetState);
    server.shut_down();
    server.stopped().await;
}
