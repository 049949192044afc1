//! A connection over TLS on loopback that carries frames and counts its bytes: `u32` length, then that many bytes.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use lockstep::home::Home;
use lockstep::tls::{self, ALPN_HTTP, SERVER_NAME, ServerIdentity};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::error::{BenchError, Step as _};

/// The longest frame: a batch and its number.
const LONGEST: u32 = 1 << 20;

/// Bytes of all connections that share it, both directions, TLS included.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<AtomicU64>);

impl Meter {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// A certificate for listeners, and what connects to them.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl Tls {
    /// Makes a certificate in a new folder.
    pub(crate) fn new(folder: &Path) -> Result<Self, BenchError> {
        let home = Home::create(&folder.join("tls")).step("a folder for the certificate")?;
        tls::create(&home, "benchmark", &[], None).step("a certificate")?;
        home.write_config("").step("a folder for the certificate")?;
        let identity = ServerIdentity::load(&home, None).step("a certificate")?;
        let server = identity.server_config(ALPN_HTTP).step("a certificate")?;
        let pinned = home.path(tls::CERTIFICATE_FILE);
        let client = tls::pinned_client_config(&pinned, ALPN_HTTP).step("a certificate")?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(server)),
            connector: TlsConnector::from(Arc::new(client)),
        })
    }

    /// Takes the next connection.
    pub(crate) async fn accept(&self, listener: &TcpListener) -> io::Result<Link> {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        // The other end counts.
        let stream = self.acceptor.accept(Counted { tcp, meter: Meter::default() }).await?;
        Ok(Link { stream: stream.into() })
    }

    /// Connects, and counts.
    pub(crate) async fn connect(&self, port: u16, meter: &Meter) -> io::Result<Link> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
        let stream = self.connector.connect(name, Counted { tcp, meter: meter.clone() }).await?;
        Ok(Link { stream: stream.into() })
    }
}

/// A listener on a free port.
pub(crate) async fn listen() -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TlsStream<Counted>,
}

impl Link {
    pub(crate) async fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        // One write, so one TLS record.
        let bytes = [&length.to_be_bytes(), frame].concat();
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }

    pub(crate) async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let length = self.stream.read_u32().await?;
        if length > LONGEST {
            return Err(io::Error::other("a frame above the bound"));
        }
        let mut frame = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.stream.read_exact(&mut frame).await?;
        Ok(frame)
    }

    /// Sends and waits for the answer.
    pub(crate) async fn ask(&mut self, frame: &[u8]) -> io::Result<Vec<u8>> {
        self.send(frame).await?;
        self.receive().await
    }
}

/// A connection whose bytes are counted.
#[derive(Debug)]
struct Counted {
    tcp: TcpStream,
    meter: Meter,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(cx, buf);
        self.meter.add(buf.filled().len().saturating_sub(before));
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = &polled {
            self.meter.add(*written);
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
