//! A chaincode process of an organisation that lies; `lockstep_tests::liar` says how. For the suite alone.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use hlf_shim::{Environment, serve};
use lockstep_tests::liar::{Liar, SkewedClock};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// The channel contract as an organisation runs it that lies; for the end-to-end suite alone
#[derive(Debug, Parser)]
#[command(name = "lockstep-liar", version)]
struct Arguments {
    /// By how many milliseconds this endorser's clock is off
    #[arg(long, env = "LOCKSTEP_LIAR_CLOCK_OFF_BY", default_value_t = 0, allow_negative_numbers = true)]
    clock_off_by: i64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let Environment { address, config, .. } = Environment::read()?;
    let listener = TcpListener::bind(&address).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        terminate.recv().await;
    };
    serve(listener, config, Liar::new(SkewedClock::off_by(arguments.clock_off_by)), stop).await?;
    Ok(())
}
