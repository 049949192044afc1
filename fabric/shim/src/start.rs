//! A chaincode's whole `main`.

use tokio::net::TcpListener;

use crate::{Chaincode, ConfigError, DialConfig, DialError, Environment, ServeError, dial, serve};

/// Why a chaincode did not start or did not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The environment does not say how to run.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address to listen on cannot be had, or signals cannot be waited for.
    #[error("cannot listen on {address}, as CHAINCODE_SERVER_ADDRESS says")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The conversation with the peer that started the chaincode ended.
    #[error(transparent)]
    Dial(#[from] DialError),
}

/// Runs a chaincode as its environment says: as a service where `CHAINCODE_SERVER_ADDRESS` is set (see [`Environment`]),
/// else as one that a peer or an external builder has started (see [`DialConfig::read`]). SIGTERM and SIGINT stop it once
/// the transactions under way have ended.
///
/// ```no_run
/// # use hlf_shim::{Chaincode, Response, Stub};
/// # struct Assets;
/// # impl Chaincode for Assets {
/// #     async fn invoke(&self, _: &Stub) -> Response { Response::success([]) }
/// # }
/// #[tokio::main]
/// async fn main() -> Result<(), hlf_shim::StartError> {
///     hlf_shim::start(Assets).await
/// }
/// ```
///
/// # Errors
///
/// [`StartError`] saying why it cannot run or go on.
pub async fn start<C: Chaincode>(chaincode: C) -> Result<(), StartError> {
    let as_a_service = std::env::var("CHAINCODE_SERVER_ADDRESS").is_ok_and(|address| !address.is_empty());
    if !as_a_service {
        return Ok(dial(DialConfig::read()?, chaincode, signalled()).await?);
    }
    let Environment { address, config } = Environment::read()?;
    let listener = TcpListener::bind(&address).await;
    let listener = listener.map_err(|source| StartError::Listen { address: address.clone(), source })?;
    if config.tls.is_none() {
        tracing::warn!("serving without TLS: anybody who reaches {address} can call as a peer");
    }
    tracing::info!(address, package_id = config.package_id, "waiting for peers");
    Ok(serve(listener, config, chaincode, signalled()).await?)
}

/// Until somebody asks the process to stop.
async fn signalled() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    interrupt.await;
}
