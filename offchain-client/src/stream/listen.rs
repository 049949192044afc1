//! The vendor's end of the connection: the bounded TLS listener, as gRPC takes it.

use rustls::ServerConfig;
use tokio::net::TcpListener;

use crate::listener::{Bounds, TlsListener};

/// Connections that are through the handshake. Accepting ends when the stream is dropped.
#[must_use]
pub fn accept(listener: TcpListener, tls: ServerConfig) -> TlsListener {
    TlsListener::new(listener, tls, Bounds::DEFAULT)
}
