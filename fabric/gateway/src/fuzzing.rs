//! What the fuzz targets call: the decoders of a peer's words. No part of the interface.

use hlf_proto::Message as _;
use hlf_proto::common::Envelope;
use hlf_proto::gateway::ChaincodeEventsResponse;
use tonic::{Code, Status};

use crate::convert::{ProposalFacts, TransactionFacts, decode};
use crate::error::{CallError, EndorseError, EvaluateError};
use crate::events::{ChaincodeEvent, admitted};
use crate::{MalformedReply, TransactionId};

/// A call's failure as both stages that the chaincode can refuse see it, read from a received status.
#[must_use]
pub fn failures(code: i32, message: &str, details: &[u8]) -> (EvaluateError, EndorseError) {
    let status = Status::with_details(Code::from_i32(code), message, details.to_vec().into());
    let id = TransactionId::from(String::from("00"));
    let call = CallError::from_status(&status);
    (EvaluateError::new(&id, call.clone().into()), EndorseError::new(&id, call.into()))
}

/// What the chaincode answered, from the transaction that a gateway peer hands out to be signed for a proposal.
///
/// # Errors
/// [`MalformedReply`].
pub fn transaction(proposal: &[u8], envelope: &[u8]) -> Result<Vec<u8>, MalformedReply> {
    let envelope: Envelope = decode("the envelope", envelope)?;
    let facts = TransactionFacts::try_from(&envelope)?;
    facts.check_against(&ProposalFacts::decode(proposal)?)?;
    Ok(facts.result)
}

/// The new events of received messages, each with its length in two bytes before it.
#[must_use]
pub fn events(mut bytes: &[u8]) -> Vec<ChaincodeEvent> {
    let mut responses = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (message, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
        responses.extend(ChaincodeEventsResponse::decode(message));
        bytes = rest;
    }
    admitted(responses)
}

/// SHA-256 in hexadecimal, which makes transaction ids.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}
