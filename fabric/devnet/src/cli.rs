//! The command line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use thiserror::Error;

use crate::config::{Collection, CollectionsError, Config, ConfigError, Sketch, read_collections};
pub use crate::inspect::InspectError;
use crate::inspect::{Question, ask};
use crate::network::{Devnet, NetworkError};

/// A Hyperledger Fabric network in one process, for development and tests.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the network and run it until SIGTERM or ctrl-c.
    Up(Up),
    /// Show the number of blocks.
    Height(Inspect),
    /// Show a block: its transactions and how they ended.
    Block {
        /// Number of the block.
        number: u64,
        #[command(flatten)]
        inspect: Inspect,
    },
    /// Show how a transaction ended.
    Tx {
        /// Its id.
        id: String,
        #[command(flatten)]
        inspect: Inspect,
    },
    /// Show the value of a key.
    State {
        /// The key.
        key: String,
        /// The chaincode; the first one of the configuration, unless given.
        #[arg(long)]
        chaincode: Option<String>,
        #[command(flatten)]
        inspect: Inspect,
    },
}

#[derive(Debug, Args)]
struct Up {
    /// Folder of the network: identities, configuration, ledger.
    #[arg(long)]
    dir: PathBuf,
    /// Names of the organisations, with commas between.
    #[arg(long, value_delimiter = ',', default_value = "Org1,Org2,Org3")]
    orgs: Vec<String>,
    /// Name of the channel.
    #[arg(long, default_value = "mychannel")]
    channel: String,
    /// Name of a chaincode; may be given several times.
    #[arg(long = "chaincode")]
    chaincodes: Vec<String>,
    /// Private collections of a chaincode, in a file as for `peer lifecycle chaincode`; may be given several times.
    #[arg(long = "collections", value_name = "CHAINCODE=FILE", value_parser = assignment)]
    collections: Vec<(String, PathBuf)>,
    /// Domain below which the organisations' domains are.
    #[arg(long, default_value = "lockstep.test")]
    domain: String,
    /// Gateways listen on the ports above it; chaincode processes are expected on those from 11 above it.
    #[arg(long, default_value_t = 18050)]
    port_base: u16,
    /// Longest time from the first transaction of a block to the block.
    #[arg(long, default_value = "100ms", value_parser = humantime::parse_duration)]
    block_time: Duration,
    /// Most transactions in a block.
    #[arg(long, default_value_t = 500)]
    block_size: usize,
    /// Clients must show a TLS certificate of an organisation.
    #[arg(long)]
    mutual_tls: bool,
    /// Configuration file, in the place of the options that describe the network.
    #[arg(
        long,
        conflicts_with_all = [
            "orgs", "channel", "chaincodes", "collections", "domain", "port_base", "block_time", "block_size",
            "mutual_tls",
        ]
    )]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Inspect {
    /// Folder of the network, which may be running.
    #[arg(long)]
    dir: PathBuf,
}

impl Inspect {
    async fn show(self, question: Question, output: &mut impl std::io::Write) -> Result<(), CliError> {
        let answer = ask(&self.dir, &question).await?;
        output.write_all(&answer)?;
        Ok(writeln!(output)?)
    }
}

/// Why a command failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CliError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file of collections is wrong.
    #[error(transparent)]
    Collections(#[from] CollectionsError),
    /// The network failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Looking inside failed.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// Output or signals failed.
    #[error("cannot write output or listen for signals")]
    System(#[from] std::io::Error),
}

/// Runs a command to its end.
///
/// # Errors
/// When it fails.
pub async fn run(cli: Cli, output: &mut impl std::io::Write) -> Result<(), CliError> {
    match cli.command {
        Command::Up(up) => start(up, output).await?,
        Command::Height(inspect) => inspect.show(Question::Height, output).await?,
        Command::Block { number, inspect } => inspect.show(Question::Block(number), output).await?,
        Command::Tx { id, inspect } => inspect.show(Question::Transaction(id), output).await?,
        Command::State { key, chaincode, inspect } => {
            inspect.show(Question::State { chaincode, key }, output).await?;
        }
    }
    Ok(())
}

async fn start(up: Up, output: &mut impl std::io::Write) -> Result<(), CliError> {
    let config = match &up.config {
        Some(path) => Config::read(path)?,
        None => Sketch {
            organizations: up.orgs,
            channel: up.channel,
            chaincodes: up.chaincodes,
            collections: collections(&up.collections)?,
            domain: up.domain,
            port_base: up.port_base,
            block_time: up.block_time,
            block_size: up.block_size,
            mutual_tls: up.mutual_tls,
        }
        .config()?,
    };
    // Listening for signals first, so that none is missed.
    let stop = stop_signal()?;
    let devnet = Devnet::start(&up.dir, config).await?;
    writeln!(output, "ready")?;
    output.flush()?;
    Ok(devnet.run(stop).await?)
}

fn assignment(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("CHAINCODE=FILE is expected")?;
    Ok((name.to_owned(), path.into()))
}

fn collections(files: &[(String, PathBuf)]) -> Result<BTreeMap<String, Vec<Collection>>, CollectionsError> {
    files.iter().map(|(name, path)| Ok((name.clone(), read_collections(path)?))).collect()
}

fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// What would not be used is refused.
    #[test]
    fn a_configuration_file_takes_the_place_of_the_options() {
        let with_file = ["hlf-devnet", "up", "--dir", "d", "--config", "f"];
        Cli::try_parse_from(with_file).unwrap();
        for option in [
            &["--orgs", "A,B"][..],
            &["--channel", "c"],
            &["--chaincode", "c"],
            &["--collections", "c=f"],
            &["--domain", "d"],
            &["--port-base", "1"],
            &["--block-time", "1s"],
            &["--block-size", "1"],
            &["--mutual-tls"],
        ] {
            let words = with_file.iter().chain(option).copied();
            let refusal = Cli::try_parse_from(words).unwrap_err();
            assert_eq!(refusal.kind(), ErrorKind::ArgumentConflict, "{option:?}");
        }
    }
}
