//! One stream with a peer: carries messages between the stream, the handler and the transactions' tasks.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use hlf_proto::protos::ChaincodeMessage;
use hlf_proto::protos::chaincode_message::Type;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::Instrument;

use crate::handler::{Effect, Ending, Handler, Limits};
use crate::invocation::{Invocation, TransactionKey};
use crate::peer::Peer;
use crate::{Chaincode, LedgerError, Metrics, Response, Stub};

#[cfg(test)]
mod tests;

/// Clients see it, and it is in what endorsers compare, so it does not say what panicked where. The log does.
const PANICKED: &str = "the chaincode panicked";

/// The way to the peer.
pub(crate) type Outbound = mpsc::UnboundedSender<Outgoing>;

/// A message on its way, or how the stream ends.
pub(crate) struct Outgoing {
    message: Result<ChaincodeMessage, Status>,
    place: Option<Place>,
}

/// A transaction's place, which is free again when this is dropped.
struct Place(mpsc::UnboundedSender<Command>);

impl Drop for Place {
    fn drop(&mut self) {
        // Nobody is interested once the stream has ended.
        let _ = self.0.send(Command::Taken);
    }
}

/// The way to the peer, and what the transport takes from it.
pub(crate) fn outbound() -> (Outbound, impl Stream<Item = Result<ChaincodeMessage, Status>> + Send + 'static)
{
    let (outbound, queue) = mpsc::unbounded_channel();
    let taken = UnboundedReceiverStream::new(queue).map(|Outgoing { message, place }| {
        drop(place);
        message
    });
    (outbound, taken)
}

type Waiter = oneshot::Sender<Result<Vec<u8>, LedgerError>>;

/// What a transaction's task tells the driver.
enum Command {
    Request {
        key: TransactionKey,
        kind: Type,
        payload: Vec<u8>,
        waiter: Waiter,
    },
    Finish {
        key: TransactionKey,
        ending: Ending,
    },
    /// The transport has taken a message that had a place.
    Taken,
}

/// What all conversations of a chaincode share.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) package_id: Arc<str>,
    pub(crate) local_msp_id: Option<Arc<str>>,
    pub(crate) metrics: Arc<dyn Metrics>,
    pub(crate) limits: Limits,
    /// How long a transaction may take.
    pub(crate) transaction_timeout: Duration,
}

/// When to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    /// No new transactions; end when none is left.
    pub(crate) drain: CancellationToken,
    /// End at once.
    pub(crate) now: CancellationToken,
}

/// Drives one conversation until the peer or `stop` ends it.
pub(crate) struct Connection<C> {
    chaincode: Arc<C>,
    local_msp_id: Option<Arc<str>>,
    metrics: Arc<dyn Metrics>,
    transaction_timeout: Duration,
    handler: Handler<Waiter>,
    /// Without a bound, so that the driver never waits for the peer to read: the peer may itself wait for this side to
    /// read. What runs bounds it: each transaction has one message in here at most, and its place with it. The rest is
    /// no more than what the peer has sent: refused calls and its own KEEPALIVE.
    outbound: Outbound,
    commands: mpsc::UnboundedSender<Command>,
}

impl<C: Chaincode> Connection<C> {
    /// Registers with the peer, and then answers it.
    pub(crate) async fn run(
        chaincode: Arc<C>,
        settings: &Settings,
        inbound: impl Stream<Item = Result<ChaincodeMessage, Status>> + Unpin + Send,
        outbound: Outbound,
        stop: Stop,
    ) -> Result<(), Status> {
        let gone = |_| Status::unavailable("the peer has gone");
        let register = Ok(Handler::<Waiter>::register(&settings.package_id));
        outbound.send(Outgoing { message: register, place: None }).map_err(gone)?;
        let (commands, requests) = mpsc::unbounded_channel();
        let local_msp_id = settings.local_msp_id.clone();
        let handler = Handler::new(settings.limits);
        let metrics = Arc::clone(&settings.metrics);
        let transaction_timeout = settings.transaction_timeout;
        let mut connection =
            Self { chaincode, local_msp_id, metrics, transaction_timeout, handler, outbound, commands };
        settings.metrics.peer_connected();
        let talk = connection.talk(inbound, requests, &stop.drain);
        let end = stop.now.run_until_cancelled(talk).await.unwrap_or(Ok(()));
        if let Err(status) = &end {
            tracing::info!(%status, "the stream with a peer ended");
        }
        settings.metrics.peer_disconnected();
        let Self { handler, outbound, .. } = connection;
        for effect in handler.disconnect() {
            if let Effect::Wake(waiter, result) = effect {
                // The task may have ended.
                let _ = waiter.send(result);
            }
        }
        if let Err(status) = &end {
            // The peer may be gone.
            let _ = outbound.send(Outgoing { message: Err(status.clone()), place: None });
        }
        end
    }

