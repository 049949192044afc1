//! One organisation's chaincode process: dialled at the first call, dialled again after its stream has ended.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::Duration;

use hlf_proto::protos::ChaincodeMessage;
use hlf_proto::protos::chaincode_client::ChaincodeClient;
use thiserror::Error;
use tokio::sync::{Mutex, mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::calls::Features;
use super::session::{Invocation, Reaction, Session};

/// Longest message in either direction, in bytes; Fabric's limit.
pub(crate) const MAX_MESSAGE: usize = 100 * 1024 * 1024;

/// Time to connect (Fabric's default `dial_timeout`).
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);

/// Time from the connection to the chaincode's registration.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(10);

/// How often an idle connection is probed, and how long the answer may take; Fabric's peer does the same.
const PING: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));

/// Where a chaincode process is and how to speak to it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Name of the chaincode, for messages.
    pub(crate) chaincode: String,
    /// `host:port`.
    pub(crate) address: String,
    /// The id with which the process must register; any, if absent.
    pub(crate) package_id: Option<String>,
    /// Mutual TLS; plain text if absent.
    pub(crate) tls: Option<TargetTls>,
    /// Longest time for one transaction.
    pub(crate) execute_timeout: Duration,
    /// What it is offered.
    pub(crate) features: Features,
}

/// What TLS to a chaincode process needs.
#[derive(Debug, Clone)]
pub(crate) struct TargetTls {
    /// Name in the process's certificate.
    pub(crate) server_name: String,
    /// Authority of the process's certificate.
    pub(crate) ca: Pem,
    /// Our client certificate and its key, if the process wants to see one.
    pub(crate) identity: Option<(Pem, Pem)>,
}

/// A PEM text, or the file that holds it.
#[derive(Clone)]
pub(crate) enum Pem {
    /// Read when the process is dialled.
    File(PathBuf),
    /// The text itself.
    Text(Vec<u8>),
}

/// The text may be a key.
impl fmt::Debug for Pem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => formatter.debug_tuple("File").field(path).finish(),
            Self::Text(_) => formatter.write_str("Text(..)"),
        }
    }
}

impl Pem {
    fn read(&self) -> Result<Vec<u8>, LaunchError> {
        match self {
            Self::File(path) => {
                std::fs::read(path).map_err(|source| LaunchError::File { path: path.clone(), source })
            }
            Self::Text(text) => Ok(text.clone()),
        }
    }
}

/// Why a chaincode process cannot be reached.
#[derive(Debug, Error)]
pub(crate) enum LaunchError {
    /// A TLS file cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Address or TLS material are unusable.
    #[error("cannot use address or TLS of {address}: {source}")]
    Configuration {
        /// The address.
        address: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// Nobody answers.
    #[error("connection to {address} failed: {}", causes(source))]
    Dial {
        /// The address.
        address: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// It answers, but refuses the stream.
    #[error("{address} refused the chaincode stream: {source}")]
    Refused {
        /// The address.
        address: String,
        /// Why.
        source: Box<tonic::Status>,
    },
    /// It did not register in time, or broke off.
    #[error("{0} did not register as a chaincode")]
    NotRegistered(String),
}

/// Why a transaction has no result.
#[derive(Debug, Error)]
pub(crate) enum ExecuteError {
    /// The process cannot be reached.
    #[error("could not launch chaincode {chaincode}: {source}")]
    Launch {
        /// The chaincode.
        chaincode: String,
        /// Why.
        source: LaunchError,
    },
    /// The same transaction is already running.
    #[error("error sending: txid: {tx_id}({channel}) exists")]
    Exists {
        /// The transaction.
        tx_id: String,
        /// Its channel.
        channel: String,
    },
    /// It took too long.
    #[error("error sending: timeout expired while executing transaction")]
    Timeout,
    /// The stream ended.
    #[error("error sending: chaincode stream terminated")]
    StreamTerminated,
}

/// A connection error with its causes, which tonic hides behind "transport error".
fn causes(error: &tonic::transport::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A chaincode process, connected or not.
pub(crate) struct Process {
    target: Target,
    connection: Mutex<Option<Arc<Connection>>>,
    shutdown: CancellationToken,
}

impl fmt::Debug for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Process").field("address", &self.target.address).finish_non_exhaustive()
    }
}

impl Process {
    /// A process that is not dialled yet. Its stream ends when `shutdown` is cancelled.
    pub(crate) fn new(target: Target, shutdown: CancellationToken) -> Self {
        Self { target, connection: Mutex::new(None), shutdown }
    }

