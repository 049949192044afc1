//! Every way to fail: code, details, transaction id, and what to do next.

use std::error::Error;

use hlf_gateway::{
    Code, Contract, MalformedMessage, Network, Origin, Retry, StageCause, TransactionError, TxValidationCode,
};
use hlf_proto::gateway::{EndorseResponse, EvaluateResponse};

use crate::caller::Caller;
use crate::peer::{Answer, Peer, committed, endorsed, status};

const PEER: &str = "peer0.client:7051";

fn start() -> (Peer, Network, Contract) {
    let peer = Peer::start();
    let network = Caller::new().gateway(&peer.address).network("payments");
    let contract = network.contract("basic");
    (peer, network, contract)
}

#[tokio::test]
async fn a_refusal_of_the_chaincode_is_told_in_its_own_words_from_endorse() {
    let (peer, _, contract) = start();
    let said = "chaincode response 500, LS12 OpenTooLate: it is past open-by";
    let message = "failed to endorse transaction, see attached details for more info";
    peer.next_endorse(Answer::Fail(status(Code::Aborted, message, &[(PEER, "ClientMSP", said)])));

    let proposal = contract.proposal("Open").build();
    let error = proposal.endorse().await.unwrap_err();
    assert_eq!(error.chaincode_message(), Some("LS12 OpenTooLate: it is past open-by"));
    assert_eq!(error.code(), Some(Code::Aborted));
    assert_eq!(error.transaction_id(), proposal.transaction_id());
    assert_eq!(error.retry(), Retry::Never);
    let detail = &error.details()[0];
    assert_eq!(
        (detail.address.as_str(), detail.msp_id.as_str(), detail.message.as_str()),
        (PEER, "ClientMSP", said)
    );
    assert_eq!(error.to_string(), format!("could not endorse transaction {}", proposal.transaction_id()));
    let cause = error.source().unwrap();
    assert_eq!(cause.to_string(), format!("ABORTED: {message} [{PEER} (ClientMSP): {said}]"));
    assert!(cause.source().is_none());
    let StageCause::Call(call) = error.cause() else { panic!("{error:?}") };
    assert_eq!((call.origin(), call.message()), (Origin::Peer, message));
}

#[tokio::test]
async fn a_refusal_of_the_chaincode_is_told_in_its_own_words_from_evaluate() {
    let (peer, _, contract) = start();
    let said = "chaincode response 404, no such channel, sorry";
    let message = format!("evaluate call to endorser returned error: {said}");
    peer.next_evaluate(Answer::Fail(status(Code::Unknown, &message, &[(PEER, "ClientMSP", said)])));
    let error = contract.evaluate("Channel", ["x"]).await.unwrap_err();
    assert_eq!(error.chaincode_message(), Some("no such channel, sorry"));
    assert_eq!(error.code(), Some(Code::Unknown));
    assert_eq!(error.transaction_id().as_str(), peer.seen().evaluate[0].transaction_id);
    assert_eq!(error.details().len(), 1);
    assert_eq!(error.retry(), Retry::Never);
}

#[tokio::test]
async fn all_details_are_kept_and_foreign_ones_skipped() {
    let (peer, _, contract) = start();
    let details = [(PEER, "ClientMSP", "one"), ("peer0.vendor:7051", "VendorMSP", "two")];
    peer.next_endorse(Answer::Fail(status(Code::Aborted, "failed", &details)));
    let error = contract.proposal("Open").build().endorse().await.unwrap_err();
    let messages: Vec<_> = error.details().iter().map(|detail| detail.message.as_str()).collect();
    assert_eq!(messages, ["one", "two"]);
    assert_eq!(error.chaincode_message(), None);

    // Details that are no protobuf do not hide the code.
    let junk = tonic::Status::with_details(Code::Aborted, "failed", (&b"\xff\xff"[..]).into());
    peer.next_endorse(Answer::Fail(junk));
    let error = contract.proposal("Open").build().endorse().await.unwrap_err();
    assert_eq!((error.code(), error.details()), (Some(Code::Aborted), &[][..]));
}

