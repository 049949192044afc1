//! Whole blocks, as a peer delivers them.

use std::marker::PhantomData;
use std::time::SystemTime;

use futures::stream::{self, StreamExt as _};
use hlf_proto::common::{
    Block, ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader, Status as DeliveryStatus,
};
use hlf_proto::orderer::{SeekInfo, SeekPosition, SeekSpecified, seek_position};
use hlf_proto::protos::deliver_response::Type as Delivered;
use hlf_proto::protos::{BlockAndPrivateData, DeliverResponse, FilteredBlock};
use hlf_proto::{Message as _, Timestamp};
use tonic::Streaming;

use super::checkpoint::Checkpoint;
use super::error::EventError;
use super::feed::{EventStream, Subscription};
use super::position::seek;
use crate::backoff::Backoff;
use crate::connection::Services;
use crate::convert::{HeaderFacts, MalformedMessage, decode};
use crate::session::Session;
use crate::sign::{Digest, Signable, Signature};

/// A form in which peers deliver blocks: [`Block`], all of it; [`FilteredBlock`], its transactions' ids, verdicts and
/// events without payloads; [`BlockAndPrivateData`], all of it with the private data that the caller's organisation may
/// see. There are no others.
pub trait DeliveredBlock: sealed::Delivered {}

impl<B: sealed::Delivered> DeliveredBlock for B {}

mod sealed {
    use super::Delivered as Message;

    /// Which of the peer's streams.
    #[derive(Debug, Clone, Copy)]
    pub enum Form {
        Full,
        Filtered,
        WithPrivateData,
    }

    pub trait Delivered: Sized + Send + Sync + 'static {
        const FORM: Form;

        /// The block in a message, if it has this form.
        fn take(message: Message) -> Option<Self>;

        fn number(&self) -> Option<u64>;
    }
}

/// Says which blocks to stream. Without more they start with the next one to come.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it streams"]
pub struct BlockEventsBuilder<B> {
    blocks: OfChannel<B>,
}

impl<B: DeliveredBlock> BlockEventsBuilder<B> {
    pub(crate) fn new(session: Session, channel: String) -> Self {
        Self { blocks: OfChannel { session, channel, next: None, form: PhantomData } }
    }

    /// Starts with this block.
    pub fn from_block(mut self, block_number: u64) -> Self {
        self.blocks.next = Some(block_number);
        self
    }

    /// Starts with the block in which the checkpoint stands; one that is unset changes nothing. Record blocks as done by
    /// [`Checkpointer::record_block`](crate::Checkpointer::record_block), and it is the one after the last of them.
    pub fn after(mut self, checkpoint: &Checkpoint) -> Self {
        if !checkpoint.is_unset() {
            self.blocks.next = Some(checkpoint.block_number());
        }
        self
    }

    /// The request for these blocks, to be signed elsewhere. Peers take it for a quarter of an hour.
    ///
    /// With mutual TLS it names one client certificate, that of the first endpoint that has one, and peers to which
    /// another is shown refuse it. [`Self::stream`] and [`Self::stream_resuming`] make a request for each peer.
    #[must_use]
    pub fn request(self) -> BlockEventsRequest<B> {
        let session = &self.blocks.session;
        let request = session.signable(self.blocks.encoded(session.connection().tls_certificate_hash()));
        BlockEventsRequest { blocks: self.blocks, request }
    }

    /// Streams the blocks. The stream ends after its first error.
    #[must_use]
    pub fn stream(self) -> EventStream<B> {
        EventStream::once(self.blocks)
    }

    /// Streams the blocks and never ends: after each error, which it hands out, it waits and goes on with the next
    /// block, on another gateway peer if that one is gone. No block comes twice, and none is left out once one has come.
    #[must_use]
    pub fn stream_resuming(self, backoff: Backoff) -> EventStream<B> {
        EventStream::resuming(self.blocks, backoff)
    }
}

/// A request for blocks, signed or to be signed.
#[derive(Debug, Clone)]
pub struct BlockEventsRequest<B> {
    blocks: OfChannel<B>,
    request: Signable,
}

impl<B: DeliveredBlock> BlockEventsRequest<B> {
    pub(crate) fn from_bytes(session: Session, bytes: &[u8]) -> Result<Self, MalformedMessage> {
        let envelope: Envelope = decode("the envelope", bytes)?;
        let payload: Payload = decode("the envelope's payload", &envelope.payload)?;
        let header = payload.header.ok_or(MalformedMessage::Missing { what: "the envelope's header" })?;
        let channel = HeaderFacts::try_from(&header)?.channel;
        let seek: SeekInfo = decode("the request for blocks", &payload.data)?;
        let next = match seek.start.and_then(|start| start.r#type) {
            Some(seek_position::Type::Specified(specified)) => Some(specified.number),
            _ => None,
        };
        let request = session.signable_from_wire(envelope.payload, envelope.signature);
        Ok(Self { blocks: OfChannel { session, channel, next, form: PhantomData }, request })
    }

