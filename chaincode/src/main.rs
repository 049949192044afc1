//! Serves the channel contract to the peers that dial in (chaincode as a service).

use std::error::Error;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser;
use hlf_shim::{Environment, serve};
use lockstep_chaincode::{ChannelContract, SystemClock};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The channel contract of lockstep, as a chaincode server that peers dial.
#[derive(Debug, Parser)]
#[command(version, after_help = ENVIRONMENT)]
struct Arguments {}

const ENVIRONMENT: &str = "\
Environment:
  CHAINCODE_SERVER_ADDRESS       where to listen, host:port
  CORE_CHAINCODE_ID_NAME         the package id that the peer gave at installation (or CHAINCODE_ID)
  CORE_PEER_TLS_ENABLED          true: TLS, with
    CORE_TLS_CLIENT_CERT_FILE      the server's certificate, PEM
    CORE_TLS_CLIENT_KEY_FILE       its key, PEM
    CORE_PEER_TLS_ROOTCERT_FILE    the authority of the peers' client certificates: only those get in
  CHAINCODE_TLS_DISABLED         false: the same with
    CHAINCODE_TLS_CERT, CHAINCODE_TLS_KEY, CHAINCODE_CLIENT_CA_CERT
  RUST_LOG                       what is logged to standard error (default: info)

SIGTERM and SIGINT stop it once the transactions under way have ended.";

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments {} = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut sentence = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                sentence.push_str(&format!(": {error}"));
                cause = error.source();
            }
            tracing::error!("{sentence}; see --help");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Environment { address, config, .. } = Environment::read()?;
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}, as CHAINCODE_SERVER_ADDRESS says: {error}"))?;
    if config.tls.is_none() {
        tracing::warn!("serving without TLS: anybody who reaches {address} can call as a peer");
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tracing::info!(%address, package = %config.package_id, "waiting for peers");
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    serve(listener, config, ChannelContract::new(SystemClock), stop).await?;
    tracing::info!("stopped");
    Ok(())
}
