//! Which events of a chaincode, and from where on.

use hlf_proto::Message as _;
use hlf_proto::gateway::{ChaincodeEventsRequest, ChaincodeEventsResponse, SignedChaincodeEventsRequest};
use tonic::Streaming;

use super::checkpoint::Checkpoint;
use super::error::EventError;
use super::event::ChaincodeEvent;
use super::feed::{EventStream, Subscription};
use super::position::Position;
use crate::backoff::Backoff;
use crate::connection::Services;
use crate::convert::{MalformedMessage, decode};
use crate::session::Session;
use crate::sign::{Digest, Signable, Signature};
use crate::transaction_id::TransactionId;

/// A stream of a chaincode's events.
pub type ChaincodeEvents = EventStream<ChaincodeEvent>;

/// Says which events of a chaincode to stream. Without more they start with the next block to come.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it streams"]
pub struct EventsBuilder {
    events: OfChaincode,
}

impl EventsBuilder {
    pub(crate) fn new(session: Session, channel: String, chaincode: String) -> Self {
        Self { events: OfChaincode { session, channel, chaincode, position: Position::default() } }
    }

    /// Starts with this block.
    pub fn from_block(mut self, block_number: u64) -> Self {
        self.events.position = Position::at_block(block_number);
        self
    }

    /// Starts after this checkpoint; one that is unset changes nothing, so that [`Self::from_block`] can be said first
    /// for the very first time.
    ///
    /// Should the checkpoint name a transaction that emitted no event, its whole block is streamed.
    pub fn after(mut self, checkpoint: &Checkpoint) -> Self {
        if !checkpoint.is_unset() {
            self.events.position = Position::after(checkpoint);
        }
        self
    }

    /// Starts after this transaction, whose block the peer finds: what the calls before this one say does not count.
    /// Only if the channel does not have the transaction yet, the peer looks out for it from there on. A
    /// [`Self::from_block`] or [`Self::after`] that follows replaces it.
    ///
    /// **Beware:** a peer streams nothing before it has met an event of that transaction
    /// (`internal/pkg/gateway/chaincodeevents.go`, `chaincodeEventMatcher`). If there is none, it is silent for ever and
    /// says nothing about it. [`Self::after`] has no such trap.
    pub fn after_transaction(mut self, transaction_id: impl Into<TransactionId>) -> Self {
        self.events.position = self.events.position.found_by_peer(transaction_id.into());
        self
    }

    /// The request for these events, to be signed elsewhere.
    #[must_use]
    pub fn request(self) -> EventsRequest {
        let request = self.events.session.signable(self.events.encoded());
        EventsRequest { events: self.events, request }
    }

    /// Streams the events. The stream ends after its first error.
    #[must_use]
    pub fn stream(self) -> ChaincodeEvents {
        EventStream::once(self.events)
    }

    /// Streams the events and never ends: after each error, which it hands out, it waits and goes on after the last
    /// event, on another gateway peer if that one is gone. No event comes twice.
    ///
    /// Until the first event a stream that starts with the next block knows no place to go on from: it goes on with
    /// what is the next block then. Start with a block or a checkpoint to miss nothing.
    #[must_use]
    pub fn stream_resuming(self, backoff: Backoff) -> ChaincodeEvents {
        EventStream::resuming(self.events, backoff)
    }
}

/// A request for events, signed or to be signed.
#[derive(Debug, Clone)]
pub struct EventsRequest {
    events: OfChaincode,
    request: Signable,
}

impl EventsRequest {
    pub(crate) fn from_bytes(session: Session, bytes: &[u8]) -> Result<Self, MalformedMessage> {
        let signed: SignedChaincodeEventsRequest = decode("the signed chaincode events request", bytes)?;
        let request: ChaincodeEventsRequest = decode("the chaincode events request", &signed.request)?;
        let position = Position::of_request(&request);
        let signable = session.signable_from_wire(signed.request, signed.signature);
        let events =
            OfChaincode { session, channel: request.channel_id, chaincode: request.chaincode_id, position };
        Ok(Self { events, request: signable })
    }

    /// The request with all that is needed to take it up elsewhere: an encoded `gateway.SignedChaincodeEventsRequest`.
    ///
    /// It names a block, not what of it is done with already: taken up again it streams the checkpoint's whole block.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        SignedChaincodeEventsRequest {
            request: self.request.message().to_vec(),
            signature: self.request.wire_signature(),
        }
        .encode_to_vec()
    }

    /// What is signed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.request.digest()
    }

    /// The request with a signature that was made elsewhere.
    #[must_use]
    pub fn with_signature(mut self, signature: Signature) -> Self {
        self.request = self.request.with_signature(signature);
        self
    }

    /// Streams the events. The stream ends after its first error.
    #[must_use]
    pub fn stream(self) -> ChaincodeEvents {
        EventStream::given(self.events, self.request)
    }
}

/// Whose events, for whom, and how far one has come.
#[derive(Debug, Clone)]
struct OfChaincode {
    session: Session,
    channel: String,
    chaincode: String,
    position: Position,
}

impl OfChaincode {
    /// The request from here on. It is the same for all peers.
    fn encoded(&self) -> Vec<u8> {
        ChaincodeEventsRequest {
            channel_id: self.channel.clone(),
            chaincode_id: self.chaincode.clone(),
            identity: self.session.creator().to_vec(),
            start_position: Some(self.position.seek()),
            after_transaction_id: self.position.after_transaction_id(),
        }
        .encode_to_vec()
    }
}

impl Subscription for OfChaincode {
    type Message = ChaincodeEventsResponse;
    type Item = ChaincodeEvent;

    fn session(&self) -> &Session {
        &self.session
    }

    fn request(&self, _peer: &Services) -> Vec<u8> {
        self.encoded()
    }

    async fn connect(
        peer: Services,
        request: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<Streaming<ChaincodeEventsResponse>, tonic::Status> {
        let request = SignedChaincodeEventsRequest { request, signature };
        peer.gateway().chaincode_events(request).await.map(tonic::Response::into_inner)
    }

    fn admit(&mut self, message: ChaincodeEventsResponse) -> Result<Vec<ChaincodeEvent>, EventError> {
        Ok(self.position.admit(message))
    }
}
