//! A gateway peer for the tests: answers like Fabric unless it is told otherwise.

mod services;

use std::collections::VecDeque;
use std::future::{pending, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt as _};
use hlf_proto::common::{Envelope, Header, Payload};
use hlf_proto::gateway::gateway_server::{Gateway, GatewayServer};
use hlf_proto::gateway::{
    ChaincodeEventsRequest, ChaincodeEventsResponse, CommitStatusResponse, EndorseRequest, EndorseResponse,
    ErrorDetail, EvaluateRequest, EvaluateResponse, SignedChaincodeEventsRequest, SignedCommitStatusRequest,
    SubmitRequest, SubmitResponse,
};
use hlf_proto::orderer::seek_position;
use hlf_proto::protos::deliver_server::DeliverServer;
use hlf_proto::protos::endorser_server::EndorserServer;
use hlf_proto::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeEvent,
    ChaincodeInvocationSpec, ChaincodeProposalPayload, Proposal, ProposalResponse, ProposalResponsePayload,
    Response as ChaincodeResponse, SignedProposal, Transaction, TransactionAction, TxValidationCode,
};
use hlf_proto::{Any, Message, google};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

const LIMIT: usize = 100 * 1024 * 1024;

/// A running peer. It stops, and breaks its connections, when it is dropped.
pub(crate) struct Peer {
    pub(crate) address: String,
    state: Arc<State>,
    runtime: Option<Runtime>,
}

/// How to answer.
pub(crate) enum Answer<T> {
    With(T),
    Fail(Status),
    Never,
}

/// What happens to one stream of events after so many of the ledger's blocks.
pub(crate) enum Cut {
    Fail(Status),
    End,
}

#[derive(Default)]
struct State {
    seen: watch::Sender<Seen>,
    evaluate: Mutex<VecDeque<Answer<EvaluateResponse>>>,
    endorse: Mutex<VecDeque<Answer<EndorseResponse>>>,
    submit: Mutex<VecDeque<Answer<SubmitResponse>>>,
    commit_status: Mutex<VecDeque<Answer<CommitStatusResponse>>>,
    blocks: watch::Sender<Vec<ChaincodeEventsResponse>>,
    cuts: Mutex<VecDeque<(usize, Cut)>>,
    height: watch::Sender<u64>,
    delivery_ends: Mutex<VecDeque<(usize, hlf_proto::common::Status)>>,
    proposals: Mutex<VecDeque<Answer<ProposalResponse>>>,
}

/// The requests that came, in order.
#[derive(Default, Clone)]
pub(crate) struct Seen {
    pub(crate) evaluate: Vec<EvaluateRequest>,
    pub(crate) endorse: Vec<EndorseRequest>,
    pub(crate) submit: Vec<SubmitRequest>,
    pub(crate) commit_status: Vec<SignedCommitStatusRequest>,
    pub(crate) events: Vec<SignedChaincodeEventsRequest>,
    /// To the Deliver services.
    pub(crate) deliver: Vec<Envelope>,
    /// To the endorser itself.
    pub(crate) proposals: Vec<SignedProposal>,
}

impl Peer {
    pub(crate) fn start() -> Self {
        Self::start_at("127.0.0.1:0", None)
    }

    pub(crate) fn start_tls(tls: ServerTlsConfig) -> Self {
        Self::start_at("127.0.0.1:0", Some(tls))
    }

