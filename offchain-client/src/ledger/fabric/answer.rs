//! What a peer's answer means: the contract's reply, its refusal, or a failure and whose.

use hlf_gateway::{
    CallError, Code, CommitStatusError, EndorseError, EvaluateError, Origin, Retry, StageCause, SubmitError,
};
use lockstep_protocol::refusal::Refusal;
use serde::de::DeserializeOwned;

use crate::ledger::{LedgerError, TransactionId};

/// Most bytes of a peer's words that go into an error.
const LONGEST_QUOTE: usize = 300;

/// Reads the contract's reply.
pub(super) fn decode<T: DeserializeOwned>(function: &str, bytes: &[u8]) -> Result<T, LedgerError> {
    serde_json::from_slice(bytes)
        .map_err(|error| LedgerError::Violation { what: format!("the reply of {function}: {error}") })
}

/// Reads the contract's refusal [Spec §10]. Fabric passes it on as text only; nothing else reads messages.
fn refused(message: &str) -> LedgerError {
    match Refusal::find_in(message) {
        Ok(refusal) => LedgerError::Refused(refusal),
        Err(_unknown) => {
            LedgerError::Violation { what: format!("a refusal without a known code: {}", quote(message)) }
        }
    }
}

/// Why a read brought no reply.
pub(crate) fn of_evaluate(error: &EvaluateError, organization: &str) -> LedgerError {
    match error.chaincode_message() {
        Some(message) => refused(message),
        None => of_cause(error.cause(), error.retry(), organization),
    }
}

/// Why a transaction was not endorsed.
pub(crate) fn of_endorse(error: &EndorseError, organization: &str) -> LedgerError {
    match error.chaincode_message() {
        Some(message) => refused(message),
        None => of_cause(error.cause(), error.retry(), organization),
    }
}

/// Why a transaction was not ordered, or not knowingly.
pub(super) fn of_submit(error: &SubmitError, organization: &str) -> LedgerError {
    if error.outcome_unknown() {
        let tx_id = TransactionId::new(error.transaction_id().as_str());
        return LedgerError::OutcomeUnknown {
            tx_id,
            reason: format!("the orderer's answer: {}", words(error.cause())),
        };
    }
    of_cause(error.cause(), Retry::NewProposal, organization)
}

/// Why a transaction's end is not known.
pub(super) fn of_commit_status(error: &CommitStatusError) -> LedgerError {
    let tx_id = TransactionId::new(error.transaction_id().as_str());
    LedgerError::OutcomeUnknown { tx_id, reason: format!("its commit: {}", words(error.cause())) }
}

/// Why there are no events.
pub(super) fn of_events(error: &hlf_gateway::EventError, organization: &str) -> LedgerError {
    let final_code = matches!(
        error.code(),
        Some(
            Code::PermissionDenied
                | Code::Unauthenticated
                | Code::InvalidArgument
                | Code::NotFound
                | Code::Unimplemented
        )
    );
    let reason = match error {
        hlf_gateway::EventError::Interrupted(call) => quote(&call.to_string()),
        other => other.to_string(),
    };
    if final_code {
        LedgerError::Rejected { reason }
    } else {
        LedgerError::Unavailable { organization: organization.to_owned(), reason }
    }
}

/// Whether an organisation's peer refuses because it has not yet the block on which the others endorse already: the gateway
/// asks the own peer first, so a record that only somebody else misses is there.
pub(crate) fn is_lagging_peer(error: &EndorseError, organization: &str) -> bool {
    let mut refusals =
        error.details().iter().filter(|detail| Refusal::find_in(&detail.message).is_ok()).peekable();
    refusals.peek().is_some()
        && refusals.all(|detail| {
            let refusal = Refusal::find_in(&detail.message);
            detail.msp_id != organization
                && matches!(refusal, Ok(Refusal::UnknownChannel | Refusal::UnknownBank))
        })
}

fn of_cause(cause: &StageCause, retry: Retry, organization: &str) -> LedgerError {
    let reason = words(cause);
    match cause {
        StageCause::Reply(_) => LedgerError::Violation { what: reason },
        StageCause::Sign(_) => LedgerError::Rejected { reason },
        StageCause::Call(call) if call.origin() == Origin::Peer && retry == Retry::Never => {
            LedgerError::Rejected { reason }
        }
        _ => LedgerError::Unavailable { organization: organization.to_owned(), reason },
    }
}

fn words(cause: &StageCause) -> String {
    match cause {
        StageCause::Call(call) => quote(&CallError::to_string(call)),
        StageCause::Sign(error) => chain("the request could not be signed", error),
        StageCause::Reply(error) => chain("the gateway's answer makes no sense", error),
        other => other.to_string(),
    }
}

fn chain(what: &str, error: &dyn std::error::Error) -> String {
    quote(&format!("{what}: {error}"))
}

/// A peer's words, no longer than a person reads.
fn quote(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_the_table_is_read_back() {
        for refusal in Refusal::ALL {
            let error = refused(&format!("chaincode response 500, {refusal}"));
            assert_eq!(error.refusal(), Some(refusal), "{error}");
        }
    }

    #[test]
    fn a_refusal_without_a_code_is_not_the_contract_s() {
        for text in ["", "LS", "LS201", "LS201 other_name: x", "LS99999 unknown: x", "asset not found"] {
            let error = refused(text);
            assert!(matches!(error, LedgerError::Violation { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_reply_that_is_not_json_is_a_violation_that_names_the_function() {
        let error = decode::<u32>("Bank", b"\xff").unwrap_err();
        assert!(matches!(&error, LedgerError::Violation { what } if what.contains("Bank")), "{error}");
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let quoted = quote(&"ä".repeat(1000));
        assert_eq!(quoted.chars().count(), LONGEST_QUOTE + 1);
    }
}
