//! The connections to the gateway peers of one organisation.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hlf_proto::Message;
use hlf_proto::gateway::gateway_client::GatewayClient;
use hlf_proto::protos::deliver_client::DeliverClient;
use hlf_proto::protos::endorser_client::EndorserClient;
use tokio::time::{Instant, timeout_at};
use tonic::transport::{Channel, Endpoint as Transport};
use tonic::{Request, Response, Status};

use crate::connect::{ConnectError, ConnectOptions};
use crate::deadlines::bounded;
use crate::endpoint::Endpoint;
use crate::error::{CallError, Origin, chain};

/// A connection to each of several peers that stand for one another. The first in the list is used until it cannot be
/// reached, then the next, and so on in a circle.
pub(crate) struct Connection {
    peers: Vec<Peer>,
    /// Index of the peer that answered last; of the next one, if that peer did not answer.
    preferred: AtomicUsize,
    /// The largest message, in bytes.
    message_limit: usize,
}

struct Peer {
    address: String,
    services: Services,
}

/// The services of one peer.
#[derive(Clone)]
pub(crate) struct Services {
    channel: Channel,
    message_limit: usize,
    tls_certificate_hash: Arc<[u8]>,
}

impl Services {
    /// SHA-256 of the certificate that is shown to this peer in TLS; empty without one. Some services bind requests to
    /// it.
    pub(crate) fn tls_certificate_hash(&self) -> &[u8] {
        &self.tls_certificate_hash
    }

    pub(crate) fn gateway(&self) -> GatewayClient<Channel> {
        GatewayClient::new(self.channel.clone())
            .max_decoding_message_size(self.message_limit)
            .max_encoding_message_size(self.message_limit)
    }

    pub(crate) fn deliver(&self) -> DeliverClient<Channel> {
        DeliverClient::new(self.channel.clone())
            .max_decoding_message_size(self.message_limit)
            .max_encoding_message_size(self.message_limit)
    }

    pub(crate) fn endorser(&self) -> EndorserClient<Channel> {
        EndorserClient::new(self.channel.clone())
            .max_decoding_message_size(self.message_limit)
            .max_encoding_message_size(self.message_limit)
    }
}

/// When a call that failed on one peer may be made on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failover {
    /// Only if the request was surely not sent.
    Unsent,
    /// Also if the connection broke: the request changes nothing.
    Broken,
}

impl Failover {
    fn permits(self, error: &CallError) -> bool {
        match error.origin() {
            Origin::NotSent => true,
            Origin::Broken => self == Self::Broken,
            Origin::Peer | Origin::Deadline => false,
        }
    }
}

impl Connection {
    /// Prepares the connections. Nothing is dialled before the first call.
    pub(crate) fn lazy(endpoints: &[Endpoint], options: &ConnectOptions) -> Result<Self, ConnectError> {
        let transports = transports(endpoints, options)?;
        let peers = transports
            .iter()
            .map(|(endpoint, transport)| Peer::new(endpoint, transport.connect_lazy(), options));
        Ok(Self {
            peers: peers.collect(),
            preferred: AtomicUsize::new(0),
            message_limit: options.message_limit,
        })
    }

    /// Dials the endpoints in order until one answers.
    pub(crate) async fn dial(endpoints: &[Endpoint], options: &ConnectOptions) -> Result<Self, ConnectError> {
        let mut connection = Self::lazy(endpoints, options)?;
        let mut failures = Vec::new();
        for (index, (endpoint, transport)) in transports(endpoints, options)?.iter().enumerate() {
            match transport.connect().await {
                Ok(channel) => {
                    if let Some(peer) = connection.peers.get_mut(index) {
                        *peer = Peer::new(endpoint, channel, options);
                    }
                    connection.preferred = AtomicUsize::new(index);
                    return Ok(connection);
                }
                Err(error) => failures.push(format!("{}: {}", endpoint.address(), chain(&error))),
            }
        }
        Err(ConnectError::Unreachable { failures })
    }

    /// Makes a call with one answer. `limit` is for all of it, connecting and other peers included.
    pub(crate) async fn call<M, T, F, R>(
        &self,
        message: &M,
        limit: Duration,
        failover: Failover,
        rpc: F,
    ) -> Result<T, CallError>
    where
        M: Message + Clone,
        F: Fn(Services, Request<M>) -> R,
        R: Future<Output = Result<Response<T>, Status>>,
    {
        self.check_size(message)?;
        let deadline = Deadline::after(limit);
        self.on_some_peer(failover, |peer| deadline.attempt(|request| rpc(peer, request), message)).await
    }

