//! A bank that is served over real TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::world::{World, bank_secret};
use crate::bank::client::BankClient;
use crate::bank::http::{self, Limits};
use crate::home::Home;
use crate::ledger::Ledger;
use crate::tls::{self, ALPN_HTTP, CERTIFICATE_FILE, ServerIdentity};

pub(super) struct Served {
    pub(super) world: World,
    pub(super) home: Home,
    pub(super) address: SocketAddr,
    pub(super) stop: CancellationToken,
    pub(super) serving: JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(super) async fn new() -> Self {
        Self::within(Limits::DEFAULT).await
    }

    pub(super) async fn within(limits: Limits) -> Self {
        let world = World::new().await;
        let home = Home::create(&world.folder.path().join("tls")).unwrap();
        tls::create(&home, "test", &[], None).unwrap();
        let config = ServerIdentity::load(&home, None).unwrap().server_config(ALPN_HTTP).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let behind = (Arc::clone(&world.bank), Arc::clone(&world.ledger) as Arc<dyn Ledger>);
        let stopped = stop.clone().cancelled_owned();
        let serving = tokio::spawn(http::serve_within(limits, behind, (listener, config), stopped));
        Self { world, home, address, stop, serving }
    }

    pub(super) fn client(&self) -> BankClient {
        let certificate = self.home.path(CERTIFICATE_FILE);
        BankClient::new(&self.address.to_string(), &certificate, *bank_secret().public_key()).unwrap()
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.serving.await.unwrap().unwrap();
    }
}
