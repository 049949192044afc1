//! Somebody in the middle of a connection: passes bytes on and counts them, and on command alters or replays a record of TLS.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::link::{Meter, listen};

/// What to do with the next record towards the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Deed {
    Pass = 0,
    Alter = 1,
    Replay = 2,
}

/// A relay before one port. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    port: u16,
    deed: Arc<AtomicU8>,
    meter: Meter,
    task: JoinHandle<()>,
}

impl Relay {
    /// Begins to pass on what comes for `port`.
    pub(crate) async fn before(port: u16) -> io::Result<Self> {
        let (listener, own) = listen().await?;
        let (deed, meter) = (Arc::new(AtomicU8::new(0)), Meter::default());
        let task = tokio::spawn(accept(listener, port, Arc::clone(&deed), meter.clone()));
        Ok(Self { port: own, deed, meter, task })
    }

    /// Where to connect instead.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that passed in both directions.
    pub(crate) fn bytes(&self) -> u64 {
        self.meter.bytes()
    }

    /// Does this to the next record.
    pub(crate) fn next(&self, deed: Deed) {
        self.deed.store(deed as u8, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, port: u16, deed: Arc<AtomicU8>, meter: Meter) {
    while let Ok((near, _)) = listener.accept().await {
        let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
        if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
            continue;
        }
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        tokio::spawn(pass(far_in, near_out, None, meter.clone()));
        tokio::spawn(pass(near_in, far_out, Some(Arc::clone(&deed)), meter.clone()));
    }
}

/// Passes whole records on, until either side ends.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, deed: Option<Arc<AtomicU8>>, meter: Meter) {
    while let Ok(mut record) = read_record(&mut from).await {
        let deed = deed.as_ref().map_or(0, |deed| deed.swap(0, Ordering::SeqCst));
        if deed == Deed::Alter as u8
            && let Some(last) = record.last_mut()
        {
            *last ^= 1;
        }
        meter.add(record.len());
        let mut sent = to.write_all(&record).await;
        if deed == Deed::Replay as u8 && sent.is_ok() {
            meter.add(record.len());
            sent = to.write_all(&record).await;
        }
        if sent.is_err() {
            break;
        }
    }
    // The other side learns that this one has ended.
    let _ = to.shutdown().await;
}

/// A record of TLS: type, version, `u16` length, and that many bytes.
async fn read_record(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let mut record = vec![0; 5];
    from.read_exact(&mut record).await?;
    let length = match record.as_slice() {
        [_, _, _, high, low] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    record.resize(5 + length, 0);
    if let Some(rest) = record.get_mut(5..) {
        from.read_exact(rest).await?;
    }
    Ok(record)
}
