//! Calls a chaincode that is written on another library than ours, and holds what comes back against what must.
//!
//! ```text
//! foreign FOLDER CHAINCODE
//! ```
//!
//! FOLDER has the `profile.toml` of a network of at least three organisations, as `hlf-devnet up` and `scripts/network up` of this
//! project write it. CHAINCODE is one with the functions of `tests/node/protocol` of this project, which is on Hyperledger's library
//! for Node.js, beside the sample asset-transfer-basic as `basic`. Exit code 0 and a line for each check, or the first that failed.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::env;
use std::error::Error;
use std::fmt::Debug;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::StreamExt as _;
use futures::future::try_join_all;
use hlf_gateway::{Committed, Contract, Network, Retry, TransactionError, TxValidationCode};
use tokio::time::timeout;

use crate::profile::Profile;

mod profile;

type Failure = Box<dyn Error>;

/// No answer is waited for longer than this.
const DEADLINE: Duration = Duration::from_secs(60);

/// Organisations that have the private data.
const MEMBERS: [&str; 2] = ["BankMSP", "VendorMSP"];

/// The channel as each organisation sees it, and the chaincode as the first one does.
struct World {
    networks: Vec<Network>,
    contract: Contract,
    /// Keys that begin so are new ones.
    prefix: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run().await else { return ExitCode::SUCCESS };
    eprintln!("failed: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

async fn run() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let (Some(folder), Some(chaincode)) = (arguments.next(), arguments.next()) else {
        return Err("usage: foreign FOLDER CHAINCODE".into());
    };
    let world = World::open(Path::new(&folder), &chaincode)?;
    world.values().await?;
    println!("ok: results, deletions, histories");
    world.events().await?;
    println!("ok: events");
    world.failures().await?;
    println!("ok: what a chaincode throws");
    world.private_data().await?;
    println!("ok: transient and private data, for their organisations");
    world.key_policy().await?;
    println!("ok: endorsement policy of a key");
    world.nested().await?;
    println!("ok: a chaincode that calls another");
    world.at_once().await?;
    println!("ok: a hundred transactions at once");
    Ok(())
}

impl World {
    fn open(folder: &Path, chaincode: &str) -> Result<Self, Failure> {
        let profile = Profile::read(&folder.join("profile.toml"))?;
        let mut networks = Vec::new();
        for organization in &profile.organizations {
            let user = organization.user()?;
            let gateway = profile.gateway(organization, user)?.signer(profile.signer(user)?);
            networks.push(gateway.connect_lazy()?.network(&profile.channel));
        }
        let contract = networks.first().ok_or("the profile has no organisation")?.contract(chaincode);
        let prefix = format!("foreign{}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis());
        Ok(Self { networks, contract, prefix })
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    async fn submit(&self, function: &str, arguments: &[&str]) -> Result<Committed, Failure> {
        let committed = self.contract.submit(function, arguments.iter().copied()).await?;
        self.everywhere(committed.block_number).await?;
        Ok(committed)
    }

    async fn evaluate(&self, function: &str, arguments: &[&str]) -> Result<String, Failure> {
        Ok(String::from_utf8(self.contract.evaluate(function, arguments.iter().copied()).await?)?)
    }

    /// Until every organisation's peer has the block; before that they would endorse differently.
    async fn everywhere(&self, block: u64) -> Result<(), Failure> {
        for network in &self.networks {
            let mut blocks = network.filtered_block_events().from_block(block).stream();
            timeout(DEADLINE, blocks.next()).await?.ok_or("the blocks ended")??;
        }
        Ok(())
    }

    async fn values(&self) -> Result<(), Failure> {
        let key = self.key("a");
        for value in ["1", "zwei \"ü\""] {
            let committed = self.submit("put", &[&key, value]).await?;
            same("the result of put", committed.result.as_slice(), value.as_bytes())?;
        }
        same("the value", self.evaluate("get", &[&key]).await?.as_str(), "zwei \"ü\"")?;
        same("no result", self.submit("remove", &[&key]).await?.result.as_slice(), b"")?;
        same("the value of a deleted key", self.evaluate("get", &[&key]).await?.as_str(), "")?;
        let history: Vec<Option<String>> = serde_json::from_str(&self.evaluate("history", &[&key]).await?)?;
        same("the history", history, vec![None, Some("zwei \"ü\"".to_owned()), Some("1".to_owned())])
    }

    async fn events(&self) -> Result<(), Failure> {
        let key = self.key("event");
        let committed = self.submit("put", &[&key, "1"]).await?;
        for network in &self.networks {
            let events =
                network.chaincode_events(self.contract.chaincode()).from_block(committed.block_number);
            let mut events = events.stream();
            loop {
                let event = timeout(DEADLINE, events.next()).await?.ok_or("the events ended")??;
                if event.transaction_id == committed.transaction_id {
                    same("the event's name", event.name.as_str(), "put")?;
                    same("the event's payload", event.payload.as_slice(), key.as_bytes())?;
                    break same("the event's block", event.block_number, committed.block_number)?;
                }
            }
        }
        Ok(())
    }

    async fn failures(&self) -> Result<(), Failure> {
        let Err(error) = self.contract.submit("fail", ["as asked"]).await else {
            return Err("fail did not fail when it was submitted".into());
        };
        same("the message of a transaction", error.chaincode_message(), Some("as asked"))?;
        same("what is safe next", error.retry(), Retry::Never)?;
        let Err(error) = self.contract.evaluate("fail", ["as asked"]).await else {
            return Err("fail did not fail when it was evaluated".into());
        };
        same("the message of a read", error.chaincode_message(), Some("as asked"))
    }

    async fn private_data(&self) -> Result<(), Failure> {
        let key = self.key("secret");
        let put =
            self.contract.proposal("putPrivate").arguments(["secret", &key]).transient("value", "silver");
        let committed = put.organizations(MEMBERS).submit().await?;
        self.everywhere(committed.block_number).await?;
        let chaincode = self.contract.chaincode();
        for (index, network) in self.networks.iter().enumerate() {
            let read = network.contract(chaincode).proposal("getPrivate").arguments(["secret", &key]);
            // Evaluated at the organisation's own peer.
            match (index, read.evaluate().await) {
                (1, Ok(_)) => return Err("an organisation read private data of others".into()),
                (1, Err(error)) => {
                    let message = error.chaincode_message().unwrap_or_default();
                    same("the refusal", message.contains("does not have read access permission"), true)?;
                }
                (_, value) => same("the private value", value?.as_slice(), b"silver")?,
            }
        }
        let purged =
            self.contract.proposal("purgePrivate").arguments(["secret", &key]).organizations(MEMBERS);
        self.everywhere(purged.submit().await?.block_number).await?;
        same("a purged value", self.evaluate("getPrivate", &["secret", &key]).await?.as_str(), "")
    }

    async fn key_policy(&self) -> Result<(), Failure> {
        let key = self.key("guarded");
        self.submit("put", &[&key, "1"]).await?;
        self.submit("protect", &[&key, r#"["VendorMSP"]"#]).await?;
        same("who endorses", self.evaluate("protectors", &[&key]).await?.as_str(), r#"["VendorMSP"]"#)?;
        let without = self.contract.proposal("put").arguments([key.as_str(), "2"]);
        match without.organizations(["BankMSP", "ClientMSP"]).submit().await {
            Err(TransactionError::Invalid(error)) => {
                same("the code", error.code().known(), Some(TxValidationCode::EndorsementPolicyFailure))?;
                self.everywhere(error.block_number()).await?;
            }
            Err(error) => return Err(error.into()),
            Ok(_) => return Err("a key was changed without the endorsement that it asks for".into()),
        }
        // Left to itself, the gateway finds out who must endorse.
        self.submit("put", &[&key, "3"]).await?;
        same("the value", self.evaluate("get", &[&key]).await?.as_str(), "3")
    }

    async fn nested(&self) -> Result<(), Failure> {
        let id = self.key("nested");
        let create = serde_json::to_string(&["CreateAsset", &id, "blue", "5", "Tomoko", "300"])?;
        let answer = self.submit("call", &["basic", "", &create]).await?.result;
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        same("the status", answer.get("status").and_then(serde_json::Value::as_i64), Some(200))?;
        let read = serde_json::to_string(&["ReadAsset", &id])?;
        let asset = self.evaluate("call", &["basic", "", &read]).await?;
        same("the other chaincode's asset", asset.contains("Tomoko"), true)?;
        let delete = serde_json::to_string(&["DeleteAsset", &id])?;
        self.submit("call", &["basic", "", &delete]).await?;
        Ok(())
    }

    async fn at_once(&self) -> Result<(), Failure> {
        let keys: Vec<String> = (0..100).map(|number| self.key(&format!("many{number}"))).collect();
        let puts = keys.iter().map(|key| self.contract.submit("put", [key.as_str(), "1"]));
        let committed = try_join_all(puts).await?;
        let last = committed.iter().map(|committed| committed.block_number).max().unwrap_or_default();
        self.everywhere(last).await?;
        let found = self.evaluate("range", &[&self.key("many"), &self.key("many~")]).await?;
        let found: Vec<(String, String)> = serde_json::from_str(&found)?;
        same("the number of values", found.len(), keys.len())
    }
}

fn same<T: PartialEq + Debug>(what: &str, actual: T, expected: T) -> Result<(), Failure> {
    if actual == expected {
        return Ok(());
    }
    Err(format!("{what} is {actual:?}, but must be {expected:?}").into())
}
