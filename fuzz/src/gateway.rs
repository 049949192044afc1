//! What a gateway peer sends to a client, and what the roles make of it.

use hlf_gateway::{ChaincodeEvent, TransactionId, fuzzing};
use lockstep::fuzzing::{event, ledger_errors};
use lockstep::ledger::{LedgerError, LedgerEvent};

use crate::Target;
use crate::property::{value_returns, with_length};

/// Longest text of an error, in bytes: what is quoted of a peer, and our own words.
const LONGEST_ERROR: usize = 4096;

/// Errors, transactions, events.
pub const GATEWAY: Target = Target {
    name: "gateway",
    decoders: &[
        ("failure", failure),
        ("transaction", transaction),
        ("events", |bytes| fuzzing::events(bytes).into_iter().map(changes).filter(|good| *good).count() > 0),
        ("changes", |bytes| changes(of_block(bytes))),
    ],
};

fn of_block(payload: &[u8]) -> ChaincodeEvent {
    ChaincodeEvent {
        block_number: 7,
        transaction_id: TransactionId::from(String::from("00")),
        chaincode: "lockstep".to_owned(),
        name: "ChannelOpened".to_owned(),
        payload: payload.to_vec(),
    }
}

/// A code, a message with its length, the details: the roles find the contract's refusal, or quote no more than a person reads.
fn failure(bytes: &[u8]) -> bool {
    let Some((code, rest)) = bytes.split_first() else { return false };
    let Some((message, details)) = with_length(rest) else { return false };
    let message = String::from_utf8_lossy(message);
    let (evaluate, endorse) = fuzzing::failures(i32::from(*code), &message, details);
    let errors = ledger_errors(&evaluate, &endorse);
    for error in &errors {
        let text = error.to_string();
        assert!(text.len() <= LONGEST_ERROR, "an error of {} bytes", text.len());
    }
    errors.iter().any(|error| error.refusal().is_some())
}

/// A proposal with its length, then the envelope: the answer is given only for the transaction that was proposed.
fn transaction(bytes: &[u8]) -> bool {
    let Some((proposal, envelope)) = with_length(bytes) else { return false };
    fuzzing::transaction(proposal, envelope).is_ok()
}

/// An event is read and comes back, or names its place.
fn changes(found: ChaincodeEvent) -> bool {
    let block = found.block_number;
    match event(found) {
        Ok(read) => value_returns::<LedgerEvent>(Some(read)),
        Err(LedgerError::UnreadableEvent { at, .. }) => {
            assert_eq!(at.block, block);
            false
        }
        Err(other) => panic!("an event can be unreadable, not {other}"),
    }
}
