//! The calls of the sample's application.

use hlf_shim::KeyEndorsementPolicy;
use hlf_shim::testing::{Call, Caller, MemoryLedger};

use crate::contract::AssetContract;

async fn answer(ledger: &mut MemoryLedger, function: &str, arguments: &[&str]) -> String {
    let done = ledger.submit(&AssetContract, Call::new(function, arguments.iter().copied())).await;
    let text = String::from_utf8_lossy(done.response.payload()).into_owned();
    if done.response.is_success() { text } else { format!("! {}", done.response.message()) }
}

async fn all(ledger: &mut MemoryLedger, calls: &[(&str, &[&str], &str)]) {
    for (function, arguments, expected) in calls {
        assert_eq!(answer(ledger, function, arguments).await, *expected, "{function} {arguments:?}");
    }
}

fn endorsers(ledger: &MemoryLedger) -> Vec<String> {
    let policy = KeyEndorsementPolicy::decode(ledger.validation_parameter("", "a1").unwrap()).unwrap();
    policy.organizations().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_owners_organisation_endorses() {
    let mut ledger = MemoryLedger::new("sbe");
    ledger.set_caller(&Caller::new("Org1MSP", "ann"));
    all(
        &mut ledger,
        &[
            ("CreateAsset", &["a1", "100", "Tom"], ""),
            ("CreateAsset", &["a1", "100", "Tom"], "! The asset a1 already exists"),
            ("ReadAsset", &["a1"], r#"{"ID":"a1","Value":100,"Owner":"Tom","OwnerOrg":"Org1MSP"}"#),
            ("UpdateAsset", &["a1", "200"], ""),
        ],
    )
    .await;
    assert_eq!(endorsers(&ledger), ["Org1MSP"]);
    all(
        &mut ledger,
        &[
            ("TransferAsset", &["a1", "Ben", "Org2MSP"], ""),
            ("ReadAsset", &["a1"], r#"{"ID":"a1","Value":200,"Owner":"Ben","OwnerOrg":"Org2MSP"}"#),
        ],
    )
    .await;
    assert_eq!(endorsers(&ledger), ["Org2MSP"]);
    all(
        &mut ledger,
        &[
            ("AssetExists", &["a1"], "true"),
            ("DeleteAsset", &["a1"], ""),
            ("DeleteAsset", &["a1"], "! The asset a1 does not exist"),
            ("UpdateAsset", &["a1", "1"], "! The asset a1 does not exist"),
        ],
    )
    .await;
    assert_eq!(ledger.validation_parameter("", "a1"), None);
}
