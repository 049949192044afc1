//! Putting the network together and running it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::TryStreamExt as _;
use hlf_proto::gateway::gateway_server::GatewayServer;
use hlf_proto::orderer::atomic_broadcast_server::AtomicBroadcastServer;
use hlf_proto::protos::deliver_server::DeliverServer;
use hlf_proto::protos::endorser_server::EndorserServer;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::chaincode::calls::Features;
use crate::chaincode::process::{MAX_MESSAGE, Pem, Process, Target, TargetTls};
use crate::config::{Config, ConfigError, Organization, StateDatabase};
use crate::core::cutter::Limits;
use crate::core::definition::Definitions;
use crate::core::policy::Policy;
use crate::gateway::GatewayService;
use crate::identity::generate::{self, PEER_HOST};
use crate::identity::layout::OrganizationFiles;
use crate::identity::msp::MspManager;
use crate::identity::signer::Signer;
use crate::inspect::socket::Socket;
use crate::order::commit;
use crate::order::orderer::Orderer;
use crate::peer::channel::Channel;
use crate::peer::endorser::Endorser;
use crate::peer::packages::Packages;
use crate::peer::system;
use crate::profile;
use crate::services::PeerService;
use crate::services::absent::with_refusals;
use crate::services::closable::Closable;
use crate::store::Store;

pub use crate::identity::certificate::CertificateError;
pub use crate::identity::generate::GenerateError;
pub use crate::identity::msp::MspError;
pub use crate::identity::signer::SignerError;
pub use crate::order::commit::CommitError;
pub use crate::peer::channel::Clock;
pub use crate::profile::ProfileError;
pub use crate::store::StoreError;

/// Bytes that a block should not exceed (`PreferredMaxBytes` of Fabric's sample configuration).
const PREFERRED_BLOCK_BYTES: usize = 2 * 1024 * 1024;

/// How long clients have to take what they still get when the network stops, before their connections are closed; and how
/// long what they were doing has to end afterwards.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(4);

/// How often clients that say nothing are asked for a sign of life (`peer.keepalive.interval` of Fabric's sample
/// configuration is longer, for the sake of real networks).
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);

/// How long they have to give it.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Name of the ledger in the network's folder.
const LEDGER: &str = "ledger.redb";

/// The ledger of the network in `folder`.
pub(crate) fn ledger_file(folder: &Path) -> PathBuf {
    folder.join(LEDGER)
}