#[tokio::test]
async fn after_a_failed_evaluate() {
    let (peer, _, contract) = start();
    let gone = "rpc error: code = Unavailable desc = connection error";
    let rejected = "rpc error: code = Unknown desc = error validating proposal: access denied";
    let cases = [
        (Code::Unknown, "too many requests, exceeding concurrency limit (500)", None, Retry::SameRequest),
        (Code::Unavailable, "failed to evaluate", Some(gone), Retry::SameRequest),
        (Code::Unavailable, "failed to evaluate", Some(rejected), Retry::Never),
        (Code::Aborted, "failed to evaluate", Some("timeout expired"), Retry::SameRequest),
        (Code::FailedPrecondition, "no endorsers found", None, Retry::SameRequest),
        (
            Code::FailedPrecondition,
            "failed to evaluate",
            Some("duplicate transaction found [1]"),
            Retry::Never,
        ),
        (Code::InvalidArgument, "an evaluate request is required", None, Retry::Never),
        (Code::DeadlineExceeded, "evaluate timeout expired", None, Retry::SameRequest),
    ];
    for (code, message, detail, expected) in cases {
        let details: Vec<_> = detail.into_iter().map(|detail| (PEER, "ClientMSP", detail)).collect();
        peer.next_evaluate(Answer::Fail(status(code, message, &details)));
        let error = contract.evaluate("Read", ["x"]).await.unwrap_err();
        assert_eq!((error.code(), error.retry()), (Some(code), expected), "{message} {detail:?}");
    }
}

#[tokio::test]
async fn after_a_failed_endorse() {
    let (peer, _, contract) = start();
    let duplicate = "error validating proposal: duplicate transaction found [1234]. Creator [..]";
    let cases = [
        (Code::Aborted, Some("ProposalResponsePayloads do not match"), Retry::NewProposal),
        (Code::Aborted, Some(duplicate), Retry::SameTransaction),
        (Code::Unavailable, None, Retry::NewProposal),
        (Code::FailedPrecondition, None, Retry::NewProposal),
        (Code::DeadlineExceeded, None, Retry::NewProposal),
        (Code::PermissionDenied, None, Retry::Never),
        (Code::Unimplemented, None, Retry::Never),
    ];
    for (code, detail, expected) in cases {
        let details: Vec<_> = detail.into_iter().map(|detail| (PEER, "ClientMSP", detail)).collect();
        peer.next_endorse(Answer::Fail(status(code, "failed", &details)));
        let error = contract.proposal("Open").build().endorse().await.unwrap_err();
        assert_eq!((error.code(), error.retry()), (Some(code), expected), "{detail:?}");
    }
}

#[tokio::test]
async fn after_a_failed_submit() {
    let (peer, _, contract) = start();
    let transaction = contract.proposal("Open").build().endorse().await.unwrap();
    let cases = [
        (Code::Unavailable, Retry::SameTransaction, true),
        (Code::DeadlineExceeded, Retry::SameTransaction, true),
        (Code::Unknown, Retry::SameTransaction, true),
        (Code::FailedPrecondition, Retry::SameTransaction, false),
        (Code::Aborted, Retry::Never, false),
        (Code::InvalidArgument, Retry::Never, false),
    ];
    for (code, retry, unknown) in cases {
        peer.next_submit(Answer::Fail(status(
            code,
            "failed",
            &[("orderer:7050", "OrdererMSP", "no Raft leader")],
        )));
        let error = transaction.submit().await.unwrap_err();
        assert_eq!((error.code(), error.retry(), error.outcome_unknown()), (Some(code), retry, unknown));
        assert_eq!(error.transaction_id(), transaction.transaction_id());
        assert_eq!(error.details()[0].message, "no Raft leader");
    }
    // It is not too late.
    transaction.submit().await.unwrap();
}

#[tokio::test]
async fn after_a_failed_question_for_the_commit_status() {
    let (peer, network, _) = start();
    let commit = network.commit("some-id");
    let cases = [
        (Code::PermissionDenied, Retry::Never),
        (Code::NotFound, Retry::Never),
        (Code::Aborted, Retry::SameRequest),
        (Code::Unavailable, Retry::SameRequest),
    ];
    for (code, retry) in cases {
        peer.next_commit_status(Answer::Fail(status(code, "failed", &[])));
        let error = commit.status().await.unwrap_err();
        assert_eq!((error.code(), error.retry()), (Some(code), retry));
        assert_eq!(error.transaction_id().as_str(), "some-id");
    }
    assert_eq!(commit.status().await.unwrap().block_number(), 7);
}

