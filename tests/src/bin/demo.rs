//! Shows a channel opened, paid, released and closed, on a network that is up and has the contract deployed.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use lockstep_tests::demo;
use lockstep_tests::scenario::Failure;

/// A bank, a client and a vendor settle a channel
#[derive(Debug, Parser)]
#[command(name = "lockstep-demo", version)]
struct Arguments {
    /// The network's profile
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// How many payments of one cent
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    payments: u32,
    /// Write what was measured as one JSON object as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let report = demo::run(arguments.profile, arguments.payments)?;
    writeln!(io::stdout().lock(), "{}", report.table())?;
    if let Some(file) = arguments.json {
        let json = serde_json::to_string_pretty(&report)? + "\n";
        fs::write(&file, json).map_err(|error| {
            Failure::new(format!("the report could not be written to {}: {error}", file.display()))
        })?;
    }
    Ok(())
}
