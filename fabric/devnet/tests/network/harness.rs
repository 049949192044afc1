//! Setting up a network and clients of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hlf_devnet::config::{Config, Sketch};
use hlf_devnet::identity::generate;
use hlf_devnet::identity::layout::OrganisationFiles;
use hlf_devnet::network::Devnet;
use hlf_gateway::{Contract, Endpoint, Gateway, Identity, Network, P256Signer, Signer, Tls};
use hlf_shim::{ServerConfig, TlsConfig, serve};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

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
        let sketch = Sketch {
            organizations: ORGANIZATIONS.map(str::to_owned).to_vec(),
            channel: CHANNEL.into(),
            chaincodes: vec![CHAINCODE.into()],
            collections: BTreeMap::new(),
            domain: "lockstep.test".into(),
            port_base: 1,
            block_time: Duration::from_millis(20),
            block_size: 100,
        };
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
        let files = generate::organisation(&self.organizations(), &organization.domain).unwrap();
        let tls = TlsConfig {
            certificate: std::fs::read(files.host_tls_certificate("chaincode")).unwrap(),
            key: std::fs::read(files.host_tls_key("chaincode")).unwrap(),
            client_ca: Some(std::fs::read(files.tls_ca()).unwrap()),
        };
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

    pub(crate) fn files(&self, index: usize) -> OrganisationFiles {
        OrganisationFiles::new(&self.organizations(), &self.config.organizations[index].domain)
    }

    /// The endpoint of an organisation's gateway.
    pub(crate) fn endpoint(&self, index: usize) -> Endpoint {
        let tls_ca = std::fs::read(self.files(index).tls_ca()).unwrap();
        let address = &self.devnet.as_ref().unwrap().config().organizations[index].gateway;
        Endpoint::tls(address.clone(), Tls::new(tls_ca).server_name(self.files(index).host("peer0")))
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
        let certificate = std::fs::read(certificate).unwrap();
        let msp_id = self.config.organizations[index].msp_id.clone();
        let gateway = Gateway::builder(Identity::new(msp_id, certificate).unwrap())
            .signer(signer)
            .endpoint(self.endpoint(index))
            .connect()
            .await
            .unwrap();
        gateway.network(CHANNEL)
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
