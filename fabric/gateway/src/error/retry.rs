//! What to do after a failure, by the rules of Fabric's Gateway.

use tonic::Code;

use super::call::{CallError, Origin};
use super::chaincode_message::chaincode_message;
use super::stage::StageCause;
use crate::validation_code::ValidationCode;
use hlf_proto::protos::TxValidationCode;

/// What is safe to do after a failure, and may help. Wait in between, longer each time, and give up at some point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// The same again would end the same.
    Never,
    /// Ask again: nothing can have changed.
    SameRequest,
    /// Start again from a new proposal with a new transaction id: this transaction is not in the ledger and will not be.
    NewProposal,
    /// The transaction may be in the ledger, or come into it yet. Submit the very same transaction again, or ask for
    /// its commit status; do not start another before its end is known.
    SameTransaction,
}

/// After a failed evaluate.
pub(super) fn of_evaluate(cause: &StageCause) -> Retry {
    let StageCause::Call(call) = cause else { return Retry::Never };
    match (call.origin(), call.code()) {
        (_, code) if is_final(code) => Retry::Never,
        (Origin::NotSent | Origin::Broken | Origin::Deadline, _) => Retry::SameRequest,
        (Origin::Peer, _) if chaincode_message(call).is_some() => Retry::Never,
        // Fabric gives these codes to peers that are gone or not found, and to proposals that peers reject.
        (Origin::Peer, Code::Unavailable | Code::FailedPrecondition) if rejected_by_peers(call) => {
            Retry::Never
        }
        (Origin::Peer, _) => Retry::SameRequest,
    }
}

/// After a failed endorse. Nothing has been ordered, unless the transaction was before.
pub(super) fn of_endorse(cause: &StageCause) -> Retry {
    let StageCause::Call(call) = cause else { return Retry::Never };
    if is_duplicate(call) {
        return Retry::SameTransaction;
    }
    if chaincode_message(call).is_some() || is_final(call.code()) { Retry::Never } else { Retry::NewProposal }
}

/// After a failed submit.
pub(super) fn of_submit(cause: &StageCause) -> Retry {
    match cause {
        StageCause::Call(call) if is_final(call.code()) || call.code() == Code::Aborted => Retry::Never,
        StageCause::Call(_) => Retry::SameTransaction,
        StageCause::Sign(_) | StageCause::Reply(_) => Retry::Never,
    }
}

/// After a failed question for the commit status.
pub(super) fn of_commit_status(cause: &StageCause) -> Retry {
    match cause {
        StageCause::Call(call) if !is_final(call.code()) => Retry::SameRequest,
        StageCause::Call(_) | StageCause::Sign(_) | StageCause::Reply(_) => Retry::Never,
    }
}

/// After a transaction was in a block, but not valid.
pub(super) fn of_invalid(code: ValidationCode) -> Retry {
    match code.known() {
        // Somebody was faster, or the chaincode changed in between: the next endorsement sees it.
        Some(
            TxValidationCode::MvccReadConflict
            | TxValidationCode::PhantomReadConflict
            | TxValidationCode::EndorsementPolicyFailure
            | TxValidationCode::ExpiredChaincode
            | TxValidationCode::ChaincodeVersionConflict,
        ) => Retry::NewProposal,
        _ => Retry::Never,
    }
}

/// Whether the orderers may have got the transaction although submit failed.
pub(super) fn submit_outcome_unknown(cause: &StageCause) -> bool {
    match cause {
        StageCause::Sign(_) | StageCause::Reply(_) => false,
        StageCause::Call(call) => {
            let refused = matches!(call.code(), Code::Aborted | Code::FailedPrecondition);
            call.origin() != Origin::NotSent && !refused && !is_final(call.code())
        }
    }
}

/// Codes by which a peer says that it will never do this for this caller.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::OutOfRange
            | Code::Unimplemented
    )
}

/// Peers that were reached and said no. Of a peer that was not, the gateway reports gRPC's own words.
fn rejected_by_peers(call: &CallError) -> bool {
    !call.details().is_empty()
        && call.details().iter().all(|detail| !detail.message.starts_with("rpc error: code = Unavailable"))
}

/// The peers know the transaction id already: the proposal's transaction is in the ledger.
fn is_duplicate(call: &CallError) -> bool {
    call.details().iter().any(|detail| detail.message.contains("duplicate transaction found"))
}
