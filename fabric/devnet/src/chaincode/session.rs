//! State machine of one stream to a chaincode process: registration, then many transactions at once.

use std::collections::HashMap;

use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{ChaincodeId, ChaincodeInput, ChaincodeMessage, SignedProposal};
use prost::Message;
use thiserror::Error;
use tokio::sync::oneshot;

use super::calls;
use crate::core::simulator::Simulator;

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
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The channel.
    pub(crate) channel: String,
    /// The transaction's id.
    pub(crate) tx_id: String,
    /// Function and arguments.
    pub(crate) input: ChaincodeInput,
    /// The client's proposal, which the chaincode may look at.
    pub(crate) proposal: SignedProposal,
    /// The simulation that answers the chaincode's calls.
    pub(crate) simulator: Simulator,
}

/// The chaincode's last word on a transaction, and the simulation.
#[derive(Debug)]
pub(crate) struct Finished {
    /// `COMPLETED` or `ERROR`.
    pub(crate) message: ChaincodeMessage,
    /// The simulation as the chaincode left it.
    pub(crate) simulator: Simulator,
}

struct Running {
    simulator: Simulator,
    finished: oneshot::Sender<Finished>,
}

type TransactionKey = (String, String);

/// One stream's state.
pub(crate) struct Session {
    expected_name: Option<String>,
    ready: bool,
    running: HashMap<TransactionKey, Running>,
}

impl Session {
    /// A new stream. If `expected_name` is given, the chaincode must register with it.
    pub(crate) fn new(expected_name: Option<String>) -> Self {
        Self { expected_name, ready: false, running: HashMap::new() }
    }

    /// True once the chaincode has registered.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Takes a message of the chaincode and gives the answers, in order.
    ///
    /// # Errors
    /// When the stream must be ended.
    pub(crate) fn on_message(
        &mut self,
        message: ChaincodeMessage,
    ) -> Result<Vec<ChaincodeMessage>, StreamFault> {
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
            kind if calls::is_call(kind) => {
                let key = (message.channel_id.clone(), message.txid.clone());
                let running = self.running.get_mut(&key);
                Ok(vec![calls::answer(&message, running.map(|running| &mut running.simulator))])
            }
            _ => Err(StreamFault::Unknown(message.r#type)),
        }
    }

    /// Starts a transaction: the message for the chaincode, and where its last word will arrive.
    /// `None` when a transaction of this id is already running, as it would be if it called itself.
    pub(crate) fn begin(
        &mut self,
        invocation: Invocation,
    ) -> Option<(ChaincodeMessage, oneshot::Receiver<Finished>)> {
        let Invocation { channel, tx_id, input, proposal, simulator } = invocation;
        let key = (channel.clone(), tx_id.clone());
        if self.running.contains_key(&key) {
            return None;
        }
        let (finished, receiver) = oneshot::channel();
        self.running.insert(key, Running { simulator, finished });
        let kind = if input.is_init { Type::Init } else { Type::Transaction };
        let message = ChaincodeMessage {
            r#type: kind.into(),
            payload: input.encode_to_vec(),
            txid: tx_id,
            channel_id: channel,
            proposal: Some(proposal),
            ..ChaincodeMessage::default()
        };
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

    fn register(&mut self, message: &ChaincodeMessage) -> Result<Vec<ChaincodeMessage>, StreamFault> {
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
                // READY carries no payload: no write batches, no multi-key reads.
                let plain =
                    |kind: Type| ChaincodeMessage { r#type: kind.into(), ..ChaincodeMessage::default() };
                Ok(vec![plain(Type::Registered), plain(Type::Ready)])
            }
        }
    }

    fn finish(&mut self, message: ChaincodeMessage) {
        let key = (message.channel_id.clone(), message.txid.clone());
        if let Some(Running { simulator, finished }) = self.running.remove(&key) {
            // Nobody waits if the caller has just given up; then there is nothing to do.
            drop(finished.send(Finished { message, simulator }));
        }
    }
}

#[cfg(test)]
mod tests;
