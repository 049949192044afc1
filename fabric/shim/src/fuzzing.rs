//! What the fuzz targets call: a conversation with a peer that sends anything. No part of the interface.

use std::collections::VecDeque;

use hlf_proto::protos::ChaincodeMessage;
use hlf_proto::protos::chaincode_message::Type;

use crate::Response;
use crate::handler::{Effect, Ending, Handler, Limits};
use crate::invocation::TransactionKey;
use crate::proposal::Proposal;

/// How many transactions run at once.
const RUNNING: usize = 3;

/// Lets a chaincode whose every transaction reads one key talk with a peer that sends `messages`; gives what the
/// chaincode sent, up to the first message that ends the conversation.
///
/// # Panics
/// When more transactions run at once than the limit says.
#[must_use]
pub fn conversation(messages: impl IntoIterator<Item = ChaincodeMessage>) -> Vec<ChaincodeMessage> {
    let mut handler = Handler::new(Limits { transactions: RUNNING, message_bytes: 1 << 16 });
    let mut sent = Vec::new();
    let mut running: Vec<TransactionKey> = Vec::new();
    for message in messages {
        let Ok(effects) = handler.on_message(message) else { break };
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Send(message) => sent.push(*message),
                Effect::SendWithPlace(message) => {
                    sent.push(*message);
                    effects.extend(handler.taken());
                }
                Effect::Begin(call) => {
                    running.push(call.key.clone());
                    assert!(running.len() <= RUNNING, "{} transactions run at once", running.len());
                    let proposal = call.proposal.and_then(|proposal| Proposal::parse(proposal).ok());
                    let reads = proposal.and_then(|proposal| proposal.chaincode_name().ok());
                    let payload = reads.unwrap_or_default().into_bytes();
                    effects.extend(handler.request(&call.key, Type::GetState, payload, call.key.clone()));
                }
                Effect::Wake(key, _) => {
                    running.retain(|other| *other != key);
                    let ending = Ending::Answer { response: Response::success([]), event: None };
                    effects.extend(handler.finish(&key, ending));
                }
            }
        }
    }
    sent
}
