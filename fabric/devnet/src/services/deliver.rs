//! `Deliver`: committed blocks, whole, without their data, or with private data.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use hlf_proto::common::{
    Block, ChannelHeader, Envelope, HeaderType, Payload, SignatureHeader, Status as Code,
};
use hlf_proto::orderer::seek_info::{SeekBehavior, SeekContentType};
use hlf_proto::orderer::seek_position::Type as Seek;
use hlf_proto::orderer::{SeekInfo, SeekPosition};
use hlf_proto::protos::deliver_response::Type;
use hlf_proto::protos::deliver_server::Deliver;
use hlf_proto::protos::filtered_transaction::Data;
use hlf_proto::protos::{
    BlockAndPrivateData, ChaincodeEvent, DeliverResponse, FilteredBlock, FilteredChaincodeAction,
    FilteredTransaction, FilteredTransactionActions,
};
use hlf_proto::rwset::{CollectionPvtReadWriteSet, NsPvtReadWriteSet, TxPvtReadWriteSet};
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

use super::{Answers, PeerService};
use crate::config::DEFAULT_TIME_WINDOW;
use crate::core::block::{code_from_byte, codes, event_of};
use crate::peer::access::Access;
use crate::peer::channel::Channel;
use crate::peer::endorser::is_within;
use crate::store::StoreError;

/// Blocks that may wait for a slow reader.
const WAITING: usize = 4;

/// One message of a delivery.
pub(super) enum Delivery {
    /// A block, and the MSP id of who asked for it.
    Block {
        /// The block.
        block: Block,
        /// Who asked.
        msp_id: String,
    },
    /// The end of what was asked for, or the reason why there is no more.
    End(Code),
}

