//! State machine of one stream to a chaincode process: registration, then many transactions at once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{
    ChaincodeAdditionalParams, ChaincodeId, ChaincodeInput, ChaincodeMessage, ChaincodeSpec, SignedProposal,
};
use prost::Message;
use thiserror::Error;
use tokio::sync::oneshot;

use super::calls::{self, CallError, Features};
use crate::core::simulator::{Context, Simulator};

/// Most writes of a batch and most keys of a read, as Fabric's sample configuration has them.
const MAX_BATCH: u32 = 1000;

/// A simulation that several chaincodes take part in, if one calls another.
pub(crate) type SharedSimulator = Arc<Mutex<Simulator>>;

/// Runs the chaincodes that chaincodes call.
#[async_trait]
pub(crate) trait Callee: Send + Sync {
    /// Runs another chaincode in the same transaction; gives its last word.
    ///
    /// # Errors
    /// When it cannot be run, with the text for the caller.
    async fn call(self: Arc<Self>, call: NestedCall) -> Result<ChaincodeMessage, String>;
}

/// A chaincode's call of another one.
#[derive(Debug)]
pub(crate) struct NestedCall {
    /// Name of the other one, with its channel after a slash if that is another.
    pub(crate) target: String,
    /// Function and arguments.
    pub(crate) input: ChaincodeInput,
    /// The channel.
    pub(crate) channel: String,
    /// The transaction.
    pub(crate) tx_id: String,
    /// The client's proposal.
    pub(crate) proposal: SignedProposal,
    /// The simulation.
    pub(crate) simulator: SharedSimulator,
}

/// What a message of the chaincode leads to.
pub(crate) enum Reaction {
    /// An answer at once.
    Answer(Box<ChaincodeMessage>),
    /// An answer when another chaincode has been run.
    Call(Box<PendingCall>),
}

impl Reaction {
    fn answer(message: ChaincodeMessage) -> Self {
        Self::Answer(Box::new(message))
    }
}

impl fmt::Debug for Reaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(message) => formatter.debug_tuple("Answer").field(message).finish(),
            Self::Call(pending) => formatter.debug_tuple("Call").field(&pending.call).finish(),
        }
    }
}

/// A call of another chaincode that is still to be made.
pub(crate) struct PendingCall {
    message: ChaincodeMessage,
    call: NestedCall,
    callee: Arc<dyn Callee>,
}

impl PendingCall {
    /// Makes the call; gives the answer for the calling chaincode.
    pub(crate) async fn run(self) -> ChaincodeMessage {
        let result = self.callee.call(self.call).await;
        let result = result.map(|last| last.encode_to_vec()).map_err(CallError::Nested);
        calls::reply(&self.message, result)
    }
}

/// What the chaincode did wrong; the stream must be ended.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum StreamFault {
    /// Something else than `REGISTER` came first.
    #[error("the chaincode sent {0} before it registered")]
    NotRegistered(&'static str),
    /// The registration names no chaincode.
    #[error("the chaincode registered without a name")]
    Nameless,
    /// The registration is that of another chaincode than the one dialled.
    #[error("the chaincode registered as {found}, expected {expected}")]
    WrongName {
        /// The name in the configuration.
        expected: String,
        /// The name that it gave.
        found: String,
    },
    /// A message that a peer does not take.
    #[error("a peer cannot handle message type {0}")]
    Unknown(i32),
}

/// A transaction to simulate.
pub(crate) struct Invocation {
    /// The channel.
    pub(crate) channel: String,
    /// The transaction's id.
    pub(crate) tx_id: String,
    /// Function and arguments.
    pub(crate) input: ChaincodeInput,
    /// The client's proposal, which the chaincode may look at.
    pub(crate) proposal: SignedProposal,
    /// Which chaincode it is.
    pub(crate) context: Context,
    /// The simulation that answers the chaincode's calls.
    pub(crate) simulator: SharedSimulator,
    /// Runs the chaincodes that it calls.
    pub(crate) callee: Arc<dyn Callee>,
}

struct Running {
    context: Context,
    simulator: SharedSimulator,
    callee: Arc<dyn Callee>,
    proposal: SignedProposal,
    finished: oneshot::Sender<ChaincodeMessage>,
}

type TransactionKey = (String, String);

/// One stream's state.
pub(crate) struct Session {
    expected_name: Option<String>,
    features: Features,
    ready: bool,
    running: HashMap<TransactionKey, Running>,
}

impl Session {
    /// A new stream. If `expected_name` is given, the chaincode must register with it.
    pub(crate) fn new(expected_name: Option<String>, features: Features) -> Self {
        Self { expected_name, features, ready: false, running: HashMap::new() }
    }

