//! Setting up a network and clients of it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hlf_devnet::config::{Config, Sketch};
use hlf_devnet::identity::{self, OrganizationFiles};
use hlf_devnet::network::{Clock, Devnet};
use hlf_gateway::{Contract, Endpoint, Gateway, Identity, Network, P256Signer, Signer, Tls};
use hlf_shim::{ServerConfig, TlsConfig, serve};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Channel, ClientTlsConfig};

use crate::contract::Register;

pub(crate) const CHANNEL: &str = "payments";
pub(crate) const CHAINCODE: &str = "register";
pub(crate) const ORGANIZATIONS: [&str; 3] = ["Bank", "Client", "Vendor"];

/// A running network with its chaincode processes.
pub(crate) struct TestNetwork {
    pub(crate) folder: TempDir,
    pub(crate) config: Config,
    pub(crate) holding: Arc<Notify>,
    pub(crate) release: Arc<Notify>,
    devnet: Option<Devnet>,
    chaincodes: Vec<CancellationToken>,
}

impl TestNetwork {
    /// A network with blocks of 20 ms.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same with a changed configuration.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut sketch = Sketch::new(ORGANIZATIONS);
        sketch.channel = CHANNEL.into();
        sketch.chaincodes = vec![CHAINCODE.into()];
        sketch.block_time = Duration::from_millis(20);
        sketch.block_size = 100;
        let mut config = sketch.config().unwrap();
        for organization in &mut config.organizations {
            organization.gateway = "127.0.0.1:0".into();
        }
        let mut network = Self {
            folder,
            config,
            holding: Arc::default(),
            release: Arc::default(),
            devnet: None,
            chaincodes: Vec::new(),
        };
        for index in 0..ORGANIZATIONS.len() {
            let (address, stop) = network.serve_chaincode(index, "127.0.0.1:0").await;
            network.config.chaincodes[0].processes[index].address = address.to_string();
            network.chaincodes.push(stop);
        }
        change(&mut network.config);
        network.up().await;
        network
    }

    /// Starts, or starts again, the network itself.
    pub(crate) async fn up(&mut self) {
        self.devnet = Some(Devnet::start(self.folder.path(), self.config.clone()).await.unwrap());
    }

    /// The same with a clock of its own.
    pub(crate) async fn up_at(&mut self, clock: Clock) {
        let devnet = Devnet::start_with_clock(self.folder.path(), self.config.clone(), clock).await;
        self.devnet = Some(devnet.unwrap());
    }

    /// Stops the network itself; the chaincode processes stay.
    pub(crate) async fn down(&mut self) {
        self.devnet.take().unwrap().stop().await.unwrap();
    }

    /// Stops one organisation's chaincode process.
    pub(crate) fn stop_chaincode(&self, index: usize) {
        self.chaincodes[index].cancel();
    }

    /// Starts a chaincode process of an organisation.
    pub(crate) async fn serve_chaincode(
        &self,
        index: usize,
        address: &str,
    ) -> (SocketAddr, CancellationToken) {
        let organization = &self.config.organizations[index];
        let files = identity::organization(&self.organizations(), &organization.domain).unwrap();
        let file = |path| std::fs::read(path).unwrap();
        let tls = TlsConfig::new(
            file(files.host_tls_certificate("chaincode")),
            file(files.host_tls_key("chaincode")),
        )
        .with_client_ca(file(files.tls_ca()));
        let mut server = ServerConfig::new("register:1").with_tls(tls);
        server.drain_timeout = Duration::ZERO;
        let chaincode = Register {
            organization: organization.name.clone(),
            holding: Arc::clone(&self.holding),
            release: Arc::clone(&self.release),
        };
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, server, chaincode, stop.clone().cancelled_owned()));
        (address, stop)
    }

    fn organizations(&self) -> std::path::PathBuf {
        self.folder.path().join("organizations")
    }

    pub(crate) fn files(&self, index: usize) -> OrganizationFiles {
        OrganizationFiles::new(&self.organizations(), &self.config.organizations[index].domain)
    }

    /// Where an organisation's gateway listens.
    pub(crate) fn address(&self, index: usize) -> String {
        self.devnet.as_ref().unwrap().config().organizations[index].gateway.clone()
    }

    /// The endpoint of an organisation's gateway.
    pub(crate) fn endpoint(&self, index: usize) -> Endpoint {
        let tls_ca = std::fs::read(self.files(index).tls_ca()).unwrap();
        Endpoint::tls(self.address(index), Tls::new(tls_ca).server_name(self.files(index).host("peer0")))
    }

    /// A connection to an organisation's gateway, for services that the gateway client does not speak.
    pub(crate) async fn channel(&self, index: usize) -> Channel {
        let files = self.files(index);
        let ca = Certificate::from_pem(std::fs::read(files.tls_ca()).unwrap());
        let tls = ClientTlsConfig::new().ca_certificate(ca).domain_name(files.host("peer0"));
        let address = format!("https://{}", self.address(index));
        Channel::from_shared(address).unwrap().tls_config(tls).unwrap().connect().await.unwrap()
    }

    /// The channel as User1 of an organisation sees it.
    pub(crate) async fn network(&self, index: usize) -> Network {
        let files = self.files(index);
        self.network_as(index, &files.user_certificate("User1"), signer(&files.user_key("User1"))).await
    }

    /// The channel as seen with this certificate and key, at the organisation's gateway.
    pub(crate) async fn network_as(
        &self,
        index: usize,
        certificate: &Path,
        signer: impl Signer + 'static,
    ) -> Network {
        self.gateway_as(index, certificate, signer).await.network(CHANNEL)
    }

    /// The organisation's gateway as seen with this certificate and key.
    pub(crate) async fn gateway_as(
        &self,
        index: usize,
        certificate: &Path,
        signer: impl Signer + 'static,
    ) -> Gateway {
        let certificate = std::fs::read(certificate).unwrap();
        let msp_id = self.config.organizations[index].msp_id.clone();
        Gateway::builder(Identity::new(msp_id, certificate).unwrap())
            .signer(signer)
            .endpoint(self.endpoint(index))
            .connect()
            .await
            .unwrap()
    }

    /// The chaincode as User1 of an organisation sees it.
    pub(crate) async fn contract(&self, index: usize) -> Contract {
        self.network(index).await.contract(CHAINCODE)
    }
}

impl Drop for TestNetwork {
    fn drop(&mut self) {
        self.chaincodes.iter().for_each(CancellationToken::cancel);
    }
}

pub(crate) fn signer(key: &Path) -> P256Signer {
    P256Signer::from_pem(&std::fs::read(key).unwrap()).unwrap()
}

/// Evaluates and takes the result as text.
pub(crate) async fn read(contract: &Contract, function: &str, arguments: &[&str]) -> String {
    let result = contract.evaluate(function, arguments.iter().copied()).await.unwrap();
    String::from_utf8(result).unwrap()
}