    async fn talk(
        &mut self,
        mut inbound: impl Stream<Item = Result<ChaincodeMessage, Status>> + Unpin + Send,
        mut requests: mpsc::UnboundedReceiver<Command>,
        drain: &CancellationToken,
    ) -> Result<(), Status> {
        let mut draining = false;
        while !(draining && self.handler.is_idle()) {
            let effects = tokio::select! {
                () = drain.cancelled(), if !draining => {
                    draining = true;
                    self.handler.drain();
                    Vec::new()
                }
                message = inbound.next() => {
                    let message = message.unwrap_or_else(|| Err(Status::unavailable("the peer closed the stream")))?;
                    let kind = message.r#type;
                    tracing::trace!(kind, tx_id = message.txid, "from the peer");
                    self.handler
                        .on_message(message)
                        .map_err(|error| Status::failed_precondition(error.to_string()))?
                }
                Some(command) = requests.recv() => match command {
                    Command::Request { key, kind, payload, waiter } => {
                        self.handler.request(&key, kind, payload, waiter)
                    }
                    Command::Finish { key, ending } => self.handler.finish(&key, ending),
                    Command::Taken => self.handler.taken(),
                },
            };
            self.perform(effects)?;
        }
        Ok(())
    }

    fn perform(&self, effects: Vec<Effect<Waiter>>) -> Result<(), Status> {
        for effect in effects {
            match effect {
                Effect::Send(message) => self.send(*message, None)?,
                Effect::SendWithPlace(message) => {
                    self.send(*message, Some(Place(self.commands.clone())))?;
                }
                Effect::Begin(invocation) => self.begin(*invocation),
                Effect::Wake(waiter, result) => {
                    // Whoever gave up waiting does not want it.
                    let _ = waiter.send(result);
                }
            }
        }
        Ok(())
    }

    fn send(&self, message: ChaincodeMessage, place: Option<Place>) -> Result<(), Status> {
        let gone = |_| Status::unavailable("the peer stopped reading");
        self.outbound.send(Outgoing { message: Ok(message), place }).map_err(gone)
    }

    /// Runs one transaction in a task of its own.
    fn begin(&self, invocation: Invocation) {
        let key = invocation.key.clone();
        let span = tracing::info_span!("transaction", channel_id = key.channel_id, tx_id = key.tx_id);
        let chaincode = Arc::clone(&self.chaincode);
        let commands = self.commands.clone();
        let local_msp_id = self.local_msp_id.clone();
        let metrics = Arc::clone(&self.metrics);
        let limit = self.transaction_timeout;
        let task = async move {
            metrics.transaction_began();
            let began = Instant::now();
            let peer = StreamPeer { key: key.clone(), commands: commands.clone() };
            let work = answer(&*chaincode, invocation, local_msp_id, Arc::new(peer));
            // The peer does not tell that it has given up. What never ends must not keep its place for ever.
            let ending = tokio::time::timeout(limit, work).await.unwrap_or_else(|_elapsed| {
                tracing::error!(?limit, "the chaincode does not answer");
                Ending::Failure { text: format!("the chaincode has not answered within {limit:?}") }
            });
            let status = match &ending {
                Ending::Answer { response, .. } => Some(response.status()),
                Ending::Failure { .. } => None,
            };
            metrics.transaction_ended(status, began.elapsed());
            // Nobody is interested once the stream has ended.
            let _ = commands.send(Command::Finish { key, ending });
        };
        tokio::spawn(task.instrument(span));
    }
}

/// Lets the chaincode answer one call; a panic is the failure of that call alone.
pub(crate) async fn answer<C: Chaincode>(
    chaincode: &C,
    invocation: Invocation,
    local_msp_id: Option<Arc<str>>,
    peer: Arc<dyn Peer>,
) -> Ending {
    let is_init = invocation.is_init;
    let stub = Stub::new(invocation, local_msp_id, peer);
    let call = async { if is_init { chaincode.init(&stub).await } else { chaincode.invoke(&stub).await } };
    let Ok(response) = AssertUnwindSafe(call).catch_unwind().await else {
        tracing::error!("the chaincode panicked");
        return Ending::Answer { response: Response::error(PANICKED), event: None };
    };
    tracing::debug!(status = response.status(), text = response.message(), "answered");
    // Of a failure nothing counts, so its writes need not be sent.
    if response.is_success()
        && let Err(error) = stub.finish_write_batch().await
    {
        return Ending::Failure { text: format!("failed send batch: {error}") };
    }
    Ending::Answer { event: stub.take_event(), response }
}

/// The way of one transaction's requests through the driver to the peer.
struct StreamPeer {
    key: TransactionKey,
    commands: mpsc::UnboundedSender<Command>,
}

impl Peer for StreamPeer {
    fn call(&self, kind: Type, payload: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, LedgerError>> {
        let (waiter, reply) = oneshot::channel();
        let request = Command::Request { key: self.key.clone(), kind, payload, waiter };
        let sent = self.commands.send(request).is_ok();
        async move {
            if !sent {
                return Err(LedgerError::Disconnected);
            }
            reply.await.unwrap_or(Err(LedgerError::Disconnected))
        }
        .boxed()
    }
}
