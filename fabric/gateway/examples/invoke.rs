//! Calls a chaincode: reads, transactions, events.
//!
//! ```text
//! invoke evaluate FUNCTION [ARGUMENT…]   ask a peer of the own organisation, write nothing
//! invoke submit FUNCTION [ARGUMENT…]     a transaction; prints its result, id, block, and how long each stage took
//! invoke events FILE                     print events for ever; FILE remembers how far it came
//! ```
//!
//! The environment says where and who. With the test network of Hyperledger's `fabric-samples`, in its folder:
//!
//! ```text
//! org=$PWD/organizations/peerOrganizations/org1.example.com
//! export PEER=localhost:7051 PEER_NAME=peer0.org1.example.com TLS_CA=$org/tlsca/tlsca.org1.example.com-cert.pem
//! export MSP_ID=Org1MSP CHANNEL=mychannel CHAINCODE=basic
//! export CERTIFICATE=$org/users/User1@org1.example.com/msp/signcerts/cert.pem
//! export KEY=$(echo $org/users/User1@org1.example.com/msp/keystore/*)
//! cargo run -p hlf-gateway --example invoke -- submit CreateAsset asset9 blue 5 Tomoko 300
//! cargo run -p hlf-gateway --example invoke -- evaluate ReadAsset asset9
//! ```
//!
//! `PEER` may name several peers of the organisation, with commas in between; then without `PEER_NAME`. Peers that want a TLS
//! certificate are shown that in `CLIENT_CERTIFICATE`, with the key in `CLIENT_KEY`.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::env;
use std::error::Error;
use std::fs;
use std::process::ExitCode;

use futures::StreamExt as _;
use hlf_gateway::{
    Backoff, Checkpointer as _, Endpoint, FileCheckpointer, Gateway, Identity, Network, PrivateKeySigner,
    Retry, Tls, TransactionError,
};

type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run().await else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let network = connect().await?.network(variable("CHANNEL")?);
    match arguments.as_slice() {
        ["evaluate", function, arguments @ ..] => evaluate(&network, function, arguments).await,
        ["submit", function, arguments @ ..] => submit(&network, function, arguments).await,
        ["events", file] => follow(&network, file).await,
        _ => Err("usage: invoke evaluate|submit FUNCTION [ARGUMENT…] | invoke events FILE".into()),
    }
}

async fn connect() -> Result<Gateway, Failure> {
    let identity = Identity::new(variable("MSP_ID")?, fs::read(variable("CERTIFICATE")?)?)?;
    let signer = PrivateKeySigner::from_pem(&fs::read(variable("KEY")?)?)?;
    let mut tls = Tls::new(fs::read(variable("TLS_CA")?)?);
    if let Ok(name) = variable("PEER_NAME") {
        tls = tls.server_name(name);
    }
    if let (Ok(certificate), Ok(key)) = (variable("CLIENT_CERTIFICATE"), variable("CLIENT_KEY")) {
        tls = tls.client_certificate(fs::read(certificate)?, fs::read(key)?);
    }
    let peers = variable("PEER")?;
    let endpoints = peers.split(',').map(|address| Endpoint::tls(address, tls.clone()));
    Ok(Gateway::builder(identity).signer(signer).endpoints(endpoints).connect().await?)
}

async fn evaluate(network: &Network, function: &str, arguments: &[&str]) -> Result<(), Failure> {
    let proposal =
        network.contract(variable("CHAINCODE")?).proposal(function).arguments(arguments.iter().copied());
    let result = proposal.organizations([variable("MSP_ID")?]).evaluate().await?;
    println!("{}", String::from_utf8_lossy(&result));
    Ok(())
}

async fn submit(network: &Network, function: &str, arguments: &[&str]) -> Result<(), Failure> {
    let contract = network.contract(variable("CHAINCODE")?);
    // Somebody else may change the same keys at the same time. Then a new proposal sees what they wrote.
    for _attempt in 0..3 {
        match contract.submit(function, arguments.iter().copied()).await {
            Ok(committed) => {
                println!("{}", String::from_utf8_lossy(&committed.result));
                println!("transaction {} in block {}", committed.transaction_id, committed.block_number);
                println!("{:?}", committed.timing);
                return Ok(());
            }
            Err(TransactionError::Invalid(error)) if error.retry() == Retry::NewProposal => {
                println!("{error}; trying again");
            }
            Err(error) => {
                if let Some(refusal) = error.chaincode_message() {
                    println!("the chaincode refuses: {refusal}");
                }
                return Err(error.into());
            }
        }
    }
    Err("gave up: the same keys are changed all the time".into())
}

async fn follow(network: &Network, file: &str) -> Result<(), Failure> {
    let mut done = FileCheckpointer::open(file)?;
    let events = network.chaincode_events(variable("CHAINCODE")?).from_block(0).after(&done.checkpoint());
    let mut events = events.stream_resuming(Backoff::default());
    while let Some(item) = events.next().await {
        match item {
            Ok(event) => {
                let payload = String::from_utf8_lossy(&event.payload);
                println!("{} {} {} {payload}", event.block_number, event.transaction_id, event.name);
                // Only now: after a crash an event may come again, but none is lost.
                done.record_event(&event)?;
            }
            Err(error) => println!("{error}: {:?}; going on", error.code()),
        }
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, Failure> {
    env::var(name).map_err(|_| format!("set the environment variable {name}").into())
}
