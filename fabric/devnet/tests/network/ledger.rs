//! Looking into the ledger of a stopped network.

use hlf_devnet::inspect;

use crate::harness::{CHAINCODE, TestNetwork};

#[tokio::test]
async fn height_block_transaction_and_state_can_be_looked_at() {
    let mut network = TestNetwork::start().await;
    let committed = network.contract(0).await.submit("Put", ["k", "v"]).await.unwrap();
    let folder = network.folder.path().to_owned();
    let error = inspect::height(&folder).unwrap_err();
    assert!(error.to_string().contains("does another hlf-devnet use it?"), "{error}");
    network.down().await;
    let id = committed.transaction_id.to_string();
    assert_eq!(inspect::height(&folder).unwrap(), committed.block_number + 1);
    let block = inspect::block(&folder, committed.block_number).unwrap();
    assert_eq!(block["transactions"][0]["tx_id"], id.as_str());
    assert_eq!(block["transactions"][0]["result"], "VALID");
    assert_eq!(inspect::transaction(&folder, &id).unwrap()["block"], committed.block_number);
    assert_eq!(inspect::state(&folder, Some(CHAINCODE), "k").unwrap(), b"v");
    assert_eq!(
        inspect::state(&folder, None, "x").unwrap_err().to_string(),
        "chaincode register has no key x"
    );
}
