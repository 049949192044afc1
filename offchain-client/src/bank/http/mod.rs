//! The bank's HTTP interface over TLS. Documents: [`super::wire`].
//!
//! Whatever a client sends, the server answers with a problem document at worst: bodies, connections, requests
//! at once and the time of each are bounded, and asking for challenges uses no memory. A request counts among those
//! at once when it is there as a whole: a sender that dawdles keeps nobody out.

mod newcomers;
mod problem;
mod serving;

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, FromRef, FromRequest, Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use lockstep_protocol::account::ProvenAccount;
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::refusal::Refusal;
use rustls::ServerConfig;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tower_http::catch_panic::CatchPanicLayer;

use self::newcomers::Newcomers;
use self::problem::{Failure, Unsaved};
use super::Bank;
use super::books::{Account, MAX_LINES, Statement};
use super::challenge;
use super::wire::{
    ChallengeDocument, CredentialRequest, FraudAnswer, FraudReport, HeldCredential, Info, IssuedCredential,
    Nothing, OpeningDocument, Proven, StatementRequest,
};
use crate::ledger::Ledger;
use crate::listener::{Bounds, TlsListener};

/// Largest body that is read; an opening request has about two kilobytes.
const MAX_BODY: usize = 32 * 1024;

/// What clients may hold, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most requests that are worked on at once; more are told to come back.
    pub requests: usize,
    /// Longest time for a request's head, and for its body.
    pub arrival: Duration,
    /// Longest time for working on one request.
    pub work: Duration,
    /// Most accounts that one network opens in a minute.
    pub new_accounts: u32,
    /// What connections may hold.
    pub connections: Bounds,
}

impl Limits {
    /// What the bank serves with.
    pub const DEFAULT: Self = Self {
        requests: 256,
        arrival: Duration::from_secs(10),
        work: Duration::from_secs(20),
        new_accounts: 60,
        connections: Bounds::DEFAULT,
    };
}

/// Serves until `stop` resolves, or until something cannot be saved, then ends what is being answered.
///
/// # Errors
/// The books or the log cannot be written.
pub async fn serve(
    bank: Arc<Bank>,
    ledger: Arc<dyn Ledger>,
    listener: TcpListener,
    tls: ServerConfig,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_within(Limits::DEFAULT, (bank, ledger), (listener, tls), stop).await
}

/// As [`serve`], within other limits.
pub(super) async fn serve_within(
    limits: Limits,
    (bank, ledger): (Arc<Bank>, Arc<dyn Ledger>),
    (listener, tls): (TcpListener, ServerConfig),
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = TlsListener::new(listener, tls, limits.connections);
    let service = Service { bank, ledger, newcomers: Arc::new(Newcomers::new(limits.new_accounts)) };
    let (tell, mut told) = mpsc::channel(1);
    let router = router(service, limits).layer(from_fn_with_state(tell, tell_unsaved));
    let mut unsaved = None;
    let stop = async {
        tokio::select! {
            () = stop => {}
            reason = told.recv() => unsaved = reason,
        }
    };
    serving::run(listener, router, limits, stop).await;
    match unsaved {
        None => Ok(()),
        Some(reason) => Err(io::Error::new(
            io::ErrorKind::StorageFull,
            format!(
                "the bank cannot save ({reason}); nothing more is granted until it can: check the disk's space and health, then start again"
            ),
        )),
    }
}

/// Tells the server of an answer whose request could not be saved: what was granted before is safe, and nothing more is.
async fn tell_unsaved(State(tell): State<mpsc::Sender<String>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(Unsaved(reason)) = response.extensions().get() {
        // A full queue: it has been told already.
        let _told = tell.try_send(reason.clone());
    }
    response
}

/// The network from which a request comes.
#[derive(Clone, Copy, Debug)]
struct Peer(IpAddr);

/// What handlers work with.
#[derive(Clone)]
struct Service {
    bank: Arc<Bank>,
    ledger: Arc<dyn Ledger>,
    newcomers: Arc<Newcomers>,
}

impl FromRef<Service> for Arc<Bank> {
    fn from_ref(service: &Service) -> Self {
        Self::clone(&service.bank)
    }
}

fn router(service: Service, limits: Limits) -> Router {
    Router::new()
        .route("/v1/info", get(info))
        .route("/v1/challenge", post(issue_challenge))
        .route("/v1/accounts", post(open_account))
        .route("/v1/account", post(account))
        .route("/v1/credentials", post(issue_credential))
        .route("/v1/credential", post(held_credential))
        .route("/v1/openings", post(open))
        .route("/v1/statement", post(statement))
        .route("/v1/channels/{id}/fraud-proof", post(fraud_proof))
        .fallback(async || Failure::NotFound)
        .method_not_allowed_fallback(async || Failure::MethodNotAllowed)
        .layer(from_fn_with_state(limits.work, within_time))
        .layer(from_fn_with_state(Arc::new(Semaphore::new(limits.requests)), within_number))
        .layer(from_fn_with_state(limits.arrival, arrived))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!("a request's handler panicked");
            Failure::Unavailable.into_response()
        }))
        .with_state(service)
}

