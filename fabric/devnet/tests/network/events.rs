//! Chaincode events.

use std::time::Duration;

use futures::StreamExt;
use hlf_gateway::{ChaincodeEvent, ChaincodeEvents, Checkpoint};

use crate::harness::{CHAINCODE, TestNetwork};

async fn next(events: &mut ChaincodeEvents) -> ChaincodeEvent {
    tokio::time::timeout(Duration::from_secs(10), events.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn events_come_in_order_and_resume_after_a_transaction() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let mut committed = Vec::new();
    for key in ["a", "b", "c"] {
        committed.push(contract.submit("Put", [key, "1"]).await.unwrap());
        contract.submit("Quietly", [key, "2"]).await.unwrap();
    }
    let channel = network.network(1).await;
    let mut all = channel.chaincode_events(CHAINCODE).from_block(0).stream();
    for (key, committed) in ["a", "b", "c"].into_iter().zip(&committed) {
        let event = next(&mut all).await;
        assert_eq!((event.name.as_str(), event.payload.as_slice()), ("Put", key.as_bytes()));
        assert_eq!(event.transaction_id, committed.transaction_id);
        assert_eq!(event.block_number, committed.block_number);
    }
    let last_seen = &committed[1];
    let checkpoint = Checkpoint::after_transaction(last_seen.block_number, last_seen.transaction_id.clone());
    let mut resumed = channel.chaincode_events(CHAINCODE).after(&checkpoint).stream();
    assert_eq!(next(&mut resumed).await.payload, b"c");
    // Both streams go on with what is committed from now on.
    contract.submit("Put", ["d", "1"]).await.unwrap();
    assert_eq!(next(&mut resumed).await.payload, b"d");
    assert_eq!(next(&mut all).await.payload, b"d");
}

#[tokio::test]
async fn invalid_transactions_have_no_events() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let one = contract.proposal("Put").arguments(["x", "1"]).organizations(["BankMSP"]).submit().await;
    assert!(one.is_err(), "the policy wants two");
    contract.submit("Put", ["y", "1"]).await.unwrap();
    let mut all = network.network(0).await.chaincode_events(CHAINCODE).from_block(0).stream();
    assert_eq!(next(&mut all).await.payload, b"y");
}
