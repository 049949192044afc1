//! The vendor's end of the connection: accepts TCP, does the TLS handshake beside the accepting loop, hands ready
//! connections to gRPC.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;

/// Handshakes at once; others wait in the kernel's queue.
const HANDSHAKES: usize = 64;
/// Time for one handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Connections that are through the handshake. Accepting ends when the stream is dropped.
#[must_use]
pub fn accept(listener: TcpListener, tls: ServerConfig) -> ReceiverStream<io::Result<TlsStream<TcpStream>>> {
    let (ready, connections) = mpsc::channel(1);
    tokio::spawn(accept_all(listener, TlsAcceptor::from(Arc::new(tls)), ready));
    ReceiverStream::new(connections)
}

type Ready = mpsc::Sender<io::Result<TlsStream<TcpStream>>>;

async fn accept_all(listener: TcpListener, tls: TlsAcceptor, ready: Ready) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    while let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ready.closed() => return,
        };
        match accepted {
            Ok((tcp, _)) => {
                tokio::spawn(handshake(tcp, tls.clone(), ready.clone(), permit));
            }
            Err(error) => {
                // Out of file descriptors, or the peer is gone already: the next one may do better.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn handshake(tcp: TcpStream, tls: TlsAcceptor, ready: Ready, permit: OwnedSemaphorePermit) {
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    match tokio::time::timeout(HANDSHAKE, tls.accept(tcp)).await {
        Ok(Ok(stream)) => {
            drop(permit);
            // The server is stopping; the peer will notice.
            let _ = ready.send(Ok(stream)).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}
