//! Chaincode that a peer has started: it calls the peer.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use hlf_proto::protos::chaincode_support_client::ChaincodeSupportClient;
use tokio_util::sync::CancellationToken;
use tonic::Response;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::Chaincode;
use crate::config::{DialConfig, DialTls};
use crate::connection::{Connection, Settings, Stop, outbound};
use crate::handler::Limits;
use crate::metrics::NoMetrics;
use crate::server::{CLOSING_TIMEOUT, MESSAGE_BYTES};

/// A peer ends connections that it is pinged on more often than once a minute.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(90);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// As Fabric's own chaincodes wait.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a chaincode's conversation with its peer ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The address is none.
    #[error("{address:?} is no peer's address")]
    Address {
        /// The address.
        address: String,
    },
    /// The peer cannot be reached, or keys and certificates cannot be used.
    #[error("cannot connect to the peer at {address}")]
    Connect {
        /// The address.
        address: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The peer ended the conversation. It starts the chaincode again when it needs it.
    #[error("the peer at {address} ended the conversation")]
    Ended {
        /// The address.
        address: String,
        /// How.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Calls the peer that started this chaincode, and answers it until it ends the conversation or `shutdown` resolves.
///
/// After `shutdown` no transaction is taken any more; those that run have [`DialConfig::drain_timeout`] to end, and the peer
/// has two seconds to close its side, whatever it does or does not say.
///
/// It does not call again once the conversation has ended: a peer takes a chaincode that it started only once, and starts
/// another process when it needs one. A peer in development mode (`peer node start --peer-chaincodedev`) would; there, run
/// the program again.
///
/// # Errors
///
/// [`DialError`] if the peer cannot be reached or ends the conversation.
pub async fn dial<C: Chaincode>(
    config: DialConfig,
    chaincode: C,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), DialError> {
    let address = config.peer_address.clone();
    let mut shutdown = std::pin::pin!(shutdown);
    let channel = tokio::select! {
        channel = connect(&config) => channel?,
        () = &mut shutdown => return Ok(()),
    };
    let mut client = ChaincodeSupportClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES);
    let (outbound, messages) = outbound();
    let messages = messages
        .take_while(|message| std::future::ready(message.is_ok()))
        .filter_map(|message| std::future::ready(message.ok()));
    let settings = Settings {
        package_id: config.package_id.into(),
        local_msp_id: config.local_msp_id.map(Into::into),
        metrics: config.metrics.unwrap_or_else(|| Arc::new(NoMetrics)),
        limits: Limits { transactions: config.max_transactions.max(1), message_bytes: MESSAGE_BYTES },
        transaction_timeout: config.transaction_timeout,
    };
    let stop = Stop { drain: CancellationToken::new(), now: CancellationToken::new() };
    let running = {
        let stop = stop.clone();
        let chaincode = Arc::new(chaincode);
        async move {
            // Inside the conversation, which can be stopped: a Go peer sends the headers that the call waits for only with
            // its first message, and to a registration that it refuses it sends nothing at all.
            let opened = async move { client.register(messages).await.map(Response::into_inner) };
            let mut inbound = futures::stream::once(opened).try_flatten().boxed();
            let ended = Connection::run(chaincode, &settings, &mut inbound, outbound, stop).await;
            if ended.is_ok() {
                // What was said last is on its way; the peer closes its side once it has it.
                let closed = async { while let Some(Ok(_)) = inbound.next().await {} };
                let _ = tokio::time::timeout(CLOSING_TIMEOUT, closed).await;
            }
            ended
        }
    };
    let stopping = async {
        shutdown.await;
        tracing::info!("draining");
        stop.drain.cancel();
        tokio::time::sleep(config.drain_timeout).await;
        stop.now.cancel();
        tokio::time::sleep(CLOSING_TIMEOUT).await;
        tracing::warn!("ended a conversation that the peer did not close");
    };
    tokio::select! {
        ended = running => ended.map_err(|status| DialError::Ended { address, source: status.into() }),
        () = stopping => Ok(()),
    }
}

async fn connect(config: &DialConfig) -> Result<Channel, DialError> {
    let address = &config.peer_address;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
        .map_err(|_| DialError::Address { address: address.clone() })?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    let failed = |error: tonic::transport::Error| DialError::Connect {
        address: address.clone(),
        source: error.into(),
    };
    let endpoint = match &config.tls {
        Some(tls) => endpoint.tls_config(client_tls(tls)).map_err(failed)?,
        None => endpoint,
    };
    endpoint.connect().await.map_err(failed)
}

fn client_tls(tls: &DialTls) -> ClientTlsConfig {
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&tls.root_ca));
    match &tls.identity {
        Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
        None => config,
    }
}
