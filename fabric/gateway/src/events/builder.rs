//! Which events, and from where on.

use std::time::Duration;

use hlf_proto::Message as _;
use hlf_proto::gateway::{ChaincodeEventsRequest, SignedChaincodeEventsRequest};

use super::checkpoint::Checkpoint;
use super::feed::{ChaincodeEvents, Source};
use super::position::Position;
use crate::session::Session;
use crate::sign::{Digest, SignError, Signable, Signature};
use crate::transaction_id::TransactionId;

/// Says which events of a chaincode to stream. Without more they start with the next block to come.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it streams"]
pub struct EventsBuilder {
    source: EventsSource,
    position: Position,
}

impl EventsBuilder {
    pub(crate) fn new(session: Session, channel: String, chaincode: String) -> Self {
        let source = EventsSource { session, channel, chaincode };
        Self { source, position: Position::default() }
    }

    /// Starts with this block.
    pub fn from_block(mut self, block_number: u64) -> Self {
        self.position = Position::at_block(block_number);
        self
    }

    /// Starts after this checkpoint; one that is unset changes nothing, so that [`Self::from_block`] can be said first
    /// for the very first time.
    ///
    /// Should the checkpoint name a transaction that emitted no event, its whole block is streamed.
    pub fn after(mut self, checkpoint: &Checkpoint) -> Self {
        if !checkpoint.is_unset() {
            self.position = Position::after(checkpoint);
        }
        self
    }

    /// Starts after this transaction, whose block the peer finds. If it finds none, it starts where the calls before
    /// this one say; [`Self::from_block`] and [`Self::after`] thereafter replace it.
    ///
    /// **Beware:** if that transaction emitted no event, the peer streams nothing, for ever, and says nothing about it.
    /// [`Self::after`] has no such trap.
    pub fn after_transaction(mut self, transaction_id: impl Into<TransactionId>) -> Self {
        self.position = self.position.found_by_peer(transaction_id.into());
        self
    }

    /// The request for these events, to be signed elsewhere.
    #[must_use]
    pub fn request(self) -> EventsRequest {
        let request = self.source.session.signable(self.source.request(&self.position));
        EventsRequest { source: self.source, position: self.position, request }
    }

    /// Streams the events. The stream ends after its first error.
    #[must_use]
    pub fn stream(self) -> ChaincodeEvents {
        self.request().stream()
    }

    /// Streams the events and never ends: after each error, which it hands out, it waits and goes on after the last
    /// event, on another gateway peer if that one is gone. No event comes twice.
    ///
    /// Until the first event a stream that starts with the next block knows no place to go on from: it goes on with
    /// what is the next block then. Start with a block or a checkpoint to miss nothing.
    #[must_use]
    pub fn stream_resuming(self, backoff: Backoff) -> ChaincodeEvents {
        ChaincodeEvents::new(Source::Resuming(self.source, backoff), self.position)
    }
}

/// A request for events, signed or to be signed.
#[derive(Debug, Clone)]
pub struct EventsRequest {
    source: EventsSource,
    position: Position,
    request: Signable,
}

impl EventsRequest {
    /// The encoded `gateway.SignedChaincodeEventsRequest`.
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
        ChaincodeEvents::new(Source::Once(self.source, self.request), self.position)
    }
}

/// How long to wait before an interrupted stream is resumed: longer after each failure, from the start again once
/// something has come or the stream has lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// After the first failure; 100 ms.
    pub first: Duration,
    /// At most; 10 s.
    pub longest: Duration,
}

impl Backoff {
    /// A wait of `first` after the first failure, twice as long after each one more, `longest` at most.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(10) }
    }
}

/// Whose events, for whom.
#[derive(Debug, Clone)]
pub(super) struct EventsSource {
    pub(super) session: Session,
    channel: String,
    chaincode: String,
}

impl EventsSource {
    fn request(&self, position: &Position) -> Vec<u8> {
        ChaincodeEventsRequest {
            channel_id: self.channel.clone(),
            chaincode_id: self.chaincode.clone(),
            identity: self.session.creator().to_vec(),
            start_position: Some(position.seek()),
            after_transaction_id: position.after_transaction_id(),
        }
        .encode_to_vec()
    }

    pub(super) async fn signed_request(
        &self,
        position: &Position,
    ) -> Result<SignedChaincodeEventsRequest, SignError> {
        sign(&self.session, &self.session.signable(self.request(position))).await
    }
}

pub(super) async fn sign(
    session: &Session,
    request: &Signable,
) -> Result<SignedChaincodeEventsRequest, SignError> {
    let signature = request.sign(session.signer()).await?;
    Ok(SignedChaincodeEventsRequest { request: request.message().to_vec(), signature })
}
