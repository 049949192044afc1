//! Clients that dawdle, and strangers that open account after account.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::served::Served;
use super::world::secret;
use crate::bank::client::BankError;
use crate::bank::http::Limits;
use crate::tls::{CERTIFICATE_FILE, SERVER_NAME, pinned_client_config};

const DEADLINE: Duration = Duration::from_secs(5);

impl Served {
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
