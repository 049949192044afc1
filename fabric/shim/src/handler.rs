//! The conversation with one peer, without I/O: messages and requests go in, effects come out.
//!
//! ```text
//!            REGISTER sent           REGISTERED            READY
//!   Opening ──────────────► Opening ────────────► Registered ─────► Ready: INIT, TRANSACTION
//! ```
//!
//! What holds at any time:
//! - One request per transaction is under way; others of the same transaction wait. A peer drops a second one silently.
//! - A request that was sent keeps its slot until the reply is there, though nobody may wait for it any more. The end of
//!   a transaction waits for that reply too. So a reply never gets to the wrong request.
//! - At most `limits.transactions` have a place and run. One that waits for a chaincode that it called has none, so calls
//!   to and fro between chaincodes cannot block each other.
//! - A place is free again only once the transport has taken the message with which the transaction leaves it: its end, or
//!   its call of a chaincode. So a peer that calls and does not read leaves a bounded number of them here.

use std::collections::{BTreeMap, VecDeque};

use hlf_proto::Message;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{ChaincodeEvent, ChaincodeId, ChaincodeInput, ChaincodeMessage};

use crate::LedgerError;
use crate::invocation::{Invocation, Offers, TransactionKey};
use crate::response::Response;

#[cfg(test)]
mod tests;

/// Bounds of one conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Transactions that run at once.
    pub(crate) transactions: usize,
    /// Bytes of the largest message that is sent.
    pub(crate) message_bytes: usize,
}

/// What the driver of the conversation has to do, in order.
#[derive(Debug)]
pub(crate) enum Effect<W> {
    /// Send a message to the peer.
    Send(Box<ChaincodeMessage>),
    /// The same, and say when the transport has taken it, by [`Handler::taken`].
    SendWithPlace(Box<ChaincodeMessage>),
    /// Let the chaincode run.
    Begin(Box<Invocation>),
    /// Give a waiter what it waits for.
    Wake(W, Result<Vec<u8>, LedgerError>),
}

/// How a transaction ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The chaincode's answer, success or not.
    Answer { response: Response, event: Option<ChaincodeEvent> },
    /// The shim could not do its part; another peer may be luckier.
    Failure { text: String },
}

/// A message that a peer must not send now. The conversation cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {} message came before the peer was ready", kind.as_str_name())]
pub(crate) struct OutOfTurn {
    kind: Type,
}

/// How far the peer has got with the registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Registered,
    Ready,
}

/// A request of a transaction.
#[derive(Debug)]
struct Request<W> {
    kind: Type,
    payload: Vec<u8>,
    waiter: W,
}

/// A transaction between its beginning and its end.
#[derive(Debug)]
struct Transaction<W> {
    /// Whether it has a place; not while it waits for a chaincode that it called.
    running: bool,
    under_way: Option<(Type, W)>,
    waiting: VecDeque<Request<W>>,
    /// Its last message, held back until the reply of the request under way.
    ending: Option<ChaincodeMessage>,
}

/// One conversation. `W` is what waits for replies.
#[derive(Debug)]
pub(crate) struct Handler<W> {
    limits: Limits,
    phase: Phase,
    offers: Offers,
    draining: bool,
    /// Places that are taken, by transactions or by messages with which transactions have left them.
    places: usize,
    transactions: BTreeMap<TransactionKey, Transaction<W>>,
    /// Transactions whose called chaincode has answered, to go on before others begin.
    resuming: VecDeque<(TransactionKey, W, Result<Vec<u8>, LedgerError>)>,
    beginning: VecDeque<Invocation>,
}