/// Answers each request of a stream with blocks and a status.
pub(super) fn deliver<T: Send + 'static>(
    service: &PeerService,
    request: tonic::Request<Streaming<Envelope>>,
    access: Access,
    make: impl Fn(Delivery) -> Result<T, StoreError> + Send + Sync + 'static,
) -> Answers<T> {
    let binding = service.mutual_tls.then(|| certificate_hash(&request));
    let mut requests = request.into_inner();
    let (answers, stream) = mpsc::channel(WAITING);
    let (channel, shutdown) = (Arc::clone(&service.channel), service.shutdown.clone());
    let sink = Sink { answers, make };
    tokio::spawn(async move {
        let work = async {
            while let Some(Ok(request)) = requests.next().await {
                let end = one(&channel, &request, access, binding.as_deref(), &sink).await;
                if !sink.send(Delivery::End(end)).await {
                    return;
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = shutdown.cancelled() => {}
            () = sink.answers.closed() => {}
        }
    });
    ReceiverStream::new(stream).boxed()
}

/// SHA-256 of the certificate that the client has shown; empty without one.
fn certificate_hash<T>(request: &tonic::Request<T>) -> Vec<u8> {
    let shown = request.peer_certs().and_then(|certificates| certificates.first().cloned());
    shown.map(|certificate| Sha256::digest(&certificate).to_vec()).unwrap_or_default()
}

/// With mutual TLS a request names the certificate of the connection that it comes on, so that nobody else can use it.
fn is_bound(header: &ChannelHeader, binding: Option<&[u8]>) -> bool {
    binding.is_none_or(|shown| !shown.is_empty() && header.tls_cert_hash == shown)
}

/// Where deliveries go, and what becomes of them on the way.
struct Sink<T, F> {
    answers: mpsc::Sender<Result<T, Status>>,
    make: F,
}

impl<T: Send, F: Fn(Delivery) -> Result<T, StoreError>> Sink<T, F> {
    /// False when nobody listens any more.
    async fn send(&self, delivery: Delivery) -> bool {
        let made = (self.make)(delivery).map_err(|error| Status::internal(error.to_string()));
        self.answers.send(made).await.is_ok()
    }
}

/// Delivers the blocks of one request; gives the status at its end. With mutual TLS, `binding` is the hash of the
/// client's certificate.
async fn one<T: Send, F: Fn(Delivery) -> Result<T, StoreError>>(
    channel: &Channel,
    request: &Envelope,
    access: Access,
    binding: Option<&[u8]>,
    sink: &Sink<T, F>,
) -> Code {
    let Some(Request { header, creator, data }) = read(request) else { return Code::BadRequest };
    if !is_timely(channel, &header) || !is_bound(&header, binding) {
        return Code::BadRequest;
    }
    if header.channel_id != channel.name {
        return Code::NotFound;
    }
    if channel.check_policy(access, &creator, &request.payload, &request.signature).is_err() {
        return Code::Forbidden;
    }
    let Ok(identity) = channel.msps.identify(&creator) else { return Code::Forbidden };
    let is_expired = || identity.is_expired((channel.clock)());
    if is_expired() {
        return Code::Forbidden;
    }
    let Ok(seek) = SeekInfo::decode(data.as_slice()) else { return Code::BadRequest };
    let mut height = channel.height.subscribe();
    let now = *height.borrow();
    let position = |position: &Option<SeekPosition>| match position.as_ref()?.r#type.as_ref()? {
        Seek::Newest(_) => Some(now.saturating_sub(1)),
        Seek::Oldest(_) => Some(0),
        Seek::Specified(specified) => Some(specified.number),
        Seek::NextCommit(_) => Some(now),
    };
    let (Some(start), Some(stop)) = (position(&seek.start), position(&seek.stop)) else {
        return Code::BadRequest;
    };
    if start > stop {
        return Code::BadRequest;
    }
    for number in start..=stop {
        if seek.behavior() == SeekBehavior::FailIfNotReady && number >= *height.borrow() {
            return Code::NotFound;
        }
        if height.wait_for(|height| *height > number).await.is_err() {
            return Code::ServiceUnavailable;
        }
        // Whoever may read when the stream begins may not read for ever.
        if is_expired() {
            return Code::Forbidden;
        }
        let Ok(Some(mut block)) = channel.store.block(number) else { return Code::InternalServerError };
        // Block 0 is the channel's configuration, which is delivered whole.
        if seek.content_type() == SeekContentType::HeaderWithSig && number > 0 {
            block.data = None;
        }
        let msp_id = identity.principal().msp_id.clone();
        if !sink.send(Delivery::Block { block, msp_id }).await {
            return Code::InternalServerError;
        }
    }
    Code::Success
}

/// What a request consists of.
pub(crate) struct Request {
    header: ChannelHeader,
    creator: Vec<u8>,
    /// Encoded [`SeekInfo`].
    pub(crate) data: Vec<u8>,
}

pub(crate) fn read(request: &Envelope) -> Option<Request> {
    let payload = Payload::decode(request.payload.as_slice()).ok()?;
    let header = payload.header?;
    let channel_header = ChannelHeader::decode(header.channel_header.as_slice()).ok()?;
    let signature_header = SignatureHeader::decode(header.signature_header.as_slice()).ok()?;
    Some(Request { header: channel_header, creator: signature_header.creator, data: payload.data })
}

/// Whether a request says when it was made, and that is now.
fn is_timely(channel: &Channel, header: &ChannelHeader) -> bool {
    let Some(claimed) = &header.timestamp else { return false };
    // The configuration turns the check off for proposals, as it was before 3.0; for this it was there then.
    let window = if channel.time_window.is_zero() { DEFAULT_TIME_WINDOW } else { channel.time_window };
    is_within(claimed, (channel.clock)(), window)
}

#[async_trait::async_trait]
impl Deliver for PeerService {
    type DeliverStream = Answers<DeliverResponse>;
    type DeliverFilteredStream = Answers<DeliverResponse>;
    type DeliverWithPrivateDataStream = Answers<DeliverResponse>;

    async fn deliver(
        &self,
        request: tonic::Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let answers = deliver(self, request, Access::Readers, |delivery| {
            answer(delivery, |block, _| Ok(Type::Block(block)))
        });
        Ok(Response::new(answers))
    }

    async fn deliver_filtered(
        &self,
        request: tonic::Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverFilteredStream>, Status> {
        let channel = self.channel.name.clone();
        let answers = deliver(self, request, Access::Readers, move |delivery| {
            answer(delivery, |block, _| Ok(Type::FilteredBlock(filter(&channel, &block))))
        });
        Ok(Response::new(answers))
    }

    async fn deliver_with_private_data(
        &self,
        request: tonic::Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverWithPrivateDataStream>, Status> {
        let channel = Arc::clone(&self.channel);
        let answers = deliver(self, request, Access::Readers, move |delivery| {
            answer(delivery, |block, msp_id| {
                let number = block.header.as_ref().map(|header| header.number).unwrap_or_default();
                let private_data_map = private_data(&channel, number, msp_id)?;
                Ok(Type::BlockAndPrivateData(BlockAndPrivateData { block: Some(block), private_data_map }))
            })
        });
        Ok(Response::new(answers))
    }
}

fn answer(
    delivery: Delivery,
    make: impl Fn(Block, &str) -> Result<Type, StoreError>,
) -> Result<DeliverResponse, StoreError> {
    let kind = match delivery {
        Delivery::Block { block, msp_id } => make(block, &msp_id)?,
        Delivery::End(status) => Type::Status(status.into()),
    };
    Ok(DeliverResponse { r#type: Some(kind) })
}

/// The block without its data: ids, kinds, codes, and events without their payloads.
fn filter(channel: &str, block: &Block) -> FilteredBlock {
    let envelopes = block.data.iter().flat_map(|data| &data.data);
    let filtered_transactions = envelopes.zip(codes(block)).map(|(envelope, code)| {
        let header = channel_header(envelope).unwrap_or_default();
        let kind = HeaderType::try_from(header.r#type).unwrap_or(HeaderType::Message);
        let event = event_of(envelope).map(|event| FilteredChaincodeAction {
            chaincode_event: Some(ChaincodeEvent { payload: Vec::new(), ..event }),
        });
        let actions = FilteredTransactionActions { chaincode_actions: event.into_iter().collect() };
        FilteredTransaction {
            txid: header.tx_id,
            r#type: kind.into(),
            tx_validation_code: code_from_byte(*code).into(),
            data: (kind == HeaderType::EndorserTransaction).then_some(Data::TransactionActions(actions)),
        }
    });
    FilteredBlock {
        channel_id: channel.to_owned(),
        number: block.header.as_ref().map(|header| header.number).unwrap_or_default(),
        filtered_transactions: filtered_transactions.collect(),
    }
}

fn channel_header(envelope: &[u8]) -> Option<ChannelHeader> {
    let envelope = Envelope::decode(envelope).ok()?;
    let payload = Payload::decode(envelope.payload.as_slice()).ok()?;
    ChannelHeader::decode(payload.header?.channel_header.as_slice()).ok()
}

/// The private writes of a block to the collections of which the organisation is a member.
fn private_data(
    channel: &Channel,
    number: u64,
    msp_id: &str,
) -> Result<BTreeMap<u64, TxPvtReadWriteSet>, StoreError> {
    let definitions = channel.definitions();
    let mut found: BTreeMap<u64, TxPvtReadWriteSet> = BTreeMap::new();
    for set in channel.store.private(number)? {
        let collection = definitions.collection(&set.chaincode, &set.collection);
        if !collection.is_some_and(|collection| collection.has_member(msp_id)) {
            continue;
        }
        let namespaces = &mut found.entry(set.transaction).or_default().ns_pvt_rwset;
        if namespaces.last().is_none_or(|last| last.namespace != set.chaincode) {
            let (namespace, collection_pvt_rwset) = (set.chaincode, Vec::new());
            namespaces.push(NsPvtReadWriteSet { namespace, collection_pvt_rwset });
        }
        if let Some(last) = namespaces.last_mut() {
            last.collection_pvt_rwset.push(CollectionPvtReadWriteSet {
                collection_name: set.collection,
                rwset: set.set.encode_to_vec(),
            });
        }
    }
    Ok(found)
}
