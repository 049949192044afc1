//! `Endorser`: one peer simulates a proposal and signs the result.

use hlf_proto::protos::endorser_server::Endorser;
use hlf_proto::protos::{ProposalResponse, SignedProposal};
use tonic::{Request, Response, Status};

use super::PeerService;
use crate::peer::endorser::Rejection;

#[async_trait::async_trait]
impl Endorser for PeerService {
    async fn process_proposal(
        &self,
        request: Request<SignedProposal>,
    ) -> Result<Response<ProposalResponse>, Status> {
        let answer = self.endorser.process(&request.into_inner()).await;
        answer.map(Response::new).map_err(|rejection| match rejection {
            Rejection::Filtered(message) | Rejection::Refused(message) => Status::unknown(message),
        })
    }
}
