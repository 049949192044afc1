//! Transactions from proposal to commit.

use std::time::Duration;

use hlf_gateway::{Deadlines, EvaluateError, TransactionError, TxValidationCode};
use hlf_proto::Message;
use hlf_proto::common::{Block, BlockchainInfo};

use crate::harness::{CHAINCODE, CHANNEL, TestNetwork, read, signer};

#[tokio::test]
async fn a_transaction_is_committed_and_seen_by_every_organisation() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let committed = contract.submit("Put", ["colour", "red"]).await.unwrap();
    assert_eq!(committed.result, b"red");
    assert!(committed.block_number >= 1);
    for index in 0..3 {
        assert_eq!(read(&network.contract(index).await, "Get", &["colour"]).await, "red");
    }
    contract.submit("Delete", ["colour"]).await.unwrap();
    assert_eq!(read(&contract, "Get", &["colour"]).await, "");
}

#[tokio::test]
async fn of_two_transactions_that_read_the_same_value_one_is_valid() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let first = contract.proposal("Increment").argument("n").build().endorse().await.unwrap();
    let second = contract.proposal("Increment").argument("n").build().endorse().await.unwrap();
    let (first, second) = (first.submit().await.unwrap(), second.submit().await.unwrap());
    assert!(first.status().await.unwrap().code().is_valid());
    let status = second.status().await.unwrap();
    assert_eq!(status.code().known(), Some(TxValidationCode::MvccReadConflict));
    assert_eq!(read(&contract, "Get", &["n"]).await, "1");
}

#[tokio::test]
async fn a_new_key_in_a_range_that_was_read_is_a_phantom() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    contract.submit("Put", ["a1", "x"]).await.unwrap();
    let count = contract.proposal("Count").arguments(["a", "b", "count"]).build().endorse().await.unwrap();
    assert_eq!(count.result(), b"1");
    contract.submit("Put", ["a2", "x"]).await.unwrap();
    let status = count.submit().await.unwrap().status().await.unwrap();
    assert_eq!(status.code().known(), Some(TxValidationCode::PhantomReadConflict));
    contract.submit("Count", ["a", "b", "count"]).await.unwrap();
    assert_eq!(read(&contract, "Get", &["count"]).await, "2");
}

#[tokio::test]
async fn the_same_envelope_twice_is_a_duplicate_and_commits_once() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let transaction = contract.proposal("Increment").argument("n").build().endorse().await.unwrap();
    let commit = transaction.submit().await.unwrap();
    assert!(commit.status().await.unwrap().code().is_valid());
    transaction.submit().await.unwrap();
    // Another transaction after it, so that the second copy has certainly been ordered.
    contract.submit("Quietly", ["other", "1"]).await.unwrap();
    assert!(commit.status().await.unwrap().code().is_valid(), "the first outcome stands");
    assert_eq!(read(&contract, "History", &["n"]).await, "1");
}

#[tokio::test]
async fn the_status_of_an_unknown_transaction_comes_with_its_commit() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let transaction = contract.proposal("Put").arguments(["k", "v"]).build().endorse().await.unwrap();
    let commit = network.network(1).await.commit(transaction.transaction_id().clone());
    let mut status = Box::pin(commit.status());
    let early = tokio::time::timeout(Duration::from_millis(200), &mut status).await;
    assert!(early.is_err(), "nothing has been submitted yet");
    transaction.submit().await.unwrap();
    let status = tokio::time::timeout(Duration::from_secs(10), status).await.unwrap().unwrap();
    assert!(status.code().is_valid());
}

#[tokio::test]
async fn many_transactions_at_once() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let keys: Vec<String> = (0..150).map(|number| format!("key{number:03}")).collect();
    let submits = keys.iter().map(|key| contract.submit("Put", [key.as_str(), "v"]));
    for committed in futures::future::join_all(submits).await {
        committed.unwrap();
    }
    contract.submit("Count", ["key", "kez", "count"]).await.unwrap();
    assert_eq!(read(&contract, "Get", &["count"]).await, "150");
    // Over more than one of the parts in which the network hands out results.
    let page = read(&contract, "Page", &["120", ""]).await;
    let (found, bookmark) = page.split_once('|').unwrap();
    assert_eq!(found.split(',').count(), 120);
    let rest = read(&contract, "Page", &["120", bookmark]).await;
    let (rest, bookmark) = rest.split_once('|').unwrap();
    assert_eq!((rest.split(',').count(), bookmark), (31, ""));
}

/// Both sides of the chaincode's stream have more to say than fits on the way, and neither may wait for the other.
#[tokio::test]
async fn a_thousand_transactions_at_once_with_large_values() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let value = "v".repeat(16 << 10);
    let puts = (0..1000).map(|_| {
        let proposal = contract.proposal("Put").arguments(["k", &value]).organizations(["BankMSP"]);
        proposal.deadlines(Deadlines::DEFAULT.with_evaluate(Duration::from_secs(60))).evaluate()
    });
    for result in futures::future::join_all(puts).await {
        assert_eq!(result.unwrap().len(), value.len());
    }
}

