//! Ordering: envelopes in, batches out, by the rules of the cutter.

use std::sync::Arc;
use std::time::Instant;

use hlf_proto::common::Envelope;
use prost::Message;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::envelope::{BroadcastError, check};
use crate::core::cutter::{Cutter, Limits};
use crate::peer::channel::Channel;

/// Envelopes that may wait for the orderer.
const WAITING: usize = 4096;

/// Batches that may wait for the committer.
const BATCHES: usize = 16;

/// Takes envelopes for the channel.
#[derive(Debug, Clone)]
pub(crate) struct Orderer {
    channel: Arc<Channel>,
    envelopes: mpsc::Sender<Arrival>,
}

#[derive(Debug)]
struct Arrival {
    envelope: Vec<u8>,
    at: Instant,
}

impl Orderer {
    /// Starts ordering. The batches end when `shutdown` is cancelled and what waits has been cut.
    pub(crate) fn start(
        channel: Arc<Channel>,
        limits: Limits,
        shutdown: CancellationToken,
    ) -> (Self, mpsc::Receiver<Vec<Vec<u8>>>) {
        let (envelopes, arrivals) = mpsc::channel(WAITING);
        let (batches, cut) = mpsc::channel(BATCHES);
        tokio::spawn(order(Cutter::new(limits), arrivals, batches, shutdown));
        (Self { channel, envelopes }, cut)
    }

    /// Checks an envelope and puts it in line.
    ///
    /// # Errors
    /// When the envelope is refused.
    pub(crate) async fn broadcast(&self, envelope: &Envelope) -> Result<(), BroadcastError> {
        let at = Instant::now();
        check(envelope, &self.channel)?;
        let arrival = Arrival { envelope: envelope.encode_to_vec(), at };
        self.envelopes.send(arrival).await.map_err(|_| BroadcastError::Stopping)
    }
}

async fn order(
    mut cutter: Cutter,
    mut arrivals: mpsc::Receiver<Arrival>,
    batches: mpsc::Sender<Vec<Vec<u8>>>,
    shutdown: CancellationToken,
) {
    loop {
        let deadline = cutter.deadline();
        let timer = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        let cut = tokio::select! {
            arrival = arrivals.recv() => match arrival {
                Some(Arrival { envelope, at }) => cutter.add(envelope, at),
                None => break,
            },
            () = timer => cutter.due(Instant::now()).into_iter().collect(),
            // What has been taken is still ordered; nothing more is taken.
            () = shutdown.cancelled(), if !arrivals.is_closed() => {
                arrivals.close();
                continue;
            }
        };
        for batch in cut {
            if batches.send(batch).await.is_err() {
                return;
            }
        }
    }
    if let Some(batch) = cutter.flush() {
        // The committer may have stopped because the store failed; it has said so itself.
        drop(batches.send(batch).await);
    }
}