    /// The request with all that is needed to take it up elsewhere: an encoded `common.Envelope`, which the official
    /// clients read too.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        Envelope { payload: self.request.message().to_vec(), signature: self.request.wire_signature() }
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

    /// Streams the blocks. The stream ends after its first error.
    #[must_use]
    pub fn stream(self) -> EventStream<B> {
        EventStream::given(self.blocks, self.request)
    }
}

/// Which channel's blocks, for whom, and how far one has come.
#[derive(Debug)]
struct OfChannel<B> {
    session: Session,
    channel: String,
    /// The block to go on with; the next one to come if there is none.
    next: Option<u64>,
    form: PhantomData<fn() -> B>,
}

impl<B> Clone for OfChannel<B> {
    fn clone(&self) -> Self {
        Self {
            session: self.session.clone(),
            channel: self.channel.clone(),
            next: self.next,
            form: PhantomData,
        }
    }
}

impl<B> OfChannel<B> {
    /// The request from here on, bound to the connection on which this client certificate (its SHA-256) was shown.
    fn encoded(&self, tls_certificate_hash: &[u8]) -> Vec<u8> {
        let channel_header = ChannelHeader {
            r#type: HeaderType::DeliverSeekInfo.into(),
            timestamp: Some(Timestamp::from(SystemTime::now())),
            channel_id: self.channel.clone(),
            // Peers that ask for client certificates take no other than that of the connection
            // (`common/deliver/binding.go`).
            tls_cert_hash: tls_certificate_hash.to_vec(),
            ..ChannelHeader::default()
        };
        let signature_header =
            SignatureHeader { creator: self.session.creator().to_vec(), nonce: Vec::new() };
        let end =
            SeekPosition { r#type: Some(seek_position::Type::Specified(SeekSpecified { number: u64::MAX })) };
        let data = SeekInfo { start: Some(seek(self.next)), stop: Some(end), ..SeekInfo::default() };
        let header = Header {
            channel_header: channel_header.encode_to_vec(),
            signature_header: signature_header.encode_to_vec(),
        };
        Payload { header: Some(header), data: data.encode_to_vec() }.encode_to_vec()
    }
}

impl<B: DeliveredBlock> Subscription for OfChannel<B> {
    type Message = DeliverResponse;
    type Item = B;

    fn session(&self) -> &Session {
        &self.session
    }

    fn request(&self, peer: &Services) -> Vec<u8> {
        self.encoded(peer.tls_certificate_hash())
    }

    async fn connect(
        peer: Services,
        request: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<Streaming<DeliverResponse>, tonic::Status> {
        let envelope = Envelope { payload: request, signature };
        // One request, and an open end: the peer would take the end of the requests as the end of the interest.
        let requests = stream::iter([envelope]).chain(stream::pending());
        let mut client = peer.deliver();
        let response = match B::FORM {
            sealed::Form::Full => client.deliver(requests).await,
            sealed::Form::Filtered => client.deliver_filtered(requests).await,
            sealed::Form::WithPrivateData => client.deliver_with_private_data(requests).await,
        };
        response.map(tonic::Response::into_inner)
    }

    fn admit(&mut self, message: DeliverResponse) -> Result<Vec<B>, EventError> {
        let delivered = message.r#type.ok_or(EventError::Unexpected { what: "an empty message" })?;
        if let Delivered::Status(status) = delivered {
            return Err(match DeliveryStatus::try_from(status) {
                Ok(DeliveryStatus::Success) => EventError::Ended,
                _ => EventError::Refused { status },
            });
        }
        let block = B::take(delivered).ok_or(EventError::Unexpected { what: "a block in another form" })?;
        let number = block.number().ok_or(EventError::Unexpected { what: "a block without number" })?;
        if self.next.is_some_and(|next| number < next) {
            return Ok(Vec::new());
        }
        self.next = Some(number.saturating_add(1));
        Ok(vec![block])
    }
}

impl sealed::Delivered for Block {
    const FORM: sealed::Form = sealed::Form::Full;

    fn take(message: Delivered) -> Option<Self> {
        match message {
            Delivered::Block(block) => Some(block),
            _ => None,
        }
    }

    fn number(&self) -> Option<u64> {
        self.header.as_ref().map(|header| header.number)
    }
}

impl sealed::Delivered for FilteredBlock {
    const FORM: sealed::Form = sealed::Form::Filtered;

    fn take(message: Delivered) -> Option<Self> {
        match message {
            Delivered::FilteredBlock(block) => Some(block),
            _ => None,
        }
    }

    fn number(&self) -> Option<u64> {
        Some(self.number)
    }
}

impl sealed::Delivered for BlockAndPrivateData {
    const FORM: sealed::Form = sealed::Form::WithPrivateData;

    fn take(message: Delivered) -> Option<Self> {
        match message {
            Delivered::BlockAndPrivateData(block) => Some(block),
            _ => None,
        }
    }

    fn number(&self) -> Option<u64> {
        self.block.as_ref()?.header.as_ref().map(|header| header.number)
    }
}
