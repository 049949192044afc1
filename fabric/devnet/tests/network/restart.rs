//! Stopping and starting again.

use std::time::Duration;

use futures::StreamExt;
use hlf_gateway::Code;

use crate::harness::{CHAINCODE, TestNetwork, read};

#[tokio::test]
async fn a_restarted_network_continues() {
    let mut network = TestNetwork::start().await;
    let first = network.contract(0).await.submit("Put", ["k", "1"]).await.unwrap();
    network.down().await;
    network.up().await;
    let contract = network.contract(0).await;
    assert_eq!(read(&contract, "Get", &["k"]).await, "1");
    let second = contract.submit("Put", ["k", "2"]).await.unwrap();
    assert_eq!(second.block_number, first.block_number + 1);
    assert_eq!(read(&contract, "History", &["k"]).await, "2,1");
    let channel = network.network(0).await;
    let status = channel.commit(first.transaction_id.clone()).status().await.unwrap();
    assert_eq!(status.block_number(), first.block_number);
    let events = channel.chaincode_events(CHAINCODE).from_block(0).stream();
    let events: Vec<_> = events.take(2).map(|event| event.unwrap().transaction_id).collect().await;
    assert_eq!(events, [first.transaction_id, second.transaction_id]);
}

#[tokio::test]
async fn stopping_ends_everything_that_waits_and_commits_what_was_taken() {
    let mut network = TestNetwork::start_with(|config| config.block_time = Duration::from_secs(600)).await;
    let contract = network.contract(0).await;
    let channel = network.network(0).await;
    let mut events = channel.chaincode_events(CHAINCODE).from_block(0).stream();
    let transaction = contract.proposal("Put").arguments(["k", "v"]).build().endorse().await.unwrap();
    let commit = transaction.submit().await.unwrap();
    let waiting = tokio::spawn(async move { commit.status().await });
    let stopped = async {
        network.down().await;
        network
    };
    let mut network = tokio::time::timeout(Duration::from_secs(20), stopped).await.unwrap();
    match waiting.await.unwrap() {
        Ok(status) => assert!(status.code().is_valid()),
        Err(error) => assert_eq!(error.code(), Some(Code::Unavailable)),
    }
    while let Some(Ok(_)) = events.next().await {}
    network.up().await;
    assert_eq!(read(&network.contract(0).await, "Get", &["k"]).await, "v");
}
