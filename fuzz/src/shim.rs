//! What a peer sends to a chaincode.

use std::collections::BTreeMap;

use hlf_proto::msp::SerializedIdentity;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{ChaincodeMessage, SignedProposal};
use hlf_shim::{
    ClientIdentity, CompositeKey, KeyChange, KeyValue, Proposal, QueryResult as _, Role, fuzzing,
};
use prost::Message as _;

use crate::Target;
use crate::property::{spelling_bytes, with_length};

/// Conversations, keys, callers, proposals, results of queries.
pub const SHIM: Target = Target {
    name: "shim",
    decoders: &[
        ("conversation", conversation),
        ("composite-key", |bytes| {
            spelling_bytes(bytes, |text| CompositeKey::parse(text).ok(), CompositeKey::to_string)
        }),
        ("client-identity", client_identity),
        ("proposal", proposal),
        ("key-value", |bytes| KeyValue::decode(bytes).is_ok()),
        ("key-change", |bytes| KeyChange::decode(bytes).is_ok()),
    ],
};

/// Every call is answered once at most, and nothing is sent that no message asked for.
fn conversation(mut bytes: &[u8]) -> bool {
    let mut messages = Vec::new();
    while let Some((message, rest)) = with_length(bytes) {
        messages.extend(ChaincodeMessage::decode(message));
        bytes = rest;
    }
    let mut calls: BTreeMap<(String, String), usize> = BTreeMap::new();
    for message in
        messages.iter().filter(|message| matches!(message.r#type(), Type::Init | Type::Transaction))
    {
        *calls.entry((message.channel_id.clone(), message.txid.clone())).or_default() += 1;
    }
    let most = messages.len().saturating_mul(3);
    let sent = fuzzing::conversation(messages);
    assert!(sent.len() <= most, "{} messages were sent", sent.len());
    let mut completed = false;
    for message in sent.iter().filter(|message| matches!(message.r#type(), Type::Completed)) {
        let left = calls.get_mut(&(message.channel_id.clone(), message.txid.clone()));
        let left = left.expect("an answer to a call that there was");
        *left = left.checked_sub(1).expect("a call is answered once");
        completed = true;
    }
    completed
}

/// A caller whose certificate can be read has units that can be read.
fn client_identity(bytes: &[u8]) -> bool {
    let Ok(serialized) = SerializedIdentity::decode(bytes) else { return false };
    let Ok(identity) = ClientIdentity::parse(serialized) else { return false };
    let units = identity.organizational_units();
    assert_eq!(identity.has_role(Role::Admin), units.iter().any(|unit| unit == "admin"));
    true
}

fn proposal(bytes: &[u8]) -> bool {
    let signed = SignedProposal { proposal_bytes: bytes.to_vec(), signature: Vec::new() };
    let Ok(proposal) = Proposal::parse(signed) else { return false };
    proposal.chaincode_name().is_ok() && proposal.creator().is_ok()
}
