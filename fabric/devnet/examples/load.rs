//! Puts load on a network: many transactions at once, through the gateways of all its organisations.
//!
//! ```text
//! load --network DIR --chaincode basic --transactions 5000 --at-once 96 CreateAsset 'asset{}' blue 5 Tom 300
//! ```
//!
//! `DIR` holds a `profile.toml`, as `hlf-devnet up` writes it. `{}` in an argument becomes another number in each
//! transaction. One line of JSON says how many transactions a second were committed, and how long each took.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use futures::future::try_join_all;
use hlf_gateway::{Contract, Endpoint, Gateway, Identity, P256Signer, Tls};
use serde::Deserialize;

type Failure = Box<dyn Error + Send + Sync>;

/// Puts load on a network.
#[derive(Debug, Parser)]
struct Options {
    /// Folder with the network's profile.toml.
    #[arg(long)]
    network: PathBuf,
    /// Name of the chaincode.
    #[arg(long)]
    chaincode: String,
    /// How many transactions.
    #[arg(long, default_value_t = 2000)]
    transactions: usize,
    /// How many of them at once.
    #[arg(long, default_value_t = 64)]
    at_once: usize,
    /// First number in the place of {}.
    #[arg(long, default_value_t = 0)]
    from: usize,
    /// Evaluate instead of submitting.
    #[arg(long)]
    evaluate: bool,
    /// The function, then its arguments.
    #[arg(required = true)]
    call: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    channel: String,
    organizations: Vec<Organization>,
}

#[derive(Debug, Deserialize)]
struct Organization {
    msp_id: String,
    user: Member,
    peers: Vec<Peer>,
}

#[derive(Debug, Deserialize)]
struct Member {
    cert: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Peer {
    address: String,
    server_name: String,
    tls_ca: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Arc::new(Options::parse());
    let contracts = connect(&options).await?;
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let workers = (0..options.at_once).zip(contracts.iter().cycle()).map(|(_, contract)| {
        let (options, next, contract) = (Arc::clone(&options), Arc::clone(&next), contract.clone());
        tokio::spawn(async move { work(&options, &next, &contract).await })
    });
    let outcomes = try_join_all(workers).await?;
    let seconds = start.elapsed().as_secs_f64();
    let failed: usize = outcomes.iter().map(|outcome| outcome.failed).sum();
    let mut took: Vec<Duration> = outcomes.into_iter().flat_map(|outcome| outcome.took).collect();
    took.sort();
    let at = |share: usize| took.get(took.len() * share / 100).map_or(0.0, Duration::as_secs_f64) * 1000.0;
    let done = u32::try_from(took.len())?;
    let report = serde_json::json!({
        "transactions": done, "failed": failed, "seconds": seconds, "tps": f64::from(done) / seconds,
        "p50_ms": at(50), "p95_ms": at(95), "p99_ms": at(99),
    });
    println!("{report}");
    if failed == 0 { Ok(()) } else { Err(format!("{failed} transactions failed").into()) }
}

/// The contract as each organisation's user sees it, at the organisation's own gateway.
async fn connect(options: &Options) -> Result<Vec<Contract>, Failure> {
    let folder = &options.network;
    let profile: Profile = toml::from_str(&std::fs::read_to_string(folder.join("profile.toml"))?)?;
    let read = |path: &Path| std::fs::read(folder.join(path));
    let mut contracts = Vec::new();
    for Organization { msp_id, user, peers } in profile.organizations {
        let Some(Peer { address, server_name, tls_ca }) = peers.into_iter().next() else { continue };
        let gateway = Gateway::builder(Identity::new(msp_id, read(&user.cert)?)?)
            .signer(P256Signer::from_pem(&read(&user.key)?)?)
            .endpoint(Endpoint::tls(address, Tls::new(read(&tls_ca)?).server_name(server_name)))
            .connect()
            .await?;
        contracts.push(gateway.network(profile.channel.clone()).contract(options.chaincode.clone()));
    }
    Ok(contracts)
}

#[derive(Debug, Default)]
struct Outcome {
    took: Vec<Duration>,
    failed: usize,
}

async fn work(options: &Options, next: &AtomicUsize, contract: &Contract) -> Outcome {
    let mut outcome = Outcome::default();
    let Some((function, arguments)) = options.call.split_first() else { return outcome };
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= options.transactions {
            return outcome;
        }
        let number = (options.from + number).to_string();
        let arguments: Vec<String> =
            arguments.iter().map(|argument| argument.replace("{}", &number)).collect();
        let start = Instant::now();
        let result = if options.evaluate {
            contract
                .evaluate(function, arguments.iter().map(String::as_str))
                .await
                .map(drop)
                .map_err(|e| e.to_string())
        } else {
            contract
                .submit(function, arguments.iter().map(String::as_str))
                .await
                .map(drop)
                .map_err(|e| e.to_string())
        };
        match result {
            Ok(()) => outcome.took.push(start.elapsed()),
            Err(error) => {
                if outcome.failed == 0 {
                    eprintln!("{error}");
                }
                outcome.failed += 1;
            }
        }
    }
}