    /// Makes a call with one answer to the peer at this place in the list, and to no other.
    pub(crate) async fn call_at<M, T, F, R>(
        &self,
        index: usize,
        message: &M,
        limit: Duration,
        rpc: F,
    ) -> Result<T, CallError>
    where
        M: Message + Clone,
        F: Fn(Services, Request<M>) -> R,
        R: Future<Output = Result<Response<T>, Status>>,
    {
        self.check_size(message)?;
        let Some(peer) = self.peers.get(index) else { return Err(CallError::not_connected(&[])) };
        Deadline::after(limit).attempt(|request| rpc(peer.services.clone(), request), message).await
    }

    /// The peers' addresses, in the order of the list.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &str> {
        self.peers.iter().map(|peer| peer.address.as_str())
    }

    /// SHA-256 of the certificate that is shown to the first peer that is shown one; empty without any.
    pub(crate) fn tls_certificate_hash(&self) -> &[u8] {
        let mut hashes = self.peers.iter().map(|peer| peer.services.tls_certificate_hash());
        hashes.find(|hash| !hash.is_empty()).unwrap_or_default()
    }

    fn check_size(&self, message: &impl Message) -> Result<(), CallError> {
        let size = message.encoded_len();
        // The transport would say that something is wrong with the connection.
        if size > self.message_limit { Err(CallError::too_large(size, self.message_limit)) } else { Ok(()) }
    }

    /// Does `attempt` on one peer after the other until one gives an answer, or a failure that is final.
    pub(crate) async fn on_some_peer<T, F, R>(&self, failover: Failover, attempt: F) -> Result<T, CallError>
    where
        F: Fn(Services) -> R,
        R: Future<Output = Result<T, CallError>>,
    {
        let mut unreachable = Vec::new();
        let mut last = None;
        let first = self.preferred.load(Ordering::Relaxed);
        let count = self.peers.len();
        for index in (0..count).map(|step| (first + step) % count) {
            let Some(peer) = self.peers.get(index) else { break };
            // A peer that is gone or hangs is not the first to be asked next time; nor is one whose caller did not wait for the
            // deadline, who else would meet it each time.
            let mut silence = Silence { preferred: &self.preferred, next: Some((index + 1) % count) };
            self.preferred.store(index, Ordering::Relaxed);
            let answer = attempt(peer.services.clone()).await;
            if answer.as_ref().map_or_else(CallError::origin, |_| Origin::Peer) == Origin::Peer {
                silence.next = None;
            }
            drop(silence);
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            tracing::debug!(peer = %peer.address, %error, "call failed");
            if !failover.permits(&error) {
                return Err(error);
            }
            unreachable.push(format!("{}: {}", peer.address, error.message()));
            if error.origin() == Origin::Broken {
                last = Some(error);
            }
        }
        // A connection that broke says more than one that was not made: the request may have got through.
        Err(last.unwrap_or_else(|| CallError::not_connected(&unreachable)))
    }
}

/// A call under way; who is asked first after it, if it is given up or not answered.
struct Silence<'a> {
    preferred: &'a AtomicUsize,
    next: Option<usize>,
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        if let Some(next) = self.next {
            self.preferred.store(next, Ordering::Relaxed);
        }
    }
}

impl Peer {
    fn new(endpoint: &Endpoint, channel: Channel, options: &ConnectOptions) -> Self {
        let services = Services {
            channel,
            message_limit: options.message_limit,
            tls_certificate_hash: endpoint.tls_certificate_hash().unwrap_or_default().into(),
        };
        Self { address: endpoint.address().to_owned(), services }
    }
}

/// Until when all attempts at one call may take.
#[derive(Clone, Copy)]
struct Deadline {
    end: Instant,
    limit: Duration,
}

impl Deadline {
    fn after(limit: Duration) -> Self {
        Self { end: Instant::now() + bounded(limit), limit }
    }

    /// Waits for one answer, no longer than to the end.
    fn attempt<M, T, F, R>(
        self,
        rpc: F,
        message: &M,
    ) -> impl Future<Output = Result<T, CallError>> + use<M, T, F, R>
    where
        M: Message + Clone,
        F: FnOnce(Request<M>) -> R,
        R: Future<Output = Result<Response<T>, Status>>,
    {
        let mut request = Request::new(message.clone());
        // The peer learns how long it is worth working on this.
        request.set_timeout(self.end.saturating_duration_since(Instant::now()));
        let answer = timeout_at(self.end, rpc(request));
        async move {
            match answer.await {
                Ok(Ok(response)) => Ok(response.into_inner()),
                Ok(Err(status)) => Err(CallError::from_status(&status)),
                Err(_elapsed) => Err(CallError::deadline(self.limit)),
            }
        }
    }
}

fn transports<'a>(
    endpoints: &'a [Endpoint],
    options: &ConnectOptions,
) -> Result<Vec<(&'a Endpoint, Transport)>, ConnectError> {
    options.check()?;
    if endpoints.is_empty() {
        return Err(ConnectError::NoEndpoint);
    }
    endpoints.iter().map(|endpoint| Ok((endpoint, endpoint.transport(options)?))).collect()
}