impl<W> Handler<W> {
    /// A conversation that has not begun.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            phase: Phase::Opening,
            offers: Offers::default(),
            draining: false,
            places: 0,
            transactions: BTreeMap::new(),
            resuming: VecDeque::new(),
            beginning: VecDeque::new(),
        }
    }

    /// The first message: the chaincode registers under its package id.
    pub(crate) fn register(package_id: &str) -> ChaincodeMessage {
        let id = ChaincodeId { name: package_id.to_owned(), ..ChaincodeId::default() };
        ChaincodeMessage {
            r#type: Type::Register.into(),
            payload: id.encode_to_vec(),
            ..ChaincodeMessage::default()
        }
    }

    /// Takes a message of the peer.
    ///
    /// # Errors
    ///
    /// [`OutOfTurn`] if the peer calls before it is ready.
    pub(crate) fn on_message(&mut self, message: ChaincodeMessage) -> Result<Vec<Effect<W>>, OutOfTurn> {
        let kind = message.r#type();
        match (kind, self.phase) {
            // Whatever the phase; the peer sees that somebody is there.
            (Type::Keepalive, _) => return Ok(vec![send(message)]),
            (Type::Registered, Phase::Opening) => self.phase = Phase::Registered,
            (Type::Ready, Phase::Registered) => {
                self.offers = Offers::read(&message.payload);
                self.phase = Phase::Ready;
            }
            (Type::Init | Type::Transaction, Phase::Ready) => return Ok(self.on_call(message)),
            (Type::Init | Type::Transaction, _) => return Err(OutOfTurn { kind }),
            (Type::Response | Type::Error, Phase::Ready) => return Ok(self.on_reply(message)),
            _ => tracing::warn!(kind = message.r#type, phase = ?self.phase, "ignored a message of the peer"),
        }
        Ok(Vec::new())
    }

    /// Takes a request of a transaction.
    pub(crate) fn request(
        &mut self,
        key: &TransactionKey,
        kind: Type,
        payload: Vec<u8>,
        waiter: W,
    ) -> Vec<Effect<W>> {
        let message = key.message(kind, Vec::new());
        let bytes = message.encoded_len().saturating_add(payload.len()).saturating_add(LENGTH_BYTES);
        if bytes > self.limits.message_bytes {
            let (kind, limit) = (kind.as_str_name(), self.limits.message_bytes);
            return vec![Effect::Wake(waiter, Err(LedgerError::TooLarge { kind, bytes, limit }))];
        }
        match self.transactions.get_mut(key) {
            Some(transaction) if transaction.ending.is_none() => {
                transaction.waiting.push_back(Request { kind, payload, waiter });
                self.send_next(key)
            }
            _ => vec![Effect::Wake(waiter, Err(LedgerError::TransactionOver))],
        }
    }

    /// Ends a transaction. What it still waits for is dropped, except that a request under way is replied to first.
    pub(crate) fn finish(&mut self, key: &TransactionKey, ending: Ending) -> Vec<Effect<W>> {
        let Some(transaction) = self.transactions.get_mut(key) else { return Vec::new() };
        let waiting = std::mem::take(&mut transaction.waiting);
        let over = |request: Request<W>| Effect::Wake(request.waiter, Err(LedgerError::TransactionOver));
        let mut effects: Vec<_> = waiting.into_iter().map(over).collect();

        let message = self.limits.ending(key, ending);
        if transaction.under_way.is_some() {
            transaction.ending = Some(message);
        } else {
            effects.push(self.end(key, message));
        }
        effects
    }

    /// The transport has taken a message that came [with a place](Effect::SendWithPlace).
    pub(crate) fn taken(&mut self) -> Vec<Effect<W>> {
        self.places = self.places.saturating_sub(1);
        let mut effects = Vec::new();
        self.admit(&mut effects);
        effects
    }

    /// From now on new calls are refused, in a way that lets the gateway try another peer.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether no transaction is left.
    pub(crate) fn is_idle(&self) -> bool {
        self.transactions.is_empty() && self.beginning.is_empty()
    }

    /// Ends the conversation: everybody who waits is told.
    pub(crate) fn disconnect(self) -> Vec<Effect<W>> {
        let under_way = self.transactions.into_values().flat_map(|transaction| {
            let waiting = transaction.waiting.into_iter().map(|request| request.waiter);
            transaction.under_way.map(|(_, waiter)| waiter).into_iter().chain(waiting)
        });
        let resuming = self.resuming.into_iter().map(|(_, waiter, _)| waiter);
        under_way.chain(resuming).map(|waiter| Effect::Wake(waiter, Err(LedgerError::Disconnected))).collect()
    }

    /// A new call.
    fn on_call(&mut self, message: ChaincodeMessage) -> Vec<Effect<W>> {
        let key = TransactionKey { channel_id: message.channel_id, tx_id: message.txid };
        let is_init = message.r#type == i32::from(Type::Init);
        let refusal = if self.draining {
            Some("the chaincode is shutting down")
        } else if self.transactions.contains_key(&key) || self.beginning.iter().any(|call| call.key == key) {
            Some("a transaction with this id is still running")
        } else {
            None
        };
        if let Some(text) = refusal {
            return vec![send(key.message(Type::Error, text.into()))];
        }
        let input = match ChaincodeInput::decode(message.payload.as_slice()) {
            Ok(input) => input,
            Err(error) => {
                let text = format!("the chaincode's input cannot be decoded: {error}");
                return vec![send(key.message(Type::Error, text.into_bytes()))];
            }
        };
        let offers = self.offers;
        self.beginning.push_back(Invocation { key, input, is_init, proposal: message.proposal, offers });
        let mut effects = Vec::new();
        self.admit(&mut effects);
        effects
    }

    /// The reply to the request under way. One that nobody waits for is dropped.
    fn on_reply(&mut self, message: ChaincodeMessage) -> Vec<Effect<W>> {
        let result = match message.r#type() {
            Type::Response => Ok(message.payload),
            _ => Err(LedgerError::Peer { text: String::from_utf8_lossy(&message.payload).into_owned() }),
        };
        let key = TransactionKey { channel_id: message.channel_id, tx_id: message.txid };
        let Some(transaction) = self.transactions.get_mut(&key) else {
            tracing::debug!(tx_id = key.tx_id, "dropped a reply to a transaction that is over");
            return Vec::new();
        };
        let Some((_, waiter)) = transaction.under_way.take() else {
            tracing::debug!(tx_id = key.tx_id, "dropped a reply that nobody waits for");
            return Vec::new();
        };
        if let Some(ending) = transaction.ending.take() {
            return vec![Effect::Wake(waiter, result), self.end(&key, ending)];
        }
        let mut effects = Vec::new();
        if transaction.running {
            effects.push(Effect::Wake(waiter, result));
        } else {
            self.resuming.push_back((key.clone(), waiter, result));
        }
        effects.extend(self.send_next(&key));
        self.admit(&mut effects);
        effects
    }

    /// Sends a transaction's next request unless one is under way.
    fn send_next(&mut self, key: &TransactionKey) -> Vec<Effect<W>> {
        let mut effects = Vec::new();
        let Some(transaction) = self.transactions.get_mut(key) else { return effects };
        if transaction.under_way.is_some() {
            return effects;
        }
        let Some(request) = transaction.waiting.pop_front() else { return effects };
        transaction.under_way = Some((request.kind, request.waiter));
        let message = Box::new(key.message(request.kind, request.payload));
        let leaves = request.kind == Type::InvokeChaincode && std::mem::take(&mut transaction.running);
        effects.push(if leaves { Effect::SendWithPlace(message) } else { Effect::Send(message) });
        effects
    }

    /// Ends a transaction. One that has no place takes one with its last message, beyond the limit if need be: it need not
    /// wait, since nothing more of it follows.
    fn end(&mut self, key: &TransactionKey, message: ChaincodeMessage) -> Effect<W> {
        if !self.transactions.remove(key).is_some_and(|transaction| transaction.running) {
            self.places = self.places.saturating_add(1);
        }
        Effect::SendWithPlace(Box::new(message))
    }

    /// Lets transactions run while there is room: first those that go on, then new ones.
    fn admit(&mut self, effects: &mut Vec<Effect<W>>) {
        while self.places < self.limits.transactions {
            if let Some((key, waiter, result)) = self.resuming.pop_front() {
                // One that has called another chaincode meanwhile goes on without: that one may need the place.
                if let Some(transaction) = self.transactions.get_mut(&key)
                    && transaction.ending.is_none()
                    && !matches!(transaction.under_way, Some((Type::InvokeChaincode, _)))
                    && !std::mem::replace(&mut transaction.running, true)
                {
                    self.places = self.places.saturating_add(1);
                }
                effects.push(Effect::Wake(waiter, result));
            } else if let Some(call) = self.beginning.pop_front() {
                self.places = self.places.saturating_add(1);
                let fresh =
                    Transaction { running: true, under_way: None, waiting: VecDeque::new(), ending: None };
                self.transactions.insert(call.key.clone(), fresh);
                effects.push(Effect::Begin(Box::new(call)));
            } else {
                return;
            }
        }
    }
}

fn send<W>(message: ChaincodeMessage) -> Effect<W> {
    Effect::Send(Box::new(message))
}

/// More than the field header of a message's payload takes.
const LENGTH_BYTES: usize = 16;

impl Limits {
    /// The last message of a transaction.
    fn ending(&self, key: &TransactionKey, ending: Ending) -> ChaincodeMessage {
        let completed = |response| {
            key.message(Type::Completed, hlf_proto::protos::Response::from(response).encode_to_vec())
        };
        let (response, event) = match ending {
            Ending::Answer { response, event } => (response, event),
            Ending::Failure { text } => return key.message(Type::Error, text.into_bytes()),
        };
        let message = ChaincodeMessage { chaincode_event: event, ..completed(response) };
        let bytes = message.encoded_len();
        if bytes <= self.message_bytes {
            return message;
        }
        let text =
            format!("an answer of {bytes} bytes is larger than the limit of {} bytes", self.message_bytes);
        completed(Response::error(text))
    }
}
