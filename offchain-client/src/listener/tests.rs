//! The door with silent, greedy and honest strangers before it.

use std::path::PathBuf;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsConnector, client};

use super::*;
use crate::home::Home;
use crate::tls::{self, ALPN_GRPC, CERTIFICATE_FILE, SERVER_NAME, ServerIdentity, pinned_client_config};

const LIMIT: Duration = Duration::from_secs(5);

struct World {
    _folder: tempfile::TempDir,
    certificate: PathBuf,
    address: SocketAddr,
    listener: TlsListener,
}

impl World {
    async fn new(bounds: Bounds) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(&folder.path().join("home")).unwrap();
        tls::create(&home, "test", &[], None).unwrap();
        let config = ServerIdentity::load(&home, None).unwrap().server_config(ALPN_GRPC).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listener = TlsListener::new(tcp, config, bounds);
        Self { _folder: folder, certificate: home.path(CERTIFICATE_FILE), address, listener }
    }

    async fn dial(&self) -> io::Result<client::TlsStream<TcpStream>> {
        let tls = pinned_client_config(&self.certificate, ALPN_GRPC).unwrap();
        let tcp = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(tls)).connect(ServerName::try_from(SERVER_NAME).unwrap(), tcp).await
    }

    async fn accept(&mut self) -> Secured {
        timeout(LIMIT, self.listener.accept()).await.expect("a connection in time").unwrap().0
    }
}

#[tokio::test]
async fn silent_connections_do_not_keep_others_out() {
    let bounds = Bounds { handshakes: 4, handshake: Duration::from_secs(3600), ..Bounds::DEFAULT };
    let mut world = World::new(bounds).await;
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    let mut ours = timeout(LIMIT, world.dial()).await.expect("served in time").unwrap();
    ours.write_all(b"x").await.unwrap();
    let mut byte = [0];
    world.accept().await.read_exact(&mut byte).await.unwrap();
    assert_eq!(byte, *b"x");
    // The oldest were given up.
    assert_eq!(timeout(LIMIT, silent[0].read(&mut byte)).await.expect("closed in time").unwrap_or(0), 0);
}

/// The server's word that the connection is taken, or its end.
async fn is_taken(stream: io::Result<client::TlsStream<TcpStream>>) -> bool {
    let Ok(mut stream) = stream else { return false };
    let mut byte = [0];
    matches!(timeout(LIMIT, stream.read(&mut byte)).await.expect("an answer in time"), Ok(1))
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_gets_their_places_back() {
    let mut world = World::new(Bounds { per_address: 2, ..Bounds::DEFAULT }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let ours = world.dial().await.unwrap();
        held.push((ours, world.accept().await));
    }
    assert!(!is_taken(world.dial().await).await, "a third connection of one address was taken");
    drop(held.pop());
    let ours = world.dial().await;
    world.accept().await.write_all(b"x").await.unwrap();
    assert!(is_taken(ours).await);
}

#[tokio::test]
async fn a_connection_holds_its_place_for_its_life() {
    let mut world = World::new(Bounds { connections: 1, ..Bounds::DEFAULT }).await;
    let ours = world.dial().await.unwrap();
    let theirs = world.accept().await;
    assert!(!is_taken(world.dial().await).await, "there was one place");
    drop((ours, theirs));
    let ours = world.dial().await;
    world.accept().await.write_all(b"x").await.unwrap();
    assert!(is_taken(ours).await);
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_ends() {
    let mut world = World::new(Bounds { idle: Duration::from_millis(50), ..Bounds::DEFAULT }).await;
    let _ours = world.dial().await.unwrap();
    let mut theirs = world.accept().await;
    let error = timeout(LIMIT, theirs.read(&mut [0])).await.expect("it ends").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_network_of_ipv6_is_one_stranger_and_a_mapped_address_is_its_ipv4() {
    let network = |text: &str| network_of(text.parse().unwrap());
    assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::1"));
    assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
    assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
    assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
}
