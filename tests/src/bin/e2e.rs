//! Runs the end-to-end suite on a network that is up and has the contract deployed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use lockstep_tests::suite::{self, Options};

/// The end-to-end suite of lockstep
#[derive(Debug, Parser)]
#[command(name = "lockstep-e2e", version)]
struct Arguments {
    /// The network's profile
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// Where the result is written, as NETWORK.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only scenarios whose name has this text; no result is written
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Keep what was observed on Fabric as the reference for devnet
    #[arg(long)]
    record: bool,
    /// Where recordings are kept
    #[arg(long, value_name = "DIR", default_value = "tests/recorded")]
    recorded: PathBuf,
}

fn main() -> ExitCode {
    let Arguments { profile, out, filter, record, recorded } = Arguments::parse();
    match suite::run(Options { profile, out, filter, record, recorded }) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
