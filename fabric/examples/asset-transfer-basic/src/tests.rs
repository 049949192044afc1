//! The calls of the sample's application.

use hlf_shim::testing::{Call, MemoryLedger};

use crate::contract::AssetTransfer;

async fn answer(ledger: &mut MemoryLedger, function: &str, arguments: &[&str]) -> String {
    let done = ledger.submit(&AssetTransfer, Call::new(function, arguments.iter().copied())).await;
    let text = String::from_utf8_lossy(done.response.payload()).into_owned();
    if done.response.is_success() { text } else { format!("! {}", done.response.message()) }
}

async fn all(ledger: &mut MemoryLedger, calls: &[(&str, &[&str], &str)]) {
    for (function, arguments, expected) in calls {
        assert_eq!(answer(ledger, function, arguments).await, *expected, "{function} {arguments:?}");
    }
}

const ASSET7: &str = r#"{"AppraisedValue":1300,"Color":"yellow","ID":"asset7","Owner":"Tom","Size":5}"#;

#[tokio::test]
async fn the_application_gets_what_it_expects() {
    let mut ledger = MemoryLedger::new("basic");
    all(&mut ledger, &[("InitLedger", &[], "")]).await;
    let assets = answer(&mut ledger, "GetAllAssets", &[]).await;
    assert!(assets.starts_with(
        r#"[{"AppraisedValue":300,"Color":"blue","ID":"asset1","Owner":"Tomoko","Size":5},{"AppraisedValue":400,"#
    ));
    assert_eq!(assets.matches("AppraisedValue").count(), 6);
    let seven = &["asset7", "yellow", "5", "Tom", "1300"];
    all(
        &mut ledger,
        &[
            ("CreateAsset", seven, ""),
            ("ReadAsset", &["asset7"], ASSET7),
            ("CreateAsset", seven, "! the asset asset7 already exists"),
            ("TransferAsset", &["asset7", "Saptha"], "Tom"),
            ("AssetExists", &["asset7"], "true"),
            ("AssetExists", &["asset70"], "false"),
            ("UpdateAsset", &["asset70", "blue", "5", "Tomoko", "300"], "! the asset asset70 does not exist"),
            ("UpdateAsset", seven, ""),
            ("readAsset", &["asset7"], ASSET7),
            ("DeleteAsset", &["asset7"], ""),
            ("DeleteAsset", &["asset7"], "! the asset asset7 does not exist"),
            ("ReadAsset", &["asset7"], "! the asset asset7 does not exist"),
            ("TransferAsset", &["asset7", "Saptha"], "! the asset asset7 does not exist"),
            (
                "CreateAsset",
                &["a", "b", "large", "c", "1"],
                "! error managing parameter size. conversion error. cannot convert passed value large to int64",
            ),
        ],
    )
    .await;
}
