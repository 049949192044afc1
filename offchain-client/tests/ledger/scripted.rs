//! A gateway peer that ends each stage as a test has written down, and well where nothing is written.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures::stream::{self, Stream, StreamExt as _};
use hlf_proto::common::{Envelope, Header, Payload};
use hlf_proto::gateway::gateway_server::{Gateway, GatewayServer};
use hlf_proto::gateway::{
    ChaincodeEventsResponse, CommitStatusResponse, EndorseRequest, EndorseResponse, ErrorDetail,
    EvaluateRequest, EvaluateResponse, SignedChaincodeEventsRequest, SignedCommitStatusRequest,
    SubmitRequest, SubmitResponse,
};
use hlf_proto::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeProposalPayload, Proposal,
    ProposalResponsePayload, Response as Reply, SignedProposal, Transaction, TransactionAction,
};
use hlf_proto::{Any, Message, google};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

/// What is written for the stages to come, and what was asked so far.
#[derive(Default)]
pub(crate) struct Script {
    /// The contract's reply to every call.
    pub(crate) reply: Vec<u8>,
    pub(crate) endorse: VecDeque<Status>,
    /// Takes proposals and never answers, as a process that is stopped.
    pub(crate) hangs: bool,
    pub(crate) submit: VecDeque<Status>,
    /// A validation code, or no answer.
    pub(crate) commit: VecDeque<Result<i32, Status>>,
    pub(crate) events: Vec<ChaincodeEventsResponse>,
    /// Ids of the transactions proposed, handed in and asked for, in order.
    pub(crate) proposed: Vec<String>,
    pub(crate) handed_in: Vec<String>,
    pub(crate) asked_for: usize,
    /// Organisations that a read was addressed to.
    pub(crate) read_from: Vec<Vec<String>>,
}

/// The peer's address and what it goes by.
pub(crate) struct ScriptedPeer {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl ScriptedPeer {
    /// Starts a peer whose certificate is `tls.pem` in a folder of its own.
    pub(crate) fn start(folder: &Path, script: Script) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["peer0.bank.lockstep.test".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        std::fs::write(folder.join("tls.pem"), &certificate).unwrap();

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(script));
        let service = GatewayServer::new(Service(Arc::clone(&script)));
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key.serialize_pem()));
        let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener).unwrap());
        let server = Server::builder().tls_config(tls).unwrap().add_service(service);
        tokio::spawn(server.serve_with_incoming(incoming));
        Self { address, script }
    }

    /// Looks at what was asked.
    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Script) -> T) -> T {
        look(&self.script.lock().unwrap())
    }
}

/// A status as Fabric's gateway makes it: with what one peer said.
pub(crate) fn said(code: Code, msp_id: &str, message: &str) -> Status {
    let detail = ErrorDetail {
        address: "peer:7051".to_owned(),
        msp_id: msp_id.to_owned(),
        message: message.to_owned(),
    };
    let detail =
        Any { type_url: "type.googleapis.com/gateway.ErrorDetail".to_owned(), value: detail.encode_to_vec() };
    let text = "failed to endorse transaction, see attached details for more info";
    let encoded = google::rpc::Status { code: code.into(), message: text.to_owned(), details: vec![detail] };
    Status::with_details(code, text, encoded.encode_to_vec().into())
}

struct Service(Arc<Mutex<Script>>);

type Events = Pin<Box<dyn Stream<Item = Result<ChaincodeEventsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Gateway for Service {
    type ChaincodeEventsStream = Events;

    async fn evaluate(
        &self,
        request: Request<EvaluateRequest>,
    ) -> Result<Response<EvaluateResponse>, Status> {
        let mut script = self.0.lock().unwrap();
        script.read_from.push(request.into_inner().target_organizations);
        Ok(Response::new(EvaluateResponse { result: Some(reply(&script.reply)) }))
    }

    async fn endorse(&self, request: Request<EndorseRequest>) -> Result<Response<EndorseResponse>, Status> {
        let request = request.into_inner();
        let hangs = {
            let mut script = self.0.lock().unwrap();
            script.proposed.push(request.transaction_id);
            script.hangs
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        let mut script = self.0.lock().unwrap();
        match script.endorse.pop_front() {
            Some(status) => Err(status),
            None => {
                let envelope = endorsed(&request.proposed_transaction.unwrap(), &script.reply);
                Ok(Response::new(EndorseResponse { prepared_transaction: Some(envelope) }))
            }
        }
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        let mut script = self.0.lock().unwrap();
        script.handed_in.push(request.into_inner().transaction_id);
        script.submit.pop_front().map_or(Ok(Response::new(SubmitResponse {})), Err)
    }

    async fn commit_status(
        &self,
        _request: Request<SignedCommitStatusRequest>,
    ) -> Result<Response<CommitStatusResponse>, Status> {
        let mut script = self.0.lock().unwrap();
        script.asked_for += 1;
        let result = script.commit.pop_front().unwrap_or(Ok(0))?;
        Ok(Response::new(CommitStatusResponse { result, block_number: 7 }))
    }

    async fn chaincode_events(
        &self,
        _request: Request<SignedChaincodeEventsRequest>,
    ) -> Result<Response<Events>, Status> {
        let events = std::mem::take(&mut self.0.lock().unwrap().events);
        Ok(Response::new(stream::iter(events).map(Ok).chain(stream::pending()).boxed()))
    }
}

fn reply(payload: &[u8]) -> Reply {
    Reply { status: 200, message: String::new(), payload: payload.to_vec() }
}

/// The proposal as a transaction in which the contract has given this reply.
fn endorsed(signed: &SignedProposal, payload: &[u8]) -> Envelope {
    let proposal = Proposal::decode(signed.proposal_bytes.as_slice()).unwrap();
    let header = Header::decode(proposal.header.as_slice()).unwrap();
    let input = ChaincodeProposalPayload::decode(proposal.payload.as_slice()).unwrap().input;
    let effect = ChaincodeAction { response: Some(reply(payload)), ..ChaincodeAction::default() };
    let response = ProposalResponsePayload { proposal_hash: Vec::new(), extension: effect.encode_to_vec() };
    let endorsed = ChaincodeEndorsedAction {
        proposal_response_payload: response.encode_to_vec(),
        ..ChaincodeEndorsedAction::default()
    };
    let action = ChaincodeActionPayload {
        chaincode_proposal_payload: ChaincodeProposalPayload { input, ..Default::default() }.encode_to_vec(),
        action: Some(endorsed),
    };
    let action =
        TransactionAction { header: header.signature_header.clone(), payload: action.encode_to_vec() };
    let data = Transaction { actions: vec![action] }.encode_to_vec();
    Envelope { payload: Payload { header: Some(header), data }.encode_to_vec(), signature: Vec::new() }
}
