//! Stopping with clients that do nothing to make it possible.

use std::time::Duration;

use futures::StreamExt;
use hlf_gateway::Code;
use hlf_proto::common::Envelope;
use hlf_proto::orderer::BroadcastResponse;
use hlf_proto::orderer::atomic_broadcast_client::AtomicBroadcastClient;

use crate::harness::{CHAINCODE, TestNetwork, read};

/// The network itself gives them four seconds.
const DEADLINE: Duration = Duration::from_secs(15);

async fn stop(network: &mut TestNetwork) {
    tokio::time::timeout(DEADLINE, network.down()).await.expect("the network stops");
}

#[tokio::test]
async fn an_idle_broadcast_is_told() {
    let mut network = TestNetwork::start().await;
    let mut orderer = AtomicBroadcastClient::new(network.channel(0).await);
    let envelopes = futures::stream::iter([Envelope::default()]).chain(futures::stream::pending());
    let mut answers = orderer.broadcast(envelopes).await.unwrap().into_inner();
    let refused: BroadcastResponse = answers.message().await.unwrap().unwrap();
    assert_ne!(refused.status, 200);
    let (told, ()) = tokio::join!(answers.message(), stop(&mut network));
    assert_eq!(told.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn streams_that_nobody_reads_do_not_keep_it_from_stopping() {
    let mut network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    // More than what is under way to a client that does not read, many times over.
    let long = "v".repeat(1 << 20);
    for key in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        contract.submit("Quietly", [key, &long]).await.unwrap();
        contract.submit("Tell", [key, &long]).await.unwrap();
    }
    let channel = network.network(1).await;
    let mut blocks = channel.block_events().from_block(0).stream();
    blocks.next().await.unwrap().unwrap();
    let mut events = channel.chaincode_events(CHAINCODE).from_block(0).stream();
    events.next().await.unwrap().unwrap();
    stop(&mut network).await;
    // The ledger was closed, so that it can be opened again.
    network.up().await;
    assert_eq!(read(&network.contract(0).await, "Get", &["a"]).await, "told");
    drop((blocks, events));
}
