//! Clients that dawdle, and strangers that open account after account.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::world::{World, bank_secret, secret};
use crate::bank::client::{BankClient, BankError};
use crate::bank::http::{self, Limits};
use crate::home::Home;
use crate::ledger::Ledger;
use crate::tls::{self, ALPN_HTTP, CERTIFICATE_FILE, SERVER_NAME, ServerIdentity, pinned_client_config};

const DEADLINE: Duration = Duration::from_secs(5);

struct Served {
    world: World,
    home: Home,
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn within(limits: Limits) -> Self {
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

    fn client(&self) -> BankClient {
        let certificate = self.home.path(CERTIFICATE_FILE);
        BankClient::new(&self.address.to_string(), &certificate, *bank_secret().public_key()).unwrap()
    }

    async fn send(&self, bytes: &str) -> TlsStream<TcpStream> {
        let tls = pinned_client_config(&self.home.path(CERTIFICATE_FILE), &[b"http/1.1"]).unwrap();
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        let mut stream = TlsConnector::from(Arc::new(tls)).connect(name, tcp).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }
}

/// A request whose body does not come; the server asks for it as soon as it waits for it.
const DAWDLING: &str =
    "POST /v1/account HTTP/1.1\r\nhost: bank\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n";

async fn read_until(stream: &mut TlsStream<TcpStream>, wanted: &str) {
    let mut text = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&text).contains(wanted) {
            assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0, "{}", String::from_utf8_lossy(&text));
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.expect("an answer in time");
}

#[tokio::test]
async fn bodies_that_do_not_come_take_nobody_s_turn() {
    let served = Served::within(Limits { requests: 1, ..Limits::DEFAULT }).await;
    let mut dawdlers = Vec::new();
    for _ in 0..3 {
        let mut dawdler = served.send(DAWDLING).await;
        read_until(&mut dawdler, "100 Continue").await;
        dawdlers.push(dawdler);
    }
    served.client().info().await.unwrap();
}

#[tokio::test]
async fn a_body_and_a_head_that_do_not_come_are_not_waited_for() {
    let served = Served::within(Limits { arrival: Duration::from_millis(200), ..Limits::DEFAULT }).await;
    let mut body = served.send(DAWDLING).await;
    read_until(&mut body, "408 Request Timeout").await;
    let mut head = served.send("POST /v1/acc").await;
    let mut rest = Vec::new();
    // However it ends the connection, it ends it.
    let ended = tokio::time::timeout(DEADLINE, head.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection stands");
    served.client().info().await.unwrap();
}

#[tokio::test]
async fn a_network_opens_so_many_accounts_and_whoever_has_one_is_answered() {
    let served = Served::within(Limits { new_accounts: 1, ..Limits::DEFAULT }).await;
    let bank = served.client();
    let account = bank.open_account(&secret(1)).await.unwrap();
    let error = bank.open_account(&secret(2)).await.unwrap_err();
    assert!(matches!(error, BankError::Problem { status: 429, .. }), "{error:?}");
    assert_eq!(bank.open_account(&secret(1)).await.unwrap(), account);
    assert!(served.world.bank.books().account(secret(2).public_key()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_idle_connections() {
    let served = Served::within(Limits::DEFAULT).await;
    let kept = served.client();
    kept.info().await.unwrap();
    let _silent = served.send("").await;
    served.stop.cancel();
    tokio::time::timeout(DEADLINE, served.serving).await.expect("it ends").unwrap().unwrap();
    drop(kept);
}
