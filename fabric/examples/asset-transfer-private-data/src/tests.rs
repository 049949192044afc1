//! The calls of the sample's application, by clients of two organisations on their own peers.

use hlf_shim::testing::{Call, Caller, Collection, MemoryLedger};

use crate::contract::PrivateAssets;

fn network() -> MemoryLedger {
    let mut ledger = MemoryLedger::new("private");
    ledger.define_collection(
        Collection::new("assetCollection", ["Org1MSP", "Org2MSP"]).member_only_read().member_only_write(),
    );
    for msp_id in ["Org1MSP", "Org2MSP"] {
        let name = format!("{msp_id}PrivateCollection");
        ledger.define_collection(Collection::new(name, [msp_id]).member_only_read());
    }
    ledger
}

/// A call by a client on a peer of its organisation: the answer, or its text.
async fn run(ledger: &mut MemoryLedger, organization: &str, call: Call) -> Result<String, String> {
    ledger.set_local_msp_id(Some(organization));
    let call = call.by(&Caller::new(organization, "User1").unit("client"));
    let response = ledger.submit(&PrivateAssets, call).await.response;
    let text = String::from_utf8_lossy(response.payload()).into_owned();
    if response.is_success() { Ok(text) } else { Err(response.message().to_owned()) }
}

fn sends(function: &str, name: &str, json: &str) -> Call {
    Call::new(function, [""; 0]).transient(name, json)
}

const PROPERTIES: &str =
    r#"{"objectType":"ValuableAsset","assetID":"a1","color":"green","size":20,"appraisedValue":100}"#;
const OWNER: &str = r#"{"assetID":"a1","buyerMSP":"Org2MSP"}"#;
const VALUE: &str = r#"{"assetID":"a1","appraisedValue":100}"#;
const NAMED: &str = r#"{"assetID":"a1"}"#;

#[tokio::test]
async fn an_asset_changes_hands_when_both_agree_on_its_value() {
    let mut ledger = network();
    let create = || sends("CreateAsset", "asset_properties", PROPERTIES);
    assert_eq!(run(&mut ledger, "Org1MSP", create()).await, Ok(String::new()));
    assert_eq!(run(&mut ledger, "Org1MSP", create()).await.unwrap_err(), "this asset already exists: a1");
    let green = r#"{"objectType":"ValuableAsset","assetID":"a1","color":"green","size":20,"owner":"x509::CN=User1,OU=client::CN=ca,O=Org1MSP"}"#;
    let range = Call::new("GetAssetByRange", ["a1", "a2"]);
    assert_eq!(run(&mut ledger, "Org1MSP", range).await, Ok(format!("[{green}]")));

    let transfer = || sends("TransferAsset", "asset_owner", OWNER);
    let early = run(&mut ledger, "Org1MSP", transfer()).await.unwrap_err();
    assert_eq!(
        early,
        "failed transfer verification: hash of appraised value for a1 does not exist in collection Org2MSPPrivateCollection. AgreeToTransfer must be called by the buyer first"
    );
    let stolen = run(&mut ledger, "Org2MSP", transfer()).await.unwrap_err();
    assert_eq!(stolen, "failed transfer verification: error: submitting client identity does not own asset");

    let agree = |value: &str| sends("AgreeToTransfer", "asset_value", &VALUE.replace("100", value));
    assert!(run(&mut ledger, "Org2MSP", agree("90")).await.is_ok());
    let too_little = run(&mut ledger, "Org1MSP", transfer()).await.unwrap_err();
    assert!(too_little.starts_with("failed transfer verification: hash for appraised value for owner "));
    assert!(run(&mut ledger, "Org2MSP", agree("100")).await.is_ok());
    let agreement = run(&mut ledger, "Org1MSP", Call::new("ReadTransferAgreement", ["a1"])).await.unwrap();
    assert_eq!(agreement, r#"{"assetID":"a1","buyerID":"x509::CN=User1,OU=client::CN=ca,O=Org2MSP"}"#);

    assert_eq!(run(&mut ledger, "Org1MSP", transfer()).await, Ok(String::new()));
    let asset = run(&mut ledger, "Org1MSP", Call::new("ReadAsset", ["a1"])).await.unwrap();
    assert_eq!(asset, green.replace("O=Org1MSP", "O=Org2MSP"));
    let details = |collection| Call::new("ReadAssetPrivateDetails", [collection, "a1"]);
    assert_eq!(run(&mut ledger, "Org1MSP", details("Org1MSPPrivateCollection")).await, Ok(String::new()));
    assert_eq!(run(&mut ledger, "Org2MSP", details("Org2MSPPrivateCollection")).await, Ok(VALUE.into()));
    assert!(run(&mut ledger, "Org1MSP", details("Org2MSPPrivateCollection")).await.is_err());
    let query = Call::new("QueryAssetByOwner", ["ValuableAsset", "nobody"]);
    assert_eq!(run(&mut ledger, "Org1MSP", query).await, Ok("[]".into()));
}

#[tokio::test]
async fn only_the_owners_organisation_deletes_and_purges() {
    let mut ledger = network();
    run(&mut ledger, "Org1MSP", sends("CreateAsset", "asset_properties", PROPERTIES)).await.unwrap();
    let delete = || sends("DeleteAsset", "asset_delete", NAMED);
    let refused = run(&mut ledger, "Org2MSP", delete()).await.unwrap_err();
    assert_eq!(refused, "asset not found in owner's private Collection Org2MSPPrivateCollection: a1");
    assert!(run(&mut ledger, "Org1MSP", delete()).await.is_ok());
    assert_eq!(run(&mut ledger, "Org1MSP", delete()).await.unwrap_err(), "asset not found: a1");
    assert!(run(&mut ledger, "Org1MSP", sends("PurgeAsset", "asset_purge", NAMED)).await.is_ok());
    assert_eq!(run(&mut ledger, "Org1MSP", Call::new("ReadAsset", ["a1"])).await, Ok(String::new()));
    let withdraw = sends("DeleteTranferAgreement", "agreement_delete", NAMED);
    assert_eq!(
        run(&mut ledger, "Org2MSP", withdraw).await.unwrap_err(),
        "asset's transfer_agreement does not exist: a1"
    );
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let mut ledger = network();
    let create = |json: &str| sends("CreateAsset", "asset_properties", json);
    for (call, text) in [
        (Call::new("CreateAsset", [""; 0]), "asset not found in the transient map input"),
        (create("{}"), "objectType field must be a non-empty string"),
        (create(&PROPERTIES.replace("20", "0")), "size field must be a positive integer"),
        (sends("AgreeToTransfer", "asset_value", VALUE), "a1 does not exist"),
        (sends("TransferAsset", "asset_owner", NAMED), "buyerMSP field must be a non-empty string"),
    ] {
        assert_eq!(run(&mut ledger, "Org1MSP", call).await.unwrap_err(), text);
    }
    // A client of another organisation than the peer's.
    ledger.set_local_msp_id(Some("Org2MSP"));
    let call = create(PROPERTIES).by(&Caller::new("Org1MSP", "User1"));
    assert_eq!(
        ledger.submit(&PrivateAssets, call).await.response.message(),
        "CreateAsset cannot be performed: Error client from org Org1MSP is not authorized to read or write private data from an org Org2MSP peer"
    );
}
