//! The entry: one identity's connection to its organisation's gateway peers.

use std::fmt;
use std::sync::Arc;

use crate::commit::Commit;
use crate::connect::{ConnectError, ConnectOptions};
use crate::connection::Connection;
use crate::convert::MalformedMessage;
use crate::deadlines::Deadlines;
use crate::endpoint::Endpoint;
use crate::events::{BlockEventsRequest, DeliveredBlock, EventsRequest};
use crate::identity::Identity;
use crate::network::Network;
use crate::operations::PeerAdmin;
use crate::proposal::Proposal;
use crate::session::Session;
use crate::sign::{Hash, NoSigner, Signer};
use crate::transaction::Transaction;

/// One identity's connection to its organisation's gateway peers. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Gateway {
    session: Session,
}

impl Gateway {
    /// Starts to describe a gateway for `identity`.
    pub fn builder(identity: Identity) -> GatewayBuilder {
        GatewayBuilder {
            identity,
            signer: Arc::new(NoSigner),
            hash: None,
            endpoints: Vec::new(),
            options: ConnectOptions::default(),
            deadlines: Deadlines::default(),
        }
    }

    /// A channel.
    #[must_use]
    pub fn network(&self, channel: impl Into<String>) -> Network {
        Network::new(self.session.clone(), channel.into())
    }

    /// The gateway's peers one by one, for what is each one's own: packages, and joining channels.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerAdmin> {
        PeerAdmin::all(&self.session)
    }

    /// Who calls.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.session.identity()
    }

    /// The same gateway, over the same connections, with other deadlines.
    #[must_use]
    pub fn with_deadlines(&self, deadlines: Deadlines) -> Self {
        let mut session = self.session.clone();
        session.deadlines = deadlines;
        Self { session }
    }

    /// Takes up a proposal from [`Proposal::bytes`], signed or not.
    ///
    /// # Errors
    /// [`MalformedMessage`] when the bytes are none.
    pub fn proposal_from_bytes(&self, bytes: &[u8]) -> Result<Proposal, MalformedMessage> {
        Proposal::from_bytes(self.session.clone(), bytes)
    }

    /// Takes up a transaction from [`Transaction::bytes`], signed or not.
    ///
    /// # Errors
    /// [`MalformedMessage`] when the bytes are none.
    pub fn transaction_from_bytes(&self, bytes: &[u8]) -> Result<Transaction, MalformedMessage> {
        Transaction::from_bytes(self.session.clone(), bytes)
    }

    /// Takes up a commit from [`Commit::bytes`], signed or not.
    ///
    /// # Errors
    /// [`MalformedMessage`] when the bytes are none.
    pub fn commit_from_bytes(&self, bytes: &[u8]) -> Result<Commit, MalformedMessage> {
        Commit::from_bytes(self.session.clone(), bytes)
    }

    /// Takes up a request for a chaincode's events from [`EventsRequest::bytes`], signed or not.
    ///
    /// # Errors
    /// [`MalformedMessage`] when the bytes are none.
    pub fn chaincode_events_from_bytes(&self, bytes: &[u8]) -> Result<EventsRequest, MalformedMessage> {
        EventsRequest::from_bytes(self.session.clone(), bytes)
    }

    /// Takes up a request for blocks from [`BlockEventsRequest::bytes`], signed or not. Which form of blocks it asks for
    /// does not stand in it.
    ///
    /// # Errors
    /// [`MalformedMessage`] when the bytes are none.
    pub fn block_events_from_bytes<B: DeliveredBlock>(
        &self,
        bytes: &[u8],
    ) -> Result<BlockEventsRequest<B>, MalformedMessage> {
        BlockEventsRequest::from_bytes(self.session.clone(), bytes)
    }
}

/// Describes a [`Gateway`].
#[must_use = "a builder does nothing until it connects"]
pub struct GatewayBuilder {
    identity: Identity,
    signer: Arc<dyn Signer>,
    hash: Option<Hash>,
    endpoints: Vec<Endpoint>,
    options: ConnectOptions,
    deadlines: Deadlines,
}

impl GatewayBuilder {
    /// Signs with this. Without it every signature must be handed in.
    pub fn signer(mut self, signer: impl Signer + 'static) -> Self {
        self.signer = Arc::new(signer);
        self
    }

    /// Has messages hashed like this before they are signed, instead of as the signer says. Where there is no signer,
    /// since signatures are handed in, it is SHA-256 unless this says otherwise: [`Hash::None`] for Ed25519.
    pub fn hash(mut self, hash: Hash) -> Self {
        self.hash = Some(hash);
        self
    }

    /// Adds a gateway peer. All of them should be the identity's own organisation's; when one is gone the next is used.
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// Adds several gateway peers, as [`Self::endpoint`] does one.
    pub fn endpoints(mut self, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        self.endpoints.extend(endpoints);
        self
    }

    /// Connects like this instead of like the default.
    pub fn options(mut self, options: ConnectOptions) -> Self {
        self.options = options;
        self
    }

    /// Waits this long instead of the default.
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Connects to the first endpoint that answers.
    ///
    /// # Errors
    /// [`ConnectError`] when the description is no good, or none answers.
    pub async fn connect(self) -> Result<Gateway, ConnectError> {
        let connection = Connection::dial(&self.endpoints, &self.options).await?;
        Ok(self.gateway(connection))
    }

    /// Connects when it is first used: the peers need not be there yet. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// [`ConnectError`] when the description is no good.
    pub fn connect_lazy(self) -> Result<Gateway, ConnectError> {
        let connection = Connection::lazy(&self.endpoints, &self.options)?;
        Ok(self.gateway(connection))
    }

    fn gateway(self, connection: Connection) -> Gateway {
        let hash = self.hash.unwrap_or_else(|| self.signer.hash());
        Gateway { session: Session::new(self.identity, self.signer, hash, connection, self.deadlines) }
    }
}

impl fmt::Debug for GatewayBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayBuilder")
            .field("identity", &self.identity)
            .field("endpoints", &self.endpoints)
            .field("options", &self.options)
            .field("deadlines", &self.deadlines)
            .finish_non_exhaustive()
    }
}
