//! The calls of the sample's application.

use hlf_shim::testing::{Call, MemoryLedger};

use crate::contract::AssetTransfer;

/// The answer, and name and content of the event.
async fn told(ledger: &mut MemoryLedger, function: &str, arguments: &[&str]) -> (String, String, String) {
    let done = ledger.submit(&AssetTransfer, Call::new(function, arguments.iter().copied())).await;
    assert!(done.response.is_success(), "{function}: {}", done.response.message());
    let event = done.event.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(done.response.payload()), event.name, text(&event.payload))
}

fn asset(owner: &str, value: i64) -> String {
    format!(r#"{{"AppraisedValue":{value},"Color":"blue","ID":"a1","Owner":"{owner}","Size":10}}"#)
}

#[tokio::test]
async fn every_change_is_told() {
    let mut ledger = MemoryLedger::new("events");
    for (function, arguments, answer, event) in [
        ("CreateAsset", &["a1", "blue", "10", "Sam", "100"][..], "", asset("Sam", 100)),
        ("UpdateAsset", &["a1", "blue", "10", "Sam", "200"], "", asset("Sam", 200)),
        ("TransferAsset", &["a1", "Mary"], "Sam", asset("Mary", 200)),
        ("DeleteAsset", &["a1"], "", asset("Mary", 200)),
    ] {
        assert_eq!(
            told(&mut ledger, function, arguments).await,
            (answer.to_owned(), function.to_owned(), event)
        );
    }
    let gone = ledger.evaluate(&AssetTransfer, Call::new("ReadAsset", ["a1"])).await;
    assert_eq!(gone.response.message(), "the asset a1 does not exist");
    assert_eq!(gone.event, None);
}

#[tokio::test]
async fn an_asset_is_created_once() {
    let mut ledger = MemoryLedger::new("events");
    let create = || Call::new("CreateAsset", ["a1", "blue", "10", "Sam", "100"]);
    assert!(ledger.submit(&AssetTransfer, create()).await.response.is_success());
    let again = ledger.submit(&AssetTransfer, create()).await.response;
    assert_eq!(again.message(), "the asset a1 already exists");
}
