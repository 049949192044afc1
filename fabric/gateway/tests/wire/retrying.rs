//! Trying again by the rules.

use std::collections::BTreeSet;
use std::time::Duration;

use hlf_gateway::{Backoff, Code, Contract, Nonce, Retrying, TransactionError, TxValidationCode};

use crate::caller::Caller;
use crate::peer::{Answer, Peer, committed, status};

const QUICK: Backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(5));

fn start() -> (Peer, Contract, Retrying) {
    let (peer, caller) = (Peer::start(), Caller::new());
    let contract = caller.gateway(&peer.address).network("payments").contract("basic");
    (peer, contract, Retrying::default().with_attempts(3).with_backoff(QUICK))
}

fn ids(peer: &Peer) -> BTreeSet<String> {
    peer.seen().endorse.into_iter().map(|request| request.transaction_id).collect()
}

#[tokio::test]
async fn a_conflict_is_proposed_afresh() {
    let (peer, contract, retrying) = start();
    for code in [TxValidationCode::MvccReadConflict, TxValidationCode::PhantomReadConflict] {
        peer.next_commit_status(Answer::With(committed(code.into())));
    }
    contract.proposal("Write").submit_retrying(retrying).await.unwrap();
    assert_eq!(ids(&peer).len(), 3, "each proposal has its own transaction id");

    for _ in 0..3 {
        peer.next_commit_status(Answer::With(committed(TxValidationCode::MvccReadConflict.into())));
    }
    let error = contract.proposal("Write").submit_retrying(retrying).await.unwrap_err();
    assert!(matches!(error, TransactionError::Invalid(_)), "{error:?}");
    assert_eq!(peer.seen().endorse.len(), 6, "the attempts are bounded");
}

#[tokio::test]
async fn an_unlucky_endorsement_is_proposed_afresh_and_a_refusal_is_not() {
    let (peer, contract, retrying) = start();
    peer.next_endorse(Answer::Fail(status(Code::Aborted, "failed", &[("p", "M", "no agreement")])));
    contract.proposal("Write").submit_retrying(retrying).await.unwrap();
    assert_eq!(ids(&peer).len(), 2);

    peer.next_endorse(Answer::Fail(status(
        Code::Aborted,
        "failed",
        &[("p", "M", "chaincode response 500, no")],
    )));
    let error = contract.proposal("Write").submit_retrying(retrying).await.unwrap_err();
    assert_eq!(error.chaincode_message(), Some("no"));
    assert_eq!(peer.seen().endorse.len(), 3);
}

/// What may be ordered is submitted again, the very same, and never replaced.
#[tokio::test]
async fn a_submit_without_answer_is_made_again() {
    let (peer, contract, retrying) = start();
    peer.next_submit(Answer::Fail(status(Code::Unavailable, "no orderer answered", &[])));
    contract.proposal("Write").submit_retrying(retrying).await.unwrap();
    let seen = peer.seen();
    assert_eq!((seen.endorse.len(), seen.submit.len()), (1, 2));
    assert_eq!(seen.submit[0], seen.submit[1]);

    // Without an answer to the end: its status tells.
    for _ in 0..3 {
        peer.next_submit(Answer::Fail(status(Code::Unavailable, "no orderer answered", &[])));
    }
    contract.proposal("Write").submit_retrying(retrying).await.unwrap();
    let seen = peer.seen();
    assert_eq!((seen.endorse.len(), seen.submit.len(), seen.commit_status.len()), (2, 5, 2));

    // One that may be ordered stays so, whatever a later answer says.
    peer.next_submit(Answer::Fail(status(Code::Unavailable, "no orderer answered", &[])));
    peer.next_submit(Answer::Fail(status(Code::Aborted, "failed", &[("o", "M", "bad request")])));
    contract.proposal("Write").submit_retrying(retrying).await.unwrap();

    peer.next_submit(Answer::Fail(status(Code::Aborted, "failed", &[("o", "M", "bad request")])));
    let error = contract.proposal("Write").submit_retrying(retrying).await.unwrap_err();
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn an_unknown_end_is_asked_for_again_and_never_replaced() {
    let (peer, contract, retrying) = start();
    peer.next_commit_status(Answer::Fail(status(Code::Unavailable, "going down", &[])));
    contract.proposal("Write").submit_retrying(retrying).await.unwrap();

    for _ in 0..3 {
        peer.next_commit_status(Answer::Fail(status(Code::Unavailable, "going down", &[])));
    }
    let error = contract.proposal("Write").submit_retrying(retrying).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error:?}");
    let seen = peer.seen();
    assert_eq!((seen.endorse.len(), seen.submit.len(), seen.commit_status.len()), (2, 2, 5));
}

#[tokio::test]
async fn a_read_is_asked_for_again() {
    let (peer, contract, retrying) = start();
    peer.next_evaluate(Answer::Fail(status(Code::Unknown, "too many requests", &[])));
    assert_eq!(contract.proposal("Read").evaluate_retrying(retrying).await.unwrap(), b"Read");
    peer.next_evaluate(Answer::Fail(status(Code::Unknown, "chaincode response 500, no", &[])));
    let error = contract.proposal("Read").evaluate_retrying(retrying).await.unwrap_err();
    assert_eq!(error.chaincode_message(), Some("no"));
    assert_eq!(peer.seen().evaluate.len(), 3);
}

#[tokio::test]
async fn a_proposal_with_a_chosen_id_is_not_made_anew_and_patience_ends() {
    let (peer, contract, retrying) = start();
    let conflict = || Answer::With(committed(TxValidationCode::MvccReadConflict.into()));
    peer.next_commit_status(conflict());
    let proposal = contract.proposal("Write").nonce(Nonce::from([7; 24]));
    assert!(proposal.submit_retrying(retrying).await.is_err());
    assert_eq!(peer.seen().endorse.len(), 1);

    peer.next_commit_status(conflict());
    let impatient = retrying.with_patience(Duration::ZERO);
    assert!(contract.proposal("Write").submit_retrying(impatient).await.is_err());
    assert_eq!(peer.seen().endorse.len(), 2);
}
