//! The one door of bank and vendor: TCP connections through the TLS handshake, everything that a stranger can hold
//! bounded.
//!
//! **Nobody can hold the door**: handshakes run beside each other, and where too many are under way the oldest is
//! given up for the newcomer. **A connection holds its place until it ends**: there are so many places in all and so
//! many for one address, and a connection on which nothing moves gives its place back.

mod connection;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use self::connection::Connection;
use self::connection::Place;

/// After a failed accept (no file descriptor left): room to recover.
const PAUSE: Duration = Duration::from_millis(100);

/// What strangers may hold at once.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections that are through the handshake.
    pub connections: usize,
    /// Connections of one address, in the handshake or through it; of IPv6, of one /64 network.
    pub per_address: usize,
    /// Handshakes under way; one more ends the oldest.
    pub handshakes: usize,
    /// Longest time for a handshake.
    pub handshake: Duration,
    /// A connection on which nothing moves for so long is closed.
    pub idle: Duration,
}

impl Bounds {
    /// What bank and vendor use: well below the 1024 files that a process may have open by default.
    pub const DEFAULT: Self = Self {
        connections: 512,
        per_address: 128,
        handshakes: 128,
        handshake: Duration::from_secs(10),
        idle: Duration::from_secs(60),
    };
}

/// A connection whose handshake is done.
pub type Secured = TlsStream<Connection>;

/// Gives connections whose handshake is done. Accepting ends when it is dropped.
#[derive(Debug)]
pub struct TlsListener {
    ready: mpsc::Receiver<(Secured, SocketAddr)>,
    accepting: AbortHandle,
}

impl TlsListener {
    /// Starts to accept.
    #[must_use]
    pub fn new(listener: TcpListener, tls: ServerConfig, bounds: Bounds) -> Self {
        let (sender, ready) = mpsc::channel(1);
        let door = Door {
            tls: TlsAcceptor::from(Arc::new(tls)),
            ready: sender,
            room: Arc::new(Semaphore::new(bounds.connections)),
            addresses: Addresses::default(),
            bounds,
        };
        let accepting = tokio::spawn(door.accept_all(listener)).abort_handle();
        Self { ready, accepting }
    }

    /// The next connection, with the peer's address; `None` cannot come as long as the process works.
    pub async fn accept(&mut self) -> Option<(Secured, SocketAddr)> {
        self.ready.recv().await
    }
}

/// What gRPC takes; its items are never errors.
impl Stream for TlsListener {
    type Item = io::Result<Secured>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().ready.poll_recv(cx).map(|accepted| accepted.map(|(stream, _)| Ok(stream)))
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Clone)]
struct Door {
    tls: TlsAcceptor,
    ready: mpsc::Sender<(Secured, SocketAddr)>,
    room: Arc<Semaphore>,
    addresses: Addresses,
    bounds: Bounds,
}

impl Door {
    async fn accept_all(self, listener: TcpListener) {
        let mut under_way: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let (tcp, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let Some(of_address) = self.addresses.take(peer.ip(), self.bounds.per_address) else {
                tracing::debug!(%peer, "a connection was not taken: its address has as many as it can have");
                continue;
            };
            under_way.retain(|handshake| !handshake.is_finished());
            if under_way.len() >= self.bounds.handshakes
                && let Some(oldest) = under_way.pop_front()
            {
                oldest.abort();
            }
            let handshake = tokio::spawn(self.clone().handshake(tcp, peer, of_address));
            under_way.push_back(handshake.abort_handle());
        }
    }

    async fn handshake(self, tcp: TcpStream, peer: SocketAddr, of_address: OfAddress) {
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let connection = Connection::new(tcp, self.bounds.idle);
        let mut stream = match timeout(self.bounds.handshake, self.tls.accept(connection)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "a TLS handshake failed"),
            Err(_) => return tracing::debug!(%peer, "a TLS handshake took too long"),
        };
        let Ok(permit) = self.room.try_acquire_owned() else {
            return tracing::warn!(%peer, "a connection was not taken: all places are taken");
        };
        stream.get_mut().0.hold(Place { _permit: permit, _of_address: of_address });
        if self.ready.send((stream, peer)).await.is_err() {
            tracing::debug!("a connection came while the server was stopping");
        }
    }
}

/// How many connections every address has.
#[derive(Clone, Debug, Default)]
struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Addresses {
    /// A place among those of an address, unless all are taken.
    fn take(&self, address: IpAddr, most: usize) -> Option<OfAddress> {
        let address = network_of(address);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(address).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(all);
        Some(OfAddress { addresses: self.clone(), address })
    }
}

/// A place among those of an address; dropping it gives it back.
#[derive(Debug)]
struct OfAddress {
    addresses: Addresses,
    address: IpAddr,
}

impl Drop for OfAddress {
    fn drop(&mut self) {
        let mut all = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.address);
            }
        }
    }
}

/// Whom an address stands for: one host is handed a whole /64 of IPv6, so the rest of the address tells nobody apart.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests;