    /// True once the chaincode has registered.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Takes a message of the chaincode and gives the answers, in order.
    ///
    /// # Errors
    /// When the stream must be ended.
    pub(crate) fn on_message(&mut self, message: ChaincodeMessage) -> Result<Vec<Reaction>, StreamFault> {
        let Ok(kind) = Type::try_from(message.r#type) else {
            return Err(StreamFault::Unknown(message.r#type));
        };
        match kind {
            // Chaincodes may echo or send these in any state.
            Type::Keepalive => Ok(Vec::new()),
            Type::Register if !self.ready => self.register(&message),
            other if !self.ready => Err(StreamFault::NotRegistered(other.as_str_name())),
            Type::Completed | Type::Error => {
                self.finish(message);
                Ok(Vec::new())
            }
            Type::InvokeChaincode => Ok(vec![self.nested(message)]),
            kind if calls::is_call(kind) => {
                let key = (message.channel_id.clone(), message.txid.clone());
                let answer = match self.running.get(&key) {
                    Some(Running { simulator, context, .. }) => {
                        let mut simulator = simulator.lock().unwrap_or_else(PoisonError::into_inner);
                        calls::answer(&message, Some((&mut simulator, context)), self.features)
                    }
                    None => calls::answer(&message, None, self.features),
                };
                Ok(vec![Reaction::answer(answer)])
            }
            _ => Err(StreamFault::Unknown(message.r#type)),
        }
    }

    /// Starts a transaction: the message for the chaincode, and where its last word will arrive.
    /// `None` when a transaction of this id is already running, as it would be if it called itself.
    pub(crate) fn begin(
        &mut self,
        invocation: Invocation,
    ) -> Option<(ChaincodeMessage, oneshot::Receiver<ChaincodeMessage>)> {
        let Invocation { channel, tx_id, input, proposal, context, simulator, callee } = invocation;
        let key = (channel.clone(), tx_id.clone());
        if self.running.contains_key(&key) {
            return None;
        }
        let (finished, receiver) = oneshot::channel();
        let kind = if context.is_init { Type::Init } else { Type::Transaction };
        let message = ChaincodeMessage {
            r#type: kind.into(),
            payload: input.encode_to_vec(),
            txid: tx_id,
            channel_id: channel,
            proposal: Some(proposal.clone()),
            ..ChaincodeMessage::default()
        };
        self.running.insert(key, Running { context, simulator, callee, proposal, finished });
        Some((message, receiver))
    }

    /// Forgets a transaction that nobody waits for any longer; what the chaincode still says about it is ignored.
    pub(crate) fn abandon(&mut self, channel: &str, tx_id: &str) {
        self.running.remove(&(channel.to_owned(), tx_id.to_owned()));
    }

    /// Ends the session: everybody who waits learns that nothing will come.
    pub(crate) fn close(&mut self) {
        self.ready = false;
        self.running.clear();
    }

    /// A call of another chaincode.
    fn nested(&self, message: ChaincodeMessage) -> Reaction {
        let key = (message.channel_id.clone(), message.txid.clone());
        let Some(running) = self.running.get(&key) else {
            return Reaction::answer(calls::reply(&message, Err(CallError::NoContext)));
        };
        let spec = match ChaincodeSpec::decode(message.payload.as_slice()) {
            Ok(spec) => spec,
            Err(error) => return Reaction::answer(calls::reply(&message, Err(error.into()))),
        };
        let call = NestedCall {
            target: spec.chaincode_id.unwrap_or_default().name,
            input: spec.input.unwrap_or_default(),
            channel: message.channel_id.clone(),
            tx_id: message.txid.clone(),
            proposal: running.proposal.clone(),
            simulator: Arc::clone(&running.simulator),
        };
        Reaction::Call(Box::new(PendingCall { message, call, callee: Arc::clone(&running.callee) }))
    }

    fn register(&mut self, message: &ChaincodeMessage) -> Result<Vec<Reaction>, StreamFault> {
        let found = ChaincodeId::decode(message.payload.as_slice()).map(|id| id.name).unwrap_or_default();
        if found.is_empty() {
            return Err(StreamFault::Nameless);
        }
        match &self.expected_name {
            Some(expected) if *expected != found => {
                Err(StreamFault::WrongName { expected: expected.clone(), found })
            }
            _ => {
                self.ready = true;
                let answer = |kind: Type, payload: Vec<u8>| {
                    let message =
                        ChaincodeMessage { r#type: kind.into(), payload, ..ChaincodeMessage::default() };
                    Reaction::answer(message)
                };
                Ok(vec![answer(Type::Registered, Vec::new()), answer(Type::Ready, self.offer())])
            }
        }
    }

    /// Payload of `READY`; empty, as before 3.1, without batches.
    fn offer(&self) -> Vec<u8> {
        if !self.features.batches {
            return Vec::new();
        }
        let offer = ChaincodeAdditionalParams {
            use_write_batch: true,
            max_size_write_batch: MAX_BATCH,
            use_get_multiple_keys: true,
            max_size_get_multiple_keys: MAX_BATCH,
        };
        offer.encode_to_vec()
    }

    fn finish(&mut self, message: ChaincodeMessage) {
        let key = (message.channel_id.clone(), message.txid.clone());
        if let Some(running) = self.running.remove(&key) {
            // Nobody waits if the caller has just given up; then there is nothing to do.
            drop(running.finished.send(message));
        }
    }
}

#[cfg(test)]
mod tests;