/// Messages between client, peer and chaincode may have 100 MiB.
#[tokio::test]
async fn ninety_mebibytes_pass_every_service() {
    let network = TestNetwork::start().await;
    let minute = Duration::from_secs(60);
    let deadlines = Deadlines::DEFAULT.with_evaluate(minute).with_endorse(minute).with_submit(minute);
    let files = network.files(0);
    let user = (files.user_certificate("User1"), signer(&files.user_key("User1")));
    let gateway = network.gateway_as(0, &user.0, user.1).await.with_deadlines(deadlines);
    let contract = gateway.network(CHANNEL).contract(CHAINCODE);
    // Of an argument: the chaincode gets it in the signed proposal, too.
    let half = "v".repeat(45 << 20);
    let echo = contract.proposal("Put").arguments(["k", &half]).organizations(["BankMSP"]);
    assert!(echo.evaluate().await.unwrap() == half.as_bytes());
    // Of a value that is written, and of a result.
    let repeated = contract.proposal("Repeat").arguments(["k", "90", &half[..1 << 20]]);
    let repeated = repeated.organizations(["BankMSP"]).evaluate().await.unwrap();
    assert!(repeated.len() == 90 << 20 && repeated.iter().all(|byte| *byte == b'v'));
    // An orderer takes ten of them, as by Fabric's sample configuration.
    let refused = contract.submit("Quietly", ["k", &half]).await;
    let Err(TransactionError::Submit { error, .. }) = refused else { panic!("it is committed") };
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("exceeds maximum allowed 10485760 bytes"), "{cause}");
}

#[tokio::test]
async fn a_chaincode_asks_the_peer_for_blocks() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let committed = contract.submit("Put", ["k", "v"]).await.unwrap();
    let info = contract.evaluate("Ask", ["GetChainInfo", ""]).await.unwrap();
    let info = BlockchainInfo::decode(info.as_slice()).unwrap();
    assert_eq!(info.height, committed.block_number + 1);
    let number = async |hash: &[u8]| {
        let block = contract.evaluate("Ask", ["GetBlockByHash", &hex::encode(hash)]).await?;
        Ok::<_, EvaluateError>(Block::decode(block.as_slice()).unwrap().header.unwrap().number)
    };
    assert_eq!(number(&info.current_block_hash).await.unwrap(), committed.block_number);
    assert_eq!(number(&info.previous_block_hash).await.unwrap(), committed.block_number - 1);
    let error = number(&[7; 32]).await.unwrap_err();
    let message = error.chaincode_message().unwrap();
    assert!(message.ends_with(&format!("no such block hash [{}] in index", "07".repeat(32))), "{message}");
}

#[tokio::test]
async fn a_simulation_sees_the_ledger_as_it_was_when_it_began() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    contract.submit("Put", ["k", "old"]).await.unwrap();
    let other = contract.clone();
    let held = tokio::spawn(async move { other.evaluate("Hold", ["k"]).await });
    network.holding.notified().await;
    contract.submit("Put", ["k", "new"]).await.unwrap();
    network.release.notify_one();
    assert_eq!(held.await.unwrap().unwrap(), b"old");
    assert_eq!(read(&contract, "Get", &["k"]).await, "new");
}

#[tokio::test]
async fn a_chaincode_process_that_comes_back_is_dialled_again() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    contract.submit("Put", ["k", "1"]).await.unwrap();
    network.stop_chaincode(0);
    let at_bank = || contract.proposal("Get").argument("k").organizations(["BankMSP"]).evaluate();
    let error = eventually(async || at_bank().await.err()).await;
    assert_eq!(error.code(), Some(hlf_gateway::Code::Aborted), "{error:?}");
    let address = network.config.chaincodes[0].processes[0].address.clone();
    let _stop = network.serve_chaincode(0, &address).await;
    assert_eq!(eventually(async || at_bank().await.ok()).await, b"1");
    // The policy needs two of three: without one process of another organisation it still works.
    network.stop_chaincode(1);
    eventually(async || network.contract(2).await.submit("Put", ["k", "2"]).await.ok()).await;
}

/// Tries until there is a result, for ten seconds.
async fn eventually<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Some(found) = attempt().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("no result within ten seconds")
}

#[tokio::test]
async fn organisations_that_are_named_endorse() {
    let network = TestNetwork::start().await;
    let contract = network.contract(0).await;
    let one = contract.proposal("Put").arguments(["k", "v"]).organizations(["ClientMSP"]).submit().await;
    let Err(TransactionError::Invalid(error)) = one else { panic!("{one:?}") };
    assert_eq!(error.code().known(), Some(TxValidationCode::EndorsementPolicyFailure));
    let two = ["VendorMSP", "ClientMSP"];
    contract.proposal("Put").arguments(["k", "v"]).organizations(two).submit().await.unwrap();
    let transient = contract.proposal("Transient").transient("secret", "s3").evaluate().await.unwrap();
    assert_eq!(transient, b"s3");
    assert_eq!(contract.chaincode(), CHAINCODE);
}
