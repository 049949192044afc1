//! The gateway of one organisation: the five services that applications speak to.
//!
//! Order of checks, gRPC codes and texts are those of a Fabric peer (version 3.1).

mod commit_status;
mod endorse;
mod evaluate;
mod events;
mod failure;
mod plan;
mod submit;

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use hlf_proto::gateway::gateway_server::Gateway;
use hlf_proto::gateway::{
    ChaincodeEventsResponse, CommitStatusResponse, EndorseRequest, EndorseResponse, EvaluateRequest,
    EvaluateResponse, SignedChaincodeEventsRequest, SignedCommitStatusRequest, SubmitRequest, SubmitResponse,
};
use hlf_proto::protos::{ProposalResponse, SignedProposal};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::order::orderer::Orderer;
use crate::peer::channel::Channel;
use crate::peer::endorser::Endorser;

use failure::EndorserFailure;

/// One organisation's gateway.
#[derive(Debug, Clone)]
pub(crate) struct GatewayService {
    /// The gateway's own peer.
    pub(crate) local: Arc<Endorser>,
    /// All peers, the own one among them.
    pub(crate) endorsers: Arc<Vec<Arc<Endorser>>>,
    /// The channel.
    pub(crate) channel: Arc<Channel>,
    /// Where transactions go.
    pub(crate) orderer: Orderer,
    /// Ends everything that waits.
    pub(crate) shutdown: CancellationToken,
}

impl GatewayService {
    /// The peers of all organisations that have the chaincode, the own one first.
    fn endorsers_of(&self, channel: &str, chaincode: &str) -> Vec<&Arc<Endorser>> {
        let mut found: Vec<_> = self
            .endorsers
            .iter()
            .filter(|endorser| endorser.channel.name == channel && endorser.has(chaincode))
            .collect();
        found.sort_by_key(|endorser| endorser.msp_id != self.local.msp_id);
        found
    }

    /// Has a peer process a proposal; the own one in process, others as if over the network.
    async fn process(
        &self,
        endorser: &Arc<Endorser>,
        proposal: &SignedProposal,
    ) -> Result<ProposalResponse, EndorserFailure> {
        let local = endorser.msp_id == self.local.msp_id;
        failure::judge(endorser, endorser.process(proposal).await, local)
    }
}

type EventStream = Pin<Box<dyn Stream<Item = Result<ChaincodeEventsResponse, Status>> + Send>>;

#[async_trait::async_trait]
impl Gateway for GatewayService {
    type ChaincodeEventsStream = EventStream;

    async fn endorse(&self, request: Request<EndorseRequest>) -> Result<Response<EndorseResponse>, Status> {
        endorse::endorse(self, request.into_inner()).await.map(Response::new)
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        submit::submit(self, request.into_inner()).await.map(Response::new)
    }

    async fn commit_status(
        &self,
        request: Request<SignedCommitStatusRequest>,
    ) -> Result<Response<CommitStatusResponse>, Status> {
        commit_status::commit_status(self, &request.into_inner()).await.map(Response::new)
    }

    async fn evaluate(
        &self,
        request: Request<EvaluateRequest>,
    ) -> Result<Response<EvaluateResponse>, Status> {
        evaluate::evaluate(self, request.into_inner()).await.map(Response::new)
    }

    async fn chaincode_events(
        &self,
        request: Request<SignedChaincodeEventsRequest>,
    ) -> Result<Response<EventStream>, Status> {
        events::chaincode_events(self, &request.into_inner()).map(Response::new)
    }
}

/// The gateway is stopping.
pub(crate) fn stopping() -> Status {
    Status::unavailable("the network is stopping")
}
