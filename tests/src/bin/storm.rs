//! Storms on a network that is up and has the contract deployed; scripts/storm brings one up for it.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use lockstep_tests::scenario::Failure;
use lockstep_tests::storm::{self, Options};

/// A bank, three vendors and eight clients in bad weather
#[derive(Debug, Parser)]
#[command(name = "lockstep-storm", version)]
struct Arguments {
    /// The network's profile, as scripts/network wrote it
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// Where the parties live; it must not exist yet
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// First of four ports for the bank and the vendors
    #[arg(long, value_name = "PORT")]
    ports: u16,
    /// How long clients go on opening channels
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// From which every actor's schedule follows (default: a random one)
    #[arg(long)]
    seed: Option<u64>,
    /// Write the result as one JSON object as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let off = Arc::new(AtomicBool::new(false));
    match run(arguments, seed, &off) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}\nseed: {seed}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments, seed: u64, off: &Arc<AtomicBool>) -> Result<(), Failure> {
    let Arguments { profile, folder, ports, minutes, json, .. } = arguments;
    let time = Duration::try_from_secs_f64(minutes * 60.0)?;
    storm::call_off_when_interrupted(Arc::clone(off));
    say(&format!("seed {seed}"));
    let options = Options { profile, time, seed, folder, ports };
    let report = storm::run(&options, Arc::clone(off), &say)?;
    if off.load(Ordering::Relaxed) {
        return Err(Failure::new("interrupted"));
    }
    say(&report.table());
    if let Some(file) = json {
        fs::write(file, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(())
}

/// Tells whoever watches, if somebody does.
fn say(line: &str) {
    let _nobody = writeln!(io::stdout().lock(), "{line}");
}
