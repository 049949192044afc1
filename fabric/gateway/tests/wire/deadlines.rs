//! A peer that never answers.

use std::time::{Duration, Instant};

use hlf_gateway::{
    Backoff, CallError, Code, ConnectOptions, Deadlines, Endpoint, Gateway, Origin, Retry, Retrying,
    StageCause, TransactionError,
};

use crate::caller::Caller;
use crate::peer::{Answer, Peer, status};

const SHORT: Duration = Duration::from_millis(150);

/// Deadlines so long that a test which waits for one of them fails.
const LONG: Deadlines = Deadlines::DEFAULT
    .with_evaluate(Duration::from_secs(600))
    .with_endorse(Duration::from_secs(600))
    .with_submit(Duration::from_secs(600))
    .with_commit_status(Duration::from_secs(600));

fn start() -> (Peer, Gateway) {
    let peer = Peer::start();
    let gateway = Caller::new().gateway(&peer.address);
    (peer, gateway)
}

fn check(cause: &StageCause) -> &CallError {
    let StageCause::Call(call) = cause else { panic!("{cause:?}") };
    assert_eq!((call.code(), call.origin()), (Code::DeadlineExceeded, Origin::Deadline));
    call
}

#[tokio::test]
async fn an_evaluate_ends_at_its_deadline() {
    let (peer, gateway) = start();
    peer.next_evaluate(Answer::Never);
    let gateway = gateway.with_deadlines(LONG.with_evaluate(SHORT));
    let started = Instant::now();
    let error = gateway.network("payments").contract("basic").evaluate("Read", ["x"]).await.unwrap_err();
    assert!(started.elapsed() >= SHORT);
    check(error.cause());
    assert_eq!(error.code(), Some(Code::DeadlineExceeded));
    assert_eq!(error.retry(), Retry::SameRequest);
}

#[tokio::test]
async fn an_endorse_ends_at_its_deadline() {
    let (peer, gateway) = start();
    peer.next_endorse(Answer::Never);
    let gateway = gateway.with_deadlines(LONG.with_endorse(SHORT));
    let error = gateway.network("payments").contract("basic").submit("Open", ["x"]).await.unwrap_err();
    let TransactionError::Endorse(error) = error else { panic!("{error:?}") };
    check(error.cause());
    assert_eq!(error.retry(), Retry::NewProposal);
}

#[tokio::test]
async fn a_submit_ends_at_its_deadline_with_the_outcome_unknown() {
    let (peer, gateway) = start();
    peer.next_submit(Answer::Never);
    let gateway = gateway.with_deadlines(LONG.with_submit(SHORT));
    let error = gateway.network("payments").contract("basic").submit("Open", ["x"]).await.unwrap_err();
    let TransactionError::Submit { error, transaction } = error else { panic!("{error:?}") };
    check(error.cause());
    assert_eq!((error.retry(), error.outcome_unknown()), (Retry::SameTransaction, true));
    let status = transaction.commit().status().await.unwrap();
    assert!(status.code().is_valid());
}

#[tokio::test]
async fn a_question_for_the_commit_status_ends_at_its_deadline() {
    let (peer, gateway) = start();
    peer.next_commit_status(Answer::Never);
    let gateway = gateway.with_deadlines(LONG.with_commit_status(SHORT));
    let commit = gateway.network("payments").commit("some-id");
    let error = commit.status().await.unwrap_err();
    check(error.cause());
    assert_eq!(error.retry(), Retry::SameRequest);
    assert!(commit.status().await.is_ok());
}

/// A caller with a bound of its own drops the call before the deadline: it must not meet the same silent peer each time.
#[tokio::test]
async fn a_call_that_is_given_up_leaves_the_silent_peer_behind() {
    let (silent, other) = (Peer::start(), Peer::start());
    let endpoints = [&silent, &other].map(|peer| Endpoint::plaintext(&peer.address));
    let gateway = Caller::new().builder().endpoints(endpoints).connect().await.unwrap();
    let contract = gateway.with_deadlines(LONG).network("payments").contract("basic");
    contract.evaluate("Read", ["x"]).await.unwrap();
    assert_eq!(silent.seen().evaluate.len(), 1);

    silent.next_endorse(Answer::Never);
    let given_up = tokio::time::timeout(SHORT, contract.submit("Open", ["x"])).await;
    assert!(given_up.is_err(), "{given_up:?}");
    silent.next_endorse(Answer::Never);
    contract.submit("Open", ["x"]).await.unwrap();
    assert_eq!((silent.seen().endorse.len(), other.seen().submit.len()), (1, 1));
}

/// A call has its own deadlines if it is given some, and keeps them through its stages.
#[tokio::test]
async fn one_call_waits_less_than_the_others() {
    let (peer, gateway) = start();
    let contract = gateway.with_deadlines(LONG).network("payments").contract("basic");
    peer.next_evaluate(Answer::Never);
    let proposal = contract.proposal("Read").deadlines(LONG.with_evaluate(SHORT));
    check(proposal.evaluate().await.unwrap_err().cause());

    peer.next_commit_status(Answer::Never);
    let proposal = contract.proposal("Write").build().with_deadlines(LONG.with_commit_status(SHORT));
    let commit = proposal.endorse().await.unwrap().submit().await.unwrap();
    check(commit.status().await.unwrap_err().cause());
}

/// "As long as it takes" is said with the longest time there is.
#[tokio::test]
async fn times_without_end_are_taken() {
    const ENDLESS: Duration = Duration::MAX;
    let (peer, caller) = (Peer::start(), Caller::new());
    let deadlines = LONG
        .with_evaluate(ENDLESS)
        .with_endorse(ENDLESS)
        .with_submit(ENDLESS)
        .with_commit_status(ENDLESS)
        .with_administer(ENDLESS);
    let options = ConnectOptions::default().with_connect_timeout(ENDLESS).with_keepalive(ENDLESS, ENDLESS);
    let endpoint = Endpoint::plaintext(peer.address.clone());
    let gateway = caller.builder().endpoint(endpoint).options(options).connect().await.unwrap();
    let contract = gateway.with_deadlines(deadlines).network("payments").contract("basic");
    contract.evaluate("Read", ["x"]).await.unwrap();
    contract.submit("Write", ["x"]).await.unwrap();

    let retrying = Retrying::default().with_patience(ENDLESS).with_backoff(Backoff::new(ENDLESS, ENDLESS));
    peer.next_evaluate(Answer::Fail(status(Code::Unavailable, "busy", &[])));
    let again = contract.proposal("Read").evaluate_retrying(retrying);
    let waiting = tokio::time::timeout(SHORT, again).await;
    assert!(waiting.is_err(), "the next attempt is in thirty years");
    let last = retrying.with_attempts(1);
    peer.next_evaluate(Answer::Fail(status(Code::Unavailable, "busy", &[])));
    assert!(contract.proposal("Read").evaluate_retrying(last).await.is_err());
}

#[test]
fn the_defaults_are_those_of_fabrics_samples() {
    let Deadlines { evaluate, endorse, submit, commit_status, .. } = Deadlines::default();
    assert_eq!([evaluate, endorse, submit, commit_status].map(|limit| limit.as_secs()), [5, 15, 5, 60]);
}