    pub(crate) fn start_at(address: &str, tls: Option<ServerTlsConfig>) -> Self {
        let state = Arc::new(State::default());
        // A runtime of its own, so that all connections end with the peer, as when a process ends.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let service = GatewayServer::new(Service(Arc::clone(&state)))
            .max_decoding_message_size(LIMIT)
            .max_encoding_message_size(LIMIT);
        let deliver = DeliverServer::new(services::Service(Arc::clone(&state)));
        let endorser = EndorserServer::new(services::Service(Arc::clone(&state)))
            .max_decoding_message_size(LIMIT)
            .max_encoding_message_size(LIMIT);
        runtime.spawn(async move {
            let incoming = TcpIncoming::from(TcpListener::from_std(listener).unwrap());
            let mut server = match tls {
                Some(tls) => Server::builder().tls_config(tls).unwrap(),
                None => Server::builder(),
            };
            let server = server.add_service(service).add_service(deliver).add_service(endorser);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        Self { address, state, runtime: Some(runtime) }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.state.seen.borrow().clone()
    }

    /// Waits for requests.
    pub(crate) async fn until(&self, condition: impl Fn(&Seen) -> bool) {
        let mut seen = self.state.seen.subscribe();
        let waiting = seen.wait_for(condition);
        timeout(Duration::from_secs(20), waiting).await.expect("the request never came").unwrap();
    }

    pub(crate) fn next_evaluate(&self, answer: Answer<EvaluateResponse>) {
        lock(&self.state.evaluate).push_back(answer);
    }

    pub(crate) fn next_endorse(&self, answer: Answer<EndorseResponse>) {
        lock(&self.state.endorse).push_back(answer);
    }

    pub(crate) fn next_submit(&self, answer: Answer<SubmitResponse>) {
        lock(&self.state.submit).push_back(answer);
    }

    pub(crate) fn next_commit_status(&self, answer: Answer<CommitStatusResponse>) {
        lock(&self.state.commit_status).push_back(answer);
    }

    /// Adds a block with the events of these transactions to the ledger. (Fabric sends no blocks without events.)
    pub(crate) fn add_block(&self, number: u64, transactions: &[&str]) {
        let event = |id: &&str| ChaincodeEvent {
            chaincode_id: "basic".into(),
            tx_id: (*id).to_owned(),
            event_name: "Done".into(),
            payload: id.as_bytes().to_vec(),
        };
        let events = transactions.iter().map(event).collect();
        self.state
            .blocks
            .send_modify(|blocks| blocks.push(ChaincodeEventsResponse { events, block_number: number }));
    }

    /// Interrupts the next stream of events after so many blocks.
    pub(crate) fn cut_events(&self, after_blocks: usize, cut: Cut) {
        lock(&self.state.cuts).push_back((after_blocks, cut));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Service(Arc<State>);

#[tonic::async_trait]
impl Gateway for Service {
    async fn evaluate(
        &self,
        request: Request<EvaluateRequest>,
    ) -> Result<Response<EvaluateResponse>, Status> {
        let request = request.into_inner();
        self.0.seen.send_modify(|seen| seen.evaluate.push(request.clone()));
        let payload = result(&request.proposed_transaction.unwrap());
        let usual = EvaluateResponse { result: Some(success(payload)) };
        answer(&self.0.evaluate, usual).await
    }

    async fn endorse(&self, request: Request<EndorseRequest>) -> Result<Response<EndorseResponse>, Status> {
        let request = request.into_inner();
        self.0.seen.send_modify(|seen| seen.endorse.push(request.clone()));
        let envelope = endorsed(&request.proposed_transaction.unwrap());
        answer(&self.0.endorse, EndorseResponse { prepared_transaction: Some(envelope) }).await
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        self.0.seen.send_modify(|seen| seen.submit.push(request.into_inner()));
        answer(&self.0.submit, SubmitResponse {}).await
    }

    async fn commit_status(
        &self,
        request: Request<SignedCommitStatusRequest>,
    ) -> Result<Response<CommitStatusResponse>, Status> {
        self.0.seen.send_modify(|seen| seen.commit_status.push(request.into_inner()));
        answer(&self.0.commit_status, committed(TxValidationCode::Valid.into())).await
    }

    type ChaincodeEventsStream = Pin<Box<dyn Stream<Item = Result<ChaincodeEventsResponse, Status>> + Send>>;

    async fn chaincode_events(
        &self,
        request: Request<SignedChaincodeEventsRequest>,
    ) -> Result<Response<Self::ChaincodeEventsStream>, Status> {
        let signed = request.into_inner();
        let request = ChaincodeEventsRequest::decode(signed.request.as_slice()).unwrap();
        let cut = lock(&self.0.cuts).pop_front();
        let ledger = self.0.blocks.subscribe();
        let named = match request.start_position.unwrap().r#type.unwrap() {
            seek_position::Type::Specified(specified) => specified.number,
            seek_position::Type::NextCommit(_) => {
                ledger.borrow().last().map_or(0, |block| block.block_number + 1)
            }
            other => return Err(Status::invalid_argument(format!("invalid start position type: {other:?}"))),
        };
        self.0.seen.send_modify(|seen| seen.events.push(signed));
        let after = request.after_transaction_id;
        let first = block_of(&ledger, &after).unwrap_or(named);
        let blocks = after_transaction(blocks_from(ledger, first), after);
        // Like Fabric: nothing at all, not even headers, before the first event.
        let mut blocks = match cut {
            None => blocks.map(Ok).boxed(),
            Some((count, cut)) => {
                let last = match cut {
                    Cut::Fail(status) => vec![Err(status)],
                    Cut::End => Vec::new(),
                };
                blocks.map(Ok).take(count).chain(stream::iter(last)).boxed()
            }
        };
        let head = blocks.next().await;
        Ok(Response::new(stream::iter(head).chain(blocks).boxed()))
    }
}

/// The ledger's blocks from `first` on, those to come included.
fn blocks_from(
    ledger: watch::Receiver<Vec<ChaincodeEventsResponse>>,
    first: u64,
) -> impl Stream<Item = ChaincodeEventsResponse> + Send {
    stream::unfold((ledger, first), |(mut ledger, next)| async move {
        let found =
            |blocks: &Vec<ChaincodeEventsResponse>| blocks.iter().any(|block| block.block_number >= next);
        let block = {
            let blocks = ledger.wait_for(found).await.ok()?;
            blocks.iter().find(|block| block.block_number >= next).cloned()?
        };
        let after = block.block_number + 1;
        Some((block, (ledger, after)))
    })
}

/// The block in which a transaction has an event.
fn block_of(ledger: &watch::Receiver<Vec<ChaincodeEventsResponse>>, transaction: &str) -> Option<u64> {
    let blocks = ledger.borrow();
    let has = |block: &&ChaincodeEventsResponse| block.events.iter().any(|event| event.tx_id == transaction);
    blocks.iter().find(has).map(|block| block.block_number)
}

/// Like Fabric: nothing before the event of this transaction has passed, wherever that is, and no block without events.
fn after_transaction(
    blocks: impl Stream<Item = ChaincodeEventsResponse> + Send,
    transaction: String,
) -> impl Stream<Item = ChaincodeEventsResponse> + Send {
    let mut passed = transaction.is_empty();
    blocks.filter_map(move |mut block| {
        block.events.retain(|event| {
            let wanted = passed;
            passed |= event.tx_id == transaction;
            wanted
        });
        ready((!block.events.is_empty()).then_some(block))
    })
}

async fn answer<T>(answers: &Mutex<VecDeque<Answer<T>>>, usual: T) -> Result<Response<T>, Status> {
    let next = lock(answers).pop_front();
    match next {
        None => Ok(Response::new(usual)),
        Some(Answer::With(answer)) => Ok(Response::new(answer)),
        Some(Answer::Fail(status)) => Err(status),
        Some(Answer::Never) => pending().await,
    }
}

/// What the peer's chaincode answers: its arguments, joined by blanks.
fn result(proposal: &SignedProposal) -> Vec<u8> {
    call(proposal).join(&b' ')
}

/// The function and the arguments in a proposal.
pub(crate) fn call(proposal: &SignedProposal) -> Vec<Vec<u8>> {
    let payload = proposal_payload(proposal);
    let invocation = ChaincodeInvocationSpec::decode(payload.input.as_slice()).unwrap();
    invocation.chaincode_spec.unwrap().input.unwrap().args
}

pub(crate) fn proposal_payload(proposal: &SignedProposal) -> ChaincodeProposalPayload {
    let proposal = Proposal::decode(proposal.proposal_bytes.as_slice()).unwrap();
    ChaincodeProposalPayload::decode(proposal.payload.as_slice()).unwrap()
}

fn success(payload: Vec<u8>) -> ChaincodeResponse {
    ChaincodeResponse { status: 200, message: String::new(), payload }
}

/// The transaction of a proposal, as a gateway puts it together.
pub(crate) fn endorsed(signed: &SignedProposal) -> Envelope {
    let proposal = Proposal::decode(signed.proposal_bytes.as_slice()).unwrap();
    let header = Header::decode(proposal.header.as_slice()).unwrap();
    let action = ChaincodeAction { response: Some(success(result(signed))), ..Default::default() };
    let response = ProposalResponsePayload { proposal_hash: Vec::new(), extension: action.encode_to_vec() };
    let without_transient =
        ChaincodeProposalPayload { input: proposal_payload(signed).input, ..Default::default() };
    let payload = ChaincodeActionPayload {
        chaincode_proposal_payload: without_transient.encode_to_vec(),
        action: Some(ChaincodeEndorsedAction {
            proposal_response_payload: response.encode_to_vec(),
            endorsements: Vec::new(),
        }),
    };
    let action =
        TransactionAction { header: header.signature_header.clone(), payload: payload.encode_to_vec() };
    let transaction = Transaction { actions: vec![action] };
    let payload = Payload { header: Some(header), data: transaction.encode_to_vec() };
    Envelope { payload: payload.encode_to_vec(), signature: Vec::new() }
}

pub(crate) fn committed(code: i32) -> CommitStatusResponse {
    CommitStatusResponse { result: code, block_number: 7 }
}

/// A status as Fabric's gateway makes it: with a detail for each node.
pub(crate) fn status(code: Code, message: &str, details: &[(&str, &str, &str)]) -> Status {
    let pack = |(address, msp_id, message): &(&str, &str, &str)| Any {
        type_url: "type.googleapis.com/gateway.ErrorDetail".into(),
        value: ErrorDetail {
            address: (*address).to_owned(),
            msp_id: (*msp_id).to_owned(),
            message: (*message).to_owned(),
        }
        .encode_to_vec(),
    };
    let encoded = google::rpc::Status {
        code: code.into(),
        message: message.to_owned(),
        details: details.iter().map(pack).collect(),
    };
    Status::with_details(code, message, encoded.encode_to_vec().into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