/// Goes on when the body is there.
async fn arrived(State(time): State<Duration>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let reading = Bytes::from_request(Request::from_parts(head.clone(), body), &());
    match tokio::time::timeout(time, reading).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(head, bytes.into())).await,
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Failure::TooLarge.into_response()
        }
        Ok(Err(_)) => Failure::Body("the body cannot be read".to_owned()).into_response(),
        Err(_) => Failure::TimedOut.into_response(),
    }
}

async fn within_time(State(time): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::TimedOut.into_response(),
    }
}

async fn within_number(State(room): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    match room.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => Failure::Busy.into_response(),
    }
}

async fn info(State(bank): State<Arc<Bank>>) -> Json<Info> {
    Json(bank.info())
}

async fn issue_challenge(State(bank): State<Arc<Bank>>) -> Result<Json<ChallengeDocument>, Failure> {
    let now = bank.clock.now();
    let challenge = bank.challenges.issue(now)?;
    let expires = now.checked_add(challenge::LIFE).unwrap_or(now);
    Ok(Json(ChallengeDocument { challenge, expires }))
}

async fn open_account(
    State(service): State<Service>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<Json<Account>, Failure> {
    let Service { bank, newcomers, .. } = service;
    let (proven, _) = prove::<Nothing>(&bank, body)?;
    // Whoever has an account may ask as often as it likes: keys cost nothing, rows for ever do.
    if let Some(known) = bank.books.account(proven.key()).await? {
        return Ok(Json(known));
    }
    let now = bank.clock.now();
    if !newcomers.let_in(peer.0, now) {
        return Err(Failure::Busy);
    }
    let opened = bank.books.open_account(proven.key(), now).await?;
    Ok(Json(opened.into_account()))
}

async fn account(State(bank): State<Arc<Bank>>, body: Bytes) -> Result<Json<Account>, Failure> {
    let (proven, _) = prove::<Nothing>(&bank, body)?;
    let account = bank.books.account(proven.key()).await?;
    Ok(Json(account.ok_or(Refusal::UnknownAccount)?))
}

async fn issue_credential(
    State(bank): State<Arc<Bank>>,
    body: Bytes,
) -> Result<Json<IssuedCredential>, Failure> {
    let (proven, request) = prove::<CredentialRequest>(&bank, body)?;
    Ok(Json(bank.issue_credential(&proven, request.names.as_deref()).await?))
}

async fn held_credential(
    State(bank): State<Arc<Bank>>,
    body: Bytes,
) -> Result<Json<HeldCredential>, Failure> {
    let (proven, _) = prove::<Nothing>(&bank, body)?;
    Ok(Json(bank.held_credential(&proven).await?))
}

async fn open(State(bank): State<Arc<Bank>>, body: Bytes) -> Result<Json<SignedOpening>, Failure> {
    let (proven, request) = prove::<OpeningDocument>(&bank, body)?;
    // A task of its own: a client that hangs up does not stop the bank between reserve and log.
    let granting = tokio::spawn(async move { bank.grant(&proven, request.signed).await });
    match granting.await {
        Ok(granted) => Ok(Json(granted?)),
        Err(error) => {
            tracing::error!(%error, "granting an opening ended early");
            Err(Failure::Unavailable)
        }
    }
}

async fn statement(State(bank): State<Arc<Bank>>, body: Bytes) -> Result<Json<Statement>, Failure> {
    let (proven, request) = prove::<StatementRequest>(&bank, body)?;
    let limit = request.limit.unwrap_or(MAX_LINES);
    let statement = bank.books.statement(proven.key(), request.after, limit).await?;
    Ok(Json(statement.ok_or(Refusal::UnknownAccount)?))
}

async fn fraud_proof(
    State(service): State<Service>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<FraudAnswer>, Failure> {
    let Service { bank, ledger, .. } = service;
    let (proven, report) = prove::<FraudReport>(&bank, body)?;
    let id: ChannelId = id.parse().map_err(|_| Refusal::MalformedValue)?;
    let bytes = hex::decode(&report.proof).map_err(|_| Refusal::BadFraudProof)?;
    let proof = FraudProof::decode(&bytes).map_err(|_| Refusal::BadFraudProof)?;
    // A task of its own: a vendor that hangs up does not stop the bank between conviction and freeze.
    let taking =
        tokio::spawn(async move { bank.take_fraud_proof(ledger.as_ref(), &proven, id, &proof).await });
    match taking.await {
        Ok(taken) => Ok(Json(taken?)),
        Err(error) => {
            tracing::error!(%error, "taking a fraud proof ended early");
            Err(Failure::Unavailable)
        }
    }
}

/// Reads the document and checks that its sender owns the account's key [Spec §3]. JSON is JSON whatever media type
/// the sender calls it.
fn prove<T: DeserializeOwned>(bank: &Bank, body: Bytes) -> Result<(ProvenAccount, T), Failure> {
    let document: Proven<T> = serde_json::from_slice(&body)
        .map_err(|error| Failure::Body(format!("the body is not the document: {error}")))?;
    let now = bank.clock.now();
    let proven = bank.challenges.redeem(&document.challenge, &document.proof, bank.key(), now)?;
    Ok((proven, document.request))
}