    /// A live connection: the one there is, or a new one.
    ///
    /// # Errors
    /// When the process cannot be reached.
    pub(crate) async fn connect(&self) -> Result<Arc<Connection>, ExecuteError> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| !connection.ended.is_cancelled()) {
            return Ok(Arc::clone(connection));
        }
        let chaincode = self.target.chaincode.clone();
        let connection = self.dial().await.map_err(|source| ExecuteError::Launch { chaincode, source })?;
        tracing::info!(
            chaincode = self.target.chaincode,
            address = self.target.address,
            "chaincode registered"
        );
        *slot = Some(Arc::clone(&connection));
        Ok(connection)
    }

    async fn dial(&self) -> Result<Arc<Connection>, LaunchError> {
        let address = self.target.address.clone();
        let channel = self
            .endpoint()?
            .connect()
            .await
            .map_err(|source| LaunchError::Dial { address: address.clone(), source })?;
        let (outbound, messages) = mpsc::unbounded_channel();
        let mut client = ChaincodeClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        let registered = async {
            let stream = client.connect(UnboundedReceiverStream::new(messages)).await;
            let stream = stream.map_err(|source| LaunchError::Refused {
                address: address.clone(),
                source: Box::new(source),
            })?;
            let (ready, mut is_ready) = watch::channel(false);
            let connection = Arc::new(Connection {
                session: StdMutex::new(Session::new(self.target.package_id.clone(), self.target.features)),
                outbound,
                ended: self.shutdown.child_token(),
                execute_timeout: self.target.execute_timeout,
            });
            tokio::spawn(Arc::clone(&connection).pump(stream.into_inner(), ready));
            // The sender is dropped with the stream.
            let outcome = is_ready.wait_for(|ready| *ready).await.map(|_| ());
            outcome.map(|()| connection).map_err(|_| LaunchError::NotRegistered(address.clone()))
        };
        let outcome = tokio::time::timeout(REGISTER_TIMEOUT, registered).await;
        outcome.unwrap_or_else(|_| Err(LaunchError::NotRegistered(address.clone())))
    }

    fn endpoint(&self) -> Result<Endpoint, LaunchError> {
        let address = self.target.address.clone();
        let unusable = |source| LaunchError::Configuration { address: address.clone(), source };
        let scheme = if self.target.tls.is_some() { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .map_err(unusable)?
            .connect_timeout(DIAL_TIMEOUT)
            .http2_keep_alive_interval(PING.0)
            .keep_alive_timeout(PING.1)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        if let Some(tls) = &self.target.tls {
            let mut config = ClientTlsConfig::new()
                .domain_name(&tls.server_name)
                .ca_certificate(Certificate::from_pem(tls.ca.read()?));
            if let Some((certificate, key)) = &tls.identity {
                config = config.identity(Identity::from_pem(certificate.read()?, key.read()?));
            }
            endpoint = endpoint.tls_config(config).map_err(unusable)?;
        }
        Ok(endpoint)
    }
}

/// A stream to a chaincode process that has registered.
pub(crate) struct Connection {
    session: StdMutex<Session>,
    /// Without a bound, so that who reads never waits for the chaincode to read: the chaincode may itself wait for this
    /// side to read. What runs bounds it, since each transaction has one message on its way: its call, or an answer.
    outbound: mpsc::UnboundedSender<ChaincodeMessage>,
    ended: CancellationToken,
    execute_timeout: Duration,
}

impl Connection {
    /// Simulates a transaction. If the caller goes away, the transaction is forgotten.
    ///
    /// # Errors
    /// When the same transaction is running, it takes too long, or the stream ends.
    pub(crate) async fn execute(&self, invocation: Invocation) -> Result<ChaincodeMessage, ExecuteError> {
        let (channel, tx_id) = (invocation.channel.clone(), invocation.tx_id.clone());
        let Some((message, finished)) = self.session().begin(invocation) else {
            return Err(ExecuteError::Exists { tx_id, channel });
        };
        let _forget = Forget { connection: self, channel, tx_id };
        let work = async {
            self.outbound.send(message).map_err(|_| ExecuteError::StreamTerminated)?;
            finished.await.map_err(|_| ExecuteError::StreamTerminated)
        };
        tokio::select! {
            outcome = tokio::time::timeout(self.execute_timeout, work) => {
                outcome.unwrap_or(Err(ExecuteError::Timeout))
            }
            () = self.ended.cancelled() => Err(ExecuteError::StreamTerminated),
        }
    }

    /// Moves messages until the stream ends.
    async fn pump(self: Arc<Self>, mut inbound: Streaming<ChaincodeMessage>, ready: watch::Sender<bool>) {
        tokio::select! {
            () = self.converse(&mut inbound, ready) => {}
            () = self.ended.cancelled() => {}
        }
        self.ended.cancel();
        self.session().close();
    }

    async fn converse(&self, inbound: &mut Streaming<ChaincodeMessage>, ready: watch::Sender<bool>) {
        loop {
            let message = match inbound.message().await {
                Ok(Some(message)) => message,
                Ok(None) => return,
                Err(status) => {
                    tracing::warn!(%status, "chaincode stream failed");
                    return;
                }
            };
            let (reactions, is_ready) = {
                let mut session = self.session();
                (session.on_message(message), session.is_ready())
            };
            match reactions {
                Ok(reactions) => {
                    for reaction in reactions {
                        if !self.react(reaction) {
                            return;
                        }
                    }
                }
                Err(fault) => {
                    tracing::error!(%fault, "ending the chaincode stream");
                    return;
                }
            }
            ready.send_if_modified(|ready| std::mem::replace(ready, is_ready) != is_ready);
        }
    }

    /// False when the stream has ended.
    fn react(&self, reaction: Reaction) -> bool {
        match reaction {
            Reaction::Answer(answer) => self.outbound.send(*answer).is_ok(),
            Reaction::Call(pending) => {
                let (outbound, ended) = (self.outbound.clone(), self.ended.clone());
                // Beside this stream: the other chaincode may be a process that this stream's transactions wait for.
                tokio::spawn(async move {
                    tokio::select! {
                        // Nobody listens any more if the stream has ended meanwhile.
                        answer = pending.run() => drop(outbound.send(answer)),
                        () = ended.cancelled() => {}
                    }
                });
                true
            }
        }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a transaction when its caller is done or gone.
struct Forget<'a> {
    connection: &'a Connection,
    channel: String,
    tx_id: String,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.connection.session().abandon(&self.channel, &self.tx_id);
    }
}