#[tokio::test]
async fn a_transaction_that_is_not_valid_is_an_error_with_its_code() {
    let (peer, network, contract) = start();
    peer.next_commit_status(Answer::With(committed(TxValidationCode::MvccReadConflict.into())));
    let error = contract.submit("Open", [""; 0]).await.unwrap_err();
    let TransactionError::Invalid(invalid) = &error else { panic!("{error:?}") };
    assert_eq!(invalid.code(), TxValidationCode::MvccReadConflict.into());
    assert_eq!(invalid.block_number(), 7);
    assert_eq!(invalid.transaction_id().as_str(), peer.seen().submit[0].transaction_id);
    assert_eq!((error.retry(), error.outcome_unknown()), (Retry::NewProposal, false));
    assert!(error.to_string().ends_with("is in block 7 but not valid: MVCC_READ_CONFLICT (11)"), "{error}");

    let cases = [
        (TxValidationCode::PhantomReadConflict.into(), Retry::NewProposal),
        (TxValidationCode::EndorsementPolicyFailure.into(), Retry::NewProposal),
        (TxValidationCode::BadCreatorSignature.into(), Retry::Never),
        // A code of a later Fabric.
        (99, Retry::Never),
    ];
    for (number, retry) in cases {
        peer.next_commit_status(Answer::With(committed(number)));
        let error = network.commit("some-id").status().await.unwrap().into_valid().unwrap_err();
        assert_eq!((error.code().number(), error.retry()), (number, retry));
    }
}

#[tokio::test]
async fn a_transaction_with_unknown_outcome_is_handed_back() {
    let (peer, _, contract) = start();
    peer.next_submit(Answer::Fail(status(Code::Unavailable, "no orderers could successfully process", &[])));
    let error = contract.submit("Open", ["x"]).await.unwrap_err();
    assert!(error.outcome_unknown());
    assert_eq!((error.code(), error.retry()), (Some(Code::Unavailable), Retry::SameTransaction));
    let TransactionError::Submit { transaction, .. } = error else { panic!("{error:?}") };
    assert_eq!(transaction.result(), b"Open x");
    let ending = transaction.submit().await.unwrap().status().await.unwrap();
    assert!(ending.code().is_valid());
    let seen = peer.seen();
    assert_eq!(seen.endorse.len(), 1);
    assert_eq!(seen.submit[0], seen.submit[1]);

    peer.next_commit_status(Answer::Fail(status(Code::Unavailable, "failed", &[])));
    let error = contract.submit("Open", ["y"]).await.unwrap_err();
    assert!(error.outcome_unknown());
    let TransactionError::CommitStatus { transaction, .. } = error else { panic!("{error:?}") };
    let ending = transaction.commit().status().await.unwrap();
    assert!(ending.code().is_valid());
    assert_eq!(peer.seen().submit.len(), 3);
}

/// A gateway peer puts the transaction together that the client then signs. It gets no signature under another one.
#[tokio::test]
async fn a_transaction_that_was_not_proposed_is_not_signed() {
    let (peer, _, contract) = start();
    contract.evaluate("Pay", ["all", "to the peer"]).await.unwrap();
    let foreign = endorsed(peer.seen().evaluate[0].proposed_transaction.as_ref().unwrap());
    peer.next_endorse(Answer::With(EndorseResponse { prepared_transaction: Some(foreign) }));
    let error = contract.submit("Pay", ["little"]).await.unwrap_err();
    let TransactionError::Endorse(error) = &error else { panic!("{error:?}") };
    assert!(
        matches!(error.cause(), StageCause::Reply(MalformedMessage::NotAsProposed { what: "header" })),
        "{error:?}"
    );
    assert!(peer.seen().submit.is_empty());
}

#[tokio::test]
async fn answers_without_sense_are_errors() {
    let (peer, _, contract) = start();
    peer.next_evaluate(Answer::With(EvaluateResponse { result: None }));
    let error = contract.evaluate("Read", [""; 0]).await.unwrap_err();
    assert!(matches!(error.cause(), StageCause::Reply(MalformedMessage::Missing { .. })));
    assert_eq!((error.code(), error.retry()), (None, Retry::Never));

    let junk = hlf_proto::common::Envelope { payload: b"junk".to_vec(), signature: Vec::new() };
    for envelope in [None, Some(hlf_proto::common::Envelope::default()), Some(junk)] {
        peer.next_endorse(Answer::With(EndorseResponse { prepared_transaction: envelope }));
        let error = contract.proposal("Open").build().endorse().await.unwrap_err();
        assert!(matches!(error.cause(), StageCause::Reply(_)), "{error:?}");
    }
}
