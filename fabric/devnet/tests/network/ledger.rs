//! Looking into the ledger of a network, with the command line.

use std::path::Path;

use clap::Parser;
use hlf_devnet::cli::{Cli, CliError, run};
use serde_json::Value;

use crate::harness::{CHAINCODE, TestNetwork};

/// What a command writes, without the end of its last line.
async fn output(folder: &Path, command: &[&str]) -> Result<String, CliError> {
    let mut output = Vec::new();
    let folder = ["--dir", folder.to_str().unwrap()];
    let words = ["hlf-devnet"].iter().chain(command).chain(&folder);
    run(Cli::parse_from(words), &mut output).await?;
    Ok(String::from_utf8(output).unwrap().trim_end().to_owned())
}

#[tokio::test]
async fn height_block_transaction_and_state_can_be_looked_at() {
    let mut network = TestNetwork::start().await;
    let committed = network.contract(0).await.submit("Put", ["k", "v"]).await.unwrap();
    let folder = network.folder.path().to_owned();
    let (id, number) = (committed.transaction_id.to_string(), committed.block_number);
    look(&folder, &id, number).await;
    network.down().await;
    assert!(!folder.join("inspect.sock").exists());
    look(&folder, &id, number).await;
    // What a killed network leaves behind is no network.
    drop(std::os::unix::net::UnixListener::bind(folder.join("inspect.sock")).unwrap());
    look(&folder, &id, number).await;
    network.up().await;
    look(&folder, &id, number).await;
}

/// The same, whether the network runs or not.
async fn look(folder: &Path, id: &str, number: u64) {
    assert_eq!(output(folder, &["height"]).await.unwrap(), (number + 1).to_string());
    let block = output(folder, &["block", &number.to_string()]).await.unwrap();
    let block: Value = serde_json::from_str(&block).unwrap();
    assert_eq!(block["transactions"][0]["tx_id"], id);
    assert_eq!(block["transactions"][0]["result"], "VALID");
    let transaction: Value = serde_json::from_str(&output(folder, &["tx", id]).await.unwrap()).unwrap();
    assert_eq!(transaction["block"], number);
    assert_eq!(output(folder, &["state", "k", "--chaincode", CHAINCODE]).await.unwrap(), "v");
    assert_eq!(
        output(folder, &["state", "x"]).await.unwrap_err().to_string(),
        "chaincode register has no key x"
    );
    assert_eq!(output(folder, &["block", "99"]).await.unwrap_err().to_string(), "there is no block 99");
    assert_eq!(
        output(folder, &["tx", "none"]).await.unwrap_err().to_string(),
        "there is no transaction none"
    );
}
