//! What a peer sends to a chaincode.

use std::collections::BTreeMap;
use std::fmt::Debug;

use hlf_proto::msp::SerializedIdentity;
use hlf_proto::protos::SignedProposal;
use hlf_proto::protos::chaincode_message::Type;
use hlf_shim::{
    Bytes, ClientIdentity, CompositeKey, DateTime, FromArgument, KeyChange, KeyEndorsementPolicy, KeyValue,
    Payload, Proposal, QueryResult as _, Role, fuzzing,
};
use prost::Message as _;

use crate::Target;
use crate::property::{messages, spelling_bytes, written_returns};

/// Conversations, keys, callers, proposals, results of queries, arguments, policies of keys.
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
        ("argument", argument),
        ("key-policy", |bytes| {
            let rewrite =
                |bytes: &Vec<u8>| KeyEndorsementPolicy::decode(bytes).ok().map(|policy| policy.encode());
            written_returns(bytes.to_vec(), rewrite)
        }),
    ],
};

/// Every call is answered once at most, and nothing is sent that no message asked for.
fn conversation(bytes: &[u8]) -> bool {
    let messages = messages(bytes);
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

/// What a function takes as an argument and gives as its result, another function can take: as the same value.
fn argument(bytes: &[u8]) -> bool {
    fn returns<T: FromArgument + Payload + Clone + PartialEq + Debug>(bytes: &[u8]) -> bool {
        let Ok(value) = T::from_argument(bytes) else { return false };
        let result = value.clone().into_payload().expect("an argument is a result too");
        assert_eq!(T::from_argument(&result).as_ref(), Ok(&value), "another value came back");
        true
    }
    let numbers = [returns::<f64>(bytes), returns::<f32>(bytes), returns::<i64>(bytes), returns::<u8>(bytes)];
    let texts =
        [returns::<String>(bytes), returns::<Bytes>(bytes), returns::<bool>(bytes), returns::<char>(bytes)];
    let lists = [returns::<Vec<i64>>(bytes), returns::<BTreeMap<String, Vec<Option<u8>>>>(bytes)];
    // What they hold is not compared: other spellings of a time, and the empty text, stand for the same.
    let _ = (DateTime::from_argument(bytes), Option::<u64>::from_argument(bytes));
    assert!(texts[1], "any bytes are bytes");
    numbers.contains(&true) || lists.contains(&true)
}

fn proposal(bytes: &[u8]) -> bool {
    let signed = SignedProposal { proposal_bytes: bytes.to_vec(), signature: Vec::new() };
    let Ok(proposal) = Proposal::parse(signed) else { return false };
    proposal.chaincode_name().is_ok() && proposal.creator().is_ok()
}
