//! Chaincode as a service: peers connect, the chaincode answers.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use hlf_proto::protos::ChaincodeMessage;
use hlf_proto::protos::chaincode_server::{Chaincode as ChaincodeService, ChaincodeServer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};
use tonic_health::ServingStatus;

use crate::Chaincode;
use crate::config::{ServerConfig, TlsConfig};
use crate::connection::{Connection, Settings, Stop, outbound};
use crate::handler::Limits;
use crate::metrics::NoMetrics;

/// Both sides take messages up to 100 MiB, as Fabric does by default.
pub(crate) const MESSAGE_BYTES: usize = 100 * 1024 * 1024;
/// Both intervals are those of Fabric's own chaincode servers.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// A peer that has not shaken hands by then is not one.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long connections have to close once their streams have ended.
pub(crate) const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a chaincode cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Key, certificate or client CA cannot be used.
    #[error("the TLS configuration cannot be used")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// The server failed.
    #[error("the chaincode server failed")]
    Server(#[source] Box<dyn Error + Send + Sync>),
}

/// Serves a chaincode to every peer that connects, until `shutdown` resolves.
///
/// The server also answers `grpc.health.v1.Health` for `protos.Chaincode` and for the whole (`""`): SERVING until `shutdown`.
///
/// Then no connection and no transaction is taken any more; those that run have
/// [`ServerConfig::drain_timeout`] to end, after which their streams are closed.
///
/// # Errors
///
/// [`ServeError`] if the TLS configuration cannot be used or the server fails.
pub async fn serve<C: Chaincode>(
    listener: TcpListener,
    config: ServerConfig,
    chaincode: C,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let stop = Stop { drain: CancellationToken::new(), now: CancellationToken::new() };
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT));
    if let Some(tls) = &config.tls {
        server = server.tls_config(server_tls(tls)).map_err(|error| ServeError::Tls(error.into()))?;
    }
    let service = Service {
        chaincode: Arc::new(chaincode),
        settings: Settings {
            package_id: config.package_id.into(),
            local_msp_id: config.local_msp_id.map(Into::into),
            metrics: config.metrics.unwrap_or_else(|| Arc::new(NoMetrics)),
            limits: Limits { transactions: config.max_transactions.max(1), message_bytes: MESSAGE_BYTES },
            transaction_timeout: config.transaction_timeout,
        },
        stop: stop.clone(),
    };
    let service = ChaincodeServer::new(service)
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES);

    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<ChaincodeServer<Service<C>>>().await;

    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving = server
        .add_service(service)
        .add_service(health_service)
        .serve_with_incoming_shutdown(incoming, stop.drain.clone().cancelled_owned());
    let stopping = async {
        shutdown.await;
        tracing::info!("draining");
        health.set_not_serving::<ChaincodeServer<Service<C>>>().await;
        health.set_service_status("", ServingStatus::NotServing).await;
        stop.drain.cancel();
        tokio::time::sleep(config.drain_timeout).await;
        stop.now.cancel();
        tokio::time::sleep(CLOSING_TIMEOUT).await;
        tracing::warn!("closed connections of peers that did not close them");
    };
    tokio::select! {
        served = serving => served.map_err(|error| ServeError::Server(error.into()))?,
        () = stopping => {}
    }
    Ok(())
}

fn server_tls(tls: &TlsConfig) -> ServerTlsConfig {
    let config = ServerTlsConfig::new()
        .identity(Identity::from_pem(&tls.certificate, &tls.key))
        .timeout(HANDSHAKE_TIMEOUT);
    match &tls.client_ca {
        Some(client_ca) => config.client_ca_root(Certificate::from_pem(client_ca)),
        None => config,
    }
}

/// The gRPC service that peers call.
struct Service<C> {
    chaincode: Arc<C>,
    settings: Settings,
    stop: Stop,
}

#[tonic::async_trait]
impl<C: Chaincode> ChaincodeService for Service<C> {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<ChaincodeMessage, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<ChaincodeMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        tracing::info!(peer = ?request.remote_addr(), "a peer connected");
        let (outbound, messages) = outbound();
        let chaincode = Arc::clone(&self.chaincode);
        let (settings, stop) = (self.settings.clone(), self.stop.clone());
        tokio::spawn(async move {
            // How it ended is logged, and told to the peer.
            let _ = Connection::run(chaincode, &settings, request.into_inner(), outbound, stop).await;
        });
        Ok(Response::new(Box::pin(messages)))
    }
}
