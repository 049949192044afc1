//! The client's end of the connection: TCP, the vendor's pinned certificate, HTTP/2, with every byte on the wire counted.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::{MESSAGE_BYTES, PaymentStreamClient};
use crate::tls::{ALPN_GRPC, SERVER_NAME, TlsError, pinned_client_config};

/// Time for TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(10);
/// An idle connection is asked for a sign of life this often.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// HTTP/2 flow-control window: several full batches.
const HTTP_WINDOW: u32 = 4 << 20;

/// Why a vendor cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The address is not `https://host:port`.
    #[error("{0} is no vendor's address; it has the form https://host:port")]
    Address(String),
    /// The vendor's certificate file cannot be used.
    #[error("the vendor's certificate file cannot be used")]
    Certificate(#[from] TlsError),
    /// The vendor does not answer there, or with another certificate.
    #[error(
        "no vendor with the pinned certificate answers at {address}; check the address, the certificate file, and that `lockstep vendor serve` runs"
    )]
    Connect {
        /// The address.
        address: String,
        /// What went wrong.
        source: tonic::transport::Error,
    },
}

/// Bytes that have passed a connection in both directions, TLS included.
#[derive(Clone, Debug, Default)]
pub struct WireCount {
    sent: Arc<AtomicU64>,
    received: Arc<AtomicU64>,
}

impl WireCount {
    /// Bytes sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes received so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// A connection to a vendor.
#[derive(Clone, Debug)]
pub struct VendorLine {
    /// Speaks the payment stream.
    pub client: PaymentStreamClient<Channel>,
    /// What the connection costs.
    pub wire: WireCount,
}

/// Connects to the vendor at `https://host:port` that holds the certificate in `pinned`.
///
/// # Errors
/// [`DialError`].
pub async fn dial(url: &str, pinned: &Path) -> Result<VendorLine, DialError> {
    let address = authority(url).ok_or_else(|| DialError::Address(url.to_owned()))?;
    let tls = TlsConnector::from(Arc::new(pinned_client_config(pinned, ALPN_GRPC)?));
    let wire = WireCount::default();
    let connector = {
        let (address, wire) = (address.clone(), wire.clone());
        service_fn(move |_: http::Uri| connect(address.clone(), tls.clone(), wire.clone()))
    };
    // TLS is the connector's business, so the endpoint itself speaks plain HTTP/2 to it.
    let channel = Endpoint::from_static("http://lockstep.internal")
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(HTTP_WINDOW)
        .initial_connection_window_size(HTTP_WINDOW)
        .connect_with_connector(connector)
        .await
        .map_err(|source| DialError::Connect { address, source })?;
    let client = PaymentStreamClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES);
    Ok(VendorLine { client, wire })
}

/// `host:port` of `https://host:port`.
fn authority(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    let plain = uri.path() == "/" && uri.query().is_none() && uri.scheme_str() == Some("https");
    uri.port_u16().filter(|_| plain)?;
    uri.authority().map(|authority| authority.as_str().to_owned())
}

async fn connect(
    address: String,
    tls: TlsConnector,
    wire: WireCount,
) -> io::Result<TokioIo<tokio_rustls::client::TlsStream<Counted>>> {
    let tcp = TcpStream::connect(&address).await?;
    // A batch is one write; waiting for more would only delay it.
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
    Ok(TokioIo::new(tls.connect(name, Counted { tcp, wire }).await?))
}

/// A connection whose bytes are counted.
#[derive(Debug)]
struct Counted {
    tcp: TcpStream,
    wire: WireCount,
}

fn add(count: &AtomicU64, bytes: usize) {
    count.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(cx, buf);
        add(&self.wire.received, buf.filled().len().saturating_sub(before));
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tcp).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = &polled {
            add(&self.wire.sent, *written);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_scheme_host_and_port() {
        assert_eq!(authority("https://127.0.0.1:9000").as_deref(), Some("127.0.0.1:9000"));
        assert_eq!(authority("https://vendor.example:1/").as_deref(), Some("vendor.example:1"));
        for wrong in [
            "http://127.0.0.1:9000",
            "https://127.0.0.1",
            "127.0.0.1:9000",
            "https://a:1/b",
            "",
            "https://a:1/?q",
        ] {
            assert_eq!(authority(wrong), None, "{wrong}");
        }
    }
}