/// Why the network cannot start or had to stop.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The network's folder cannot be made.
    #[error("cannot make the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Identities cannot be made.
    #[error("cannot make identities")]
    Generate(#[from] GenerateError),
    /// The configuration cannot be written.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The profile cannot be written.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// An organisation's authority cannot be loaded.
    #[error("cannot load a certificate authority")]
    Msp(#[from] MspError),
    /// A peer's identity cannot be loaded.
    #[error("cannot load the identity of a peer")]
    Signer(#[from] SignerError),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A gateway cannot listen.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A TLS file cannot be read.
    #[error("cannot read {path}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A gateway failed.
    #[error("a gateway failed")]
    Serve(#[from] tonic::transport::Error),
    /// A block cannot be committed.
    #[error("the ledger failed")]
    Commit(#[from] CommitError),
    /// A part of the network panicked.
    #[error("a part of the network panicked")]
    Panicked(#[from] JoinError),
}

/// A running network. Dropping it stops the network without waiting.
#[derive(Debug)]
pub struct Devnet {
    config: Config,
    /// Ends everything that waits.
    shutdown: CancellationToken,
    /// Closes the clients' connections.
    close: CancellationToken,
    /// Cancelled when the ledger is closed.
    closed: CancellationToken,
    gateways: Vec<JoinHandle<Result<(), tonic::transport::Error>>>,
    committer: JoinHandle<Result<(), CommitError>>,
}

impl Devnet {
    /// Starts the network in `folder` with the system's clock: makes identities where there are none, writes
    /// configuration and profile, opens the ledger, serves. When this returns, the gateways answer.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn start(folder: &Path, config: Config) -> Result<Self, NetworkError> {
        Self::start_with_clock(folder, config, Arc::new(SystemTime::now)).await
    }

    /// The same with a clock of one's own.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn start_with_clock(
        folder: &Path,
        mut config: Config,
        clock: Clock,
    ) -> Result<Self, NetworkError> {
        let organizations = folder.join("organizations");
        std::fs::create_dir_all(folder)
            .map_err(|source| NetworkError::Folder { path: folder.to_owned(), source })?;
        let mut listeners = Vec::new();
        for organization in &mut config.organizations {
            generate::organization(&organizations, &organization.domain)?;
            let listener = listen(&organization.gateway).await?;
            // Port 0 has become a real one.
            if let Ok(address) = listener.local_addr() {
                organization.gateway = address.to_string();
            }
            listeners.push(listener);
        }
        let store = Store::open(&ledger_file(folder), &config.channel)?;
        let channel = Arc::new(make_channel(&organizations, &config, clock, store)?);
        let (shutdown, close, closed) =
            (CancellationToken::new(), CancellationToken::new(), channel.closed());
        let endorsers = make_endorsers(folder, &config, &channel, &shutdown)?;
        let limits =
            Limits { time: config.block_time, count: config.block_size, bytes: PREFERRED_BLOCK_BYTES };
        let client_authorities = client_authorities(&organizations, &config)?;
        let mut servers = Vec::new();
        for (organization, listener) in config.organizations.iter().zip(listeners) {
            let files = OrganizationFiles::new(&organizations, &organization.domain);
            servers.push((server(&files, client_authorities.as_deref())?, listener));
        }
        config.write(folder)?;
        profile::write(&config, folder)?;
        let (orderer, batches) = Orderer::start(Arc::clone(&channel), limits, shutdown.clone());
        let gateways = servers
            .into_iter()
            .zip(endorsers.iter())
            .map(|((server, listener), local)| {
                let service = GatewayService {
                    local: Arc::clone(local),
                    endorsers: Arc::clone(&endorsers),
                    channel: Arc::clone(&channel),
                    orderer: orderer.clone(),
                    shutdown: shutdown.clone(),
                };
                let peer = PeerService {
                    endorser: Arc::clone(local),
                    channel: Arc::clone(&channel),
                    orderer: orderer.clone(),
                    shutdown: shutdown.clone(),
                    mutual_tls: config.mutual_tls,
                };
                serve(server, listener, service, peer, close.clone())
            })
            .collect();
        match Socket::open(folder) {
            Ok(socket) => {
                let work = socket.serve(Arc::new(config.clone()), Arc::clone(&channel), shutdown.clone());
                tokio::spawn(work);
            }
            Err(error) => tracing::warn!(%error, "nobody can look inside while the network runs"),
        }
        let stop = shutdown.clone().drop_guard();
        let committer = tokio::spawn(async move {
            // If the ledger fails, everything stops.
            let _stop = stop;
            commit::run(channel, batches).await
        });
        Ok(Self { config, shutdown, close, closed, gateways, committer })
    }

    /// The configuration with the addresses as they really are.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Waits until the network has to stop, or `stop` completes; then stops it: what has been submitted is committed,
    /// everybody who waits is told, the ledger is closed. Clients that do not read what they are told are waited for no
    /// longer than four seconds.
    ///
    /// # Errors
    /// When the ledger or a gateway failed.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), NetworkError> {
        tokio::select! {
            () = stop => {}
            () = self.shutdown.cancelled() => {}
        }
        self.shutdown.cancel();
        let gateways = std::mem::take(&mut self.gateways);
        let mut served = std::pin::pin!(async {
            for gateway in gateways {
                gateway.await??;
            }
            Ok::<(), NetworkError>(())
        });
        match tokio::time::timeout(CLOSING_TIMEOUT, &mut served).await {
            Ok(served) => served?,
            Err(_elapsed) => {
                tracing::warn!("closing the connections of clients that do not read");
                self.close.cancel();
                served.await?;
            }
        }
        (&mut self.committer).await??;
        if tokio::time::timeout(CLOSING_TIMEOUT, self.closed.cancelled()).await.is_err() {
            tracing::warn!("the ledger is still open: something uses it that did not end");
        }
        Ok(())
    }

    /// Stops the network, as at the end of [`run`](Self::run).
    ///
    /// # Errors
    /// When the ledger or a gateway failed.
    pub async fn stop(self) -> Result<(), NetworkError> {
        self.run(std::future::ready(())).await
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.close.cancel();
    }
}

async fn listen(address: &str) -> Result<TcpListener, NetworkError> {
    let failed = |source| NetworkError::Listen { address: address.to_owned(), source };
    TcpListener::bind(address).await.map_err(failed)
}

fn make_channel(
    organizations: &Path,
    config: &Config,
    clock: Clock,
    store: Store,
) -> Result<Channel, NetworkError> {
    let mut msps = MspManager::default();
    for Organization { msp_id, domain, .. } in &config.organizations {
        msps.add(msp_id, &OrganizationFiles::new(organizations, domain).ca())?;
    }
    let mut definitions = Definitions::new(config.msp_ids());
    let majority = Policy::read("MAJORITY Endorsement", &config.msp_ids()).map_err(ConfigError::Majority)?;
    for (name, definition) in system::definitions(&majority) {
        definitions.define(name, definition);
    }
    for chaincode in &config.chaincodes {
        definitions.define(chaincode.name.clone(), config.definition(chaincode)?);
    }
    let name = config.channel.clone();
    let channel = Channel::new(name, msps, definitions, config.time_window, clock, store)?;
    channel.define_committed(&config.msp_ids())?;
    Ok(channel)
}

fn make_endorsers(
    folder: &Path,
    config: &Config,
    channel: &Arc<Channel>,
    shutdown: &CancellationToken,
) -> Result<Arc<Vec<Arc<Endorser>>>, NetworkError> {
    let organizations = folder.join("organizations");
    let features =
        Features { batches: config.batches, rich_queries: config.state_database == StateDatabase::CouchDb };
    let mut endorsers = Vec::new();
    for Organization { msp_id, domain, gateway, .. } in &config.organizations {
        let files = OrganizationFiles::new(&organizations, domain);
        let signer = Signer::load(msp_id, &files.host_certificate(PEER_HOST), &files.host_key(PEER_HOST))?;
        let mut processes = BTreeMap::new();
        for chaincode in &config.chaincodes {
            for process in chaincode.processes.iter().filter(|process| process.msp_id == *msp_id) {
                let tls = process.tls.as_ref().map(|tls| TargetTls {
                    server_name: tls.server_name.clone(),
                    ca: Pem::File(folder.join(&tls.ca)),
                    identity: Some((
                        Pem::File(files.host_tls_certificate(PEER_HOST)),
                        Pem::File(files.host_tls_key(PEER_HOST)),
                    )),
                });
                let target = Target {
                    chaincode: chaincode.name.clone(),
                    address: process.address.clone(),
                    package_id: process.package_id.clone(),
                    tls,
                    execute_timeout: config.execute_timeout,
                    features,
                };
                processes.insert(chaincode.name.clone(), Arc::new(Process::new(target, shutdown.clone())));
            }
        }
        endorsers.push(Arc::new(Endorser {
            msp_id: msp_id.clone(),
            address: gateway.clone(),
            signer,
            processes,
            packages: Packages::open(
                folder.join("packages").join(msp_id),
                config.execute_timeout,
                features,
                shutdown.clone(),
            ),
            msp_ids: config.msp_ids(),
            channel: Arc::clone(channel),
            couchdb: features.rich_queries,
        }));
    }
    Ok(Arc::new(endorsers))
}

fn read_tls(path: &Path) -> Result<Vec<u8>, NetworkError> {
    std::fs::read(path).map_err(|source| NetworkError::Tls { path: path.to_owned(), source })
}

/// The TLS authorities of all organisations, if clients must show certificates.
fn client_authorities(organizations: &Path, config: &Config) -> Result<Option<Vec<u8>>, NetworkError> {
    if !config.mutual_tls {
        return Ok(None);
    }
    let mut authorities = Vec::new();
    for Organization { domain, .. } in &config.organizations {
        authorities.extend(read_tls(&OrganizationFiles::new(organizations, domain).tls_ca())?);
    }
    Ok(Some(authorities))
}

fn server(files: &OrganizationFiles, client_authorities: Option<&[u8]>) -> Result<Server, NetworkError> {
    let certificate = read_tls(&files.host_tls_certificate(PEER_HOST))?;
    let key = read_tls(&files.host_tls_key(PEER_HOST))?;
    let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
    if let Some(authorities) = client_authorities {
        tls = tls.client_ca_root(Certificate::from_pem(authorities));
    }
    // As a peer does: a client that has vanished keeps no stream.
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT));
    Ok(server.tls_config(tls)?)
}

fn serve(
    mut server: Server,
    listener: TcpListener,
    gateway: GatewayService,
    peer: PeerService,
    close: CancellationToken,
) -> JoinHandle<Result<(), tonic::transport::Error>> {
    let shutdown = peer.shutdown.clone();
    let gateway = GatewayServer::new(gateway)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let endorser = EndorserServer::new(peer.clone())
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let deliver = DeliverServer::new(peer.clone()).max_encoding_message_size(MAX_MESSAGE);
    let orderer = AtomicBroadcastServer::new(peer)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let incoming = incoming.map_ok(move |connection| Closable::new(connection, close.clone()));
    tokio::spawn(async move {
        let services = Routes::new(gateway).add_service(endorser).add_service(deliver).add_service(orderer);
        let services = server.add_routes(with_refusals(services));
        services.serve_with_incoming_shutdown(incoming, shutdown.cancelled()).await
    })
}
