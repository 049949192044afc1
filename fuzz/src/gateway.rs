//! What a gateway peer sends to a client, and what the roles make of it.

use std::sync::OnceLock;

use hlf_gateway::fuzzing::{self, Stages};
use hlf_gateway::lifecycle::{Collections, Package};
use hlf_gateway::operations::block_transactions;
use hlf_gateway::{ChaincodeEvent, Checkpoint};
use hlf_proto::protos::DeliverResponse;
use hlf_proto::protos::deliver_response::Type as Delivered;
use lockstep::fuzzing::{event, ledger_errors};
use lockstep::ledger::{LedgerError, LedgerEvent};
use prost::Message as _;

use crate::Target;
use crate::property::{json_returns, value_returns, with_length, written_returns};

/// Longest text of an error, in bytes: what is quoted of a peer, and our own words.
const LONGEST_ERROR: usize = 4096;

/// Errors, transactions, events, stages taken up from bytes, blocks, packages, collections, checkpoints.
pub const GATEWAY: Target = Target {
    name: "gateway",
    decoders: &[
        ("failure", failure),
        ("transaction", transaction),
        ("events", |bytes| fuzzing::events(bytes).into_iter().map(changes).filter(|good| *good).count() > 0),
        ("changes", |bytes| changes(of_block(bytes))),
        ("stage", stage),
        ("delivered", delivered),
        ("package", package),
        ("collections", collections),
        ("checkpoint", json_returns::<Checkpoint>),
    ],
};

fn of_block(payload: &[u8]) -> ChaincodeEvent {
    ChaincodeEvent::new(7, "00", "lockstep", "ChannelOpened").with_payload(payload)
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

/// A stage's number, then the stage: its bytes are taken up as the same bytes.
fn stage(bytes: &[u8]) -> bool {
    static STAGES: OnceLock<Stages> = OnceLock::new();
    let Some((number, bytes)) = bytes.split_first() else { return false };
    let stages = STAGES.get_or_init(|| {
        let caller =
            rcgen::generate_simple_self_signed(["caller".to_owned()]).expect("a certificate can be made");
        Stages::new(&caller.cert.pem())
    });
    written_returns(bytes.to_vec(), |bytes| stages.rewrite(*number, bytes))
}

/// A delivered block has as many transactions as envelopes, or says that one cannot be read.
fn delivered(bytes: &[u8]) -> bool {
    let Ok(DeliverResponse { r#type: Some(Delivered::Block(block)) }) = DeliverResponse::decode(bytes) else {
        return false;
    };
    let envelopes = block.data.as_ref().map_or(0, |data| data.data.len());
    let Ok(transactions) = block_transactions(&block) else { return false };
    assert_eq!(transactions.len(), envelopes);
    envelopes > 0
}

/// A package that was read has an id with its label.
fn package(bytes: &[u8]) -> bool {
    let Ok(package) = Package::from_bytes(bytes.to_vec()) else { return false };
    assert!(package.id().as_str().starts_with(&format!("{}:", package.label())));
    assert_eq!(package.bytes(), bytes);
    true
}

/// Collections come back from Fabric's own message.
fn collections(bytes: &[u8]) -> bool {
    let Ok(collections) = Collections::from_json(bytes) else { return false };
    assert_eq!(Collections::from(collections.as_message().clone()), collections);
    true
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
