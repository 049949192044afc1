//! The peer's services beside its gateway: delivery of blocks, and endorsement of what is the peer's own.

use std::pin::Pin;
use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt as _};
use hlf_proto::Message as _;
use hlf_proto::common::{Block, BlockHeader, Envelope, Payload};
use hlf_proto::orderer::{SeekInfo, seek_position};
use hlf_proto::protos::deliver_response::Type;
use hlf_proto::protos::deliver_server::Deliver;
use hlf_proto::protos::endorser_server::Endorser;
use hlf_proto::protos::{
    BlockAndPrivateData, DeliverResponse, FilteredBlock, ProposalResponse, Response as ChaincodeResponse,
    SignedProposal,
};
use tonic::{Request, Response, Status, Streaming};

use super::{Cut, Peer, State, answer, lock};

pub(super) struct Service(pub(super) Arc<State>);

type Blocks = Pin<Box<dyn Stream<Item = Result<DeliverResponse, Status>> + Send>>;

impl Peer {
    /// Lets the chain have so many blocks.
    pub(crate) fn set_height(&self, height: u64) {
        self.state.height.send_replace(height);
    }

    /// Answers the next proposal that comes to the endorser.
    pub(crate) fn next_proposal(&self, status: i32, message: &str, payload: Vec<u8>) {
        let response = ChaincodeResponse { status, message: message.into(), payload };
        let answer = ProposalResponse { response: Some(response), ..Default::default() };
        lock(&self.state.proposals).push_back(super::Answer::With(answer));
    }

    /// Ends the next delivery of blocks with this status after so many.
    pub(crate) fn refuse_delivery(&self, after_blocks: usize, status: hlf_proto::common::Status) {
        lock(&self.state.delivery_ends).push_back((after_blocks, status));
    }
}

impl Service {
    async fn blocks(
        &self,
        request: Request<Streaming<Envelope>>,
        form: fn(u64) -> Type,
    ) -> Result<Response<Blocks>, Status> {
        let mut requests = request.into_inner();
        let envelope = requests.message().await?.unwrap();
        let payload = Payload::decode(envelope.payload.as_slice()).unwrap();
        let seek = SeekInfo::decode(payload.data.as_slice()).unwrap();
        let mut height = self.0.height.subscribe();
        let first = match seek.start.unwrap().r#type.unwrap() {
            seek_position::Type::Specified(specified) => specified.number,
            _ => *height.borrow_and_update(),
        };
        self.0.seen.send_modify(|seen| seen.deliver.push(envelope));
        let blocks = stream::unfold((height, first), |(mut height, next)| async move {
            height.wait_for(|height| *height > next).await.ok()?;
            Some((next, (height, next + 1)))
        });
        let blocks = blocks.map(move |number| Ok(DeliverResponse { r#type: Some(form(number)) }));
        let cut = lock(&self.0.cuts).pop_front();
        let end = lock(&self.0.delivery_ends).pop_front();
        let blocks = match (cut, end) {
            (Some((count, Cut::Fail(status))), _) => {
                blocks.take(count).chain(stream::iter([Err(status)])).boxed()
            }
            (Some((count, Cut::End)), _) => blocks.take(count).boxed(),
            (None, Some((count, status))) => {
                let last = DeliverResponse { r#type: Some(Type::Status(status.into())) };
                blocks.take(count).chain(stream::iter([Ok(last)])).boxed()
            }
            (None, None) => blocks.boxed(),
        };
        // Like Fabric's, the delivery ends when the requests do.
        let interest = Box::pin(async move { while let Ok(Some(_more)) = requests.message().await {} });
        Ok(Response::new(blocks.take_until(interest).boxed()))
    }
}

fn block(number: u64) -> Block {
    Block { header: Some(BlockHeader { number, ..Default::default() }), ..Default::default() }
}

#[tonic::async_trait]
impl Deliver for Service {
    type DeliverStream = Blocks;
    type DeliverFilteredStream = Blocks;
    type DeliverWithPrivateDataStream = Blocks;

    async fn deliver(&self, request: Request<Streaming<Envelope>>) -> Result<Response<Blocks>, Status> {
        self.blocks(request, |number| Type::Block(block(number))).await
    }

    async fn deliver_filtered(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Blocks>, Status> {
        let form = |number| Type::FilteredBlock(FilteredBlock { number, ..Default::default() });
        self.blocks(request, form).await
    }

    async fn deliver_with_private_data(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Blocks>, Status> {
        let form = |number| {
            let block = Some(block(number));
            Type::BlockAndPrivateData(BlockAndPrivateData { block, ..Default::default() })
        };
        self.blocks(request, form).await
    }
}

#[tonic::async_trait]
impl Endorser for Service {
    async fn process_proposal(
        &self,
        request: Request<SignedProposal>,
    ) -> Result<Response<ProposalResponse>, Status> {
        self.0.seen.send_modify(|seen| seen.proposals.push(request.into_inner()));
        answer(&self.0.proposals, ProposalResponse::default()).await
    }
}
