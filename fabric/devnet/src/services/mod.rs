//! What a peer and an orderer serve beside the gateway: `Endorser`, `Deliver`, `AtomicBroadcast`. Fabric's own `peer`
//! program and the older client libraries speak to these.

pub(crate) mod absent;
mod broadcast;
pub(crate) mod closable;
pub(crate) mod deliver;
mod endorse;

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::order::orderer::Orderer;
use crate::peer::channel::Channel;
use crate::peer::endorser::Endorser;

/// One organisation's peer, which takes transactions for ordering too.
#[derive(Debug, Clone)]
pub(crate) struct PeerService {
    /// The peer.
    pub(crate) endorser: Arc<Endorser>,
    /// The channel.
    pub(crate) channel: Arc<Channel>,
    /// Where transactions go.
    pub(crate) orderer: Orderer,
    /// Ends everything that waits.
    pub(crate) shutdown: CancellationToken,
    /// True if clients show certificates.
    pub(crate) mutual_tls: bool,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
