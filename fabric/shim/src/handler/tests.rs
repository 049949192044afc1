//! The handler by itself: messages in, effects out.

use hlf_proto::Message;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{self, ChaincodeAdditionalParams, ChaincodeId, ChaincodeInput, ChaincodeMessage};

use super::{Effect, Ending, Handler, Limits, OutOfTurn};
use crate::invocation::{Offers, TransactionKey};
use crate::{LedgerError, Response};

const LIMITS: Limits = Limits { transactions: 2, message_bytes: 1000 };

/// What happened, short enough to compare.
#[derive(Debug, PartialEq)]
enum Seen {
    Sent(Type, &'static str, String),
    /// Sent with the transaction's place.
    Left(Type, &'static str, String),
    Began(String),
    Woken(&'static str, Result<Vec<u8>, LedgerError>),
}

fn key(name: &str) -> TransactionKey {
    TransactionKey { channel_id: "ch".into(), tx_id: name.into() }
}

fn message(kind: Type, name: &str, payload: &[u8]) -> ChaincodeMessage {
    key(name).message(kind, payload.to_vec())
}

/// Waiters and transactions are named by static text, which is leaked into the comparison.
fn seen(effects: Vec<Effect<&'static str>>) -> Vec<Seen> {
    let parts = |message: ChaincodeMessage| {
        let name = ["t1", "t2", "t3", ""].into_iter().find(|name| *name == message.txid).unwrap();
        let text = match message.r#type() {
            Type::Completed => {
                let response = protos::Response::decode(message.payload.as_slice()).unwrap();
                format!("{} {}", response.status, response.message)
            }
            _ => String::from_utf8_lossy(&message.payload).into_owned(),
        };
        (message.r#type(), name, text)
    };
    let see = |effect| match effect {
        Effect::Send(message) => {
            let (kind, name, text) = parts(*message);
            Seen::Sent(kind, name, text)
        }
        Effect::SendWithPlace(message) => {
            let (kind, name, text) = parts(*message);
            Seen::Left(kind, name, text)
        }
        Effect::Begin(invocation) => Seen::Began(invocation.key.tx_id),
        Effect::Wake(waiter, result) => Seen::Woken(waiter, result),
    };
    effects.into_iter().map(see).collect()
}

fn sent(kind: Type, name: &'static str, text: &str) -> Seen {
    Seen::Sent(kind, name, text.into())
}

fn left(kind: Type, name: &'static str, text: &str) -> Seen {
    Seen::Left(kind, name, text.into())
}

struct Peer(Handler<&'static str>);

impl Peer {
    /// A handler whose peer is ready.
    fn ready() -> Self {
        let mut handler = Handler::new(LIMITS);
        for kind in [Type::Registered, Type::Ready] {
            assert!(handler.on_message(message(kind, "", b"")).unwrap().is_empty());
        }
        Self(handler)
    }

    fn gets(&mut self, kind: Type, name: &str, payload: &[u8]) -> Vec<Seen> {
        seen(self.0.on_message(message(kind, name, payload)).unwrap())
    }

    fn calls(&mut self, name: &str) -> Vec<Seen> {
        self.gets(Type::Transaction, name, &ChaincodeInput::default().encode_to_vec())
    }

    fn asks(&mut self, name: &str, kind: Type, payload: &str, waiter: &'static str) -> Vec<Seen> {
        seen(self.0.request(&key(name), kind, payload.into(), waiter))
    }

    fn ends(&mut self, name: &str) -> Vec<Seen> {
        let ending = Ending::Answer { response: Response::success([]), event: None };
        seen(self.0.finish(&key(name), ending))
    }

    /// The transport takes a message that came with a place.
    fn takes(&mut self) -> Vec<Seen> {
        seen(self.0.taken())
    }
}

#[test]
fn registration_comes_first() {
    let register = Handler::<()>::register("basic:ab");
    assert_eq!(register.r#type(), Type::Register);
    assert_eq!(ChaincodeId::decode(register.payload.as_slice()).unwrap().name, "basic:ab");

    for greetings in [&[][..], &[Type::Registered], &[Type::Ready]] {
        let mut handler = Handler::<()>::new(LIMITS);
        for &kind in greetings {
            handler.on_message(message(kind, "", b"")).unwrap();
        }
        for kind in [Type::Transaction, Type::Init] {
            let error = handler.on_message(message(kind, "t1", b"")).unwrap_err();
            assert_eq!(error, OutOfTurn { kind });
        }
    }
}

#[test]
fn keepalive_is_echoed_in_any_phase() {
    let mut early = Peer(Handler::new(LIMITS));
    assert_eq!(early.gets(Type::Keepalive, "", b"k"), [sent(Type::Keepalive, "", "k")]);
    assert_eq!(Peer::ready().gets(Type::Keepalive, "", b""), [sent(Type::Keepalive, "", "")]);
}

#[test]
fn transactions_interleave_and_each_gets_its_reply() {
    let mut peer = Peer::ready();
    assert_eq!(peer.calls("t1"), [Seen::Began("t1".into())]);
    assert_eq!(peer.calls("t2"), [Seen::Began("t2".into())]);
    assert_eq!(peer.asks("t1", Type::GetState, "a", "w1"), [sent(Type::GetState, "t1", "a")]);
    assert_eq!(peer.asks("t2", Type::GetState, "b", "w2"), [sent(Type::GetState, "t2", "b")]);
    assert_eq!(peer.gets(Type::Response, "t2", b"two"), [Seen::Woken("w2", Ok(b"two".into()))]);
    let refused = LedgerError::Peer { text: "no".into() };
    assert_eq!(peer.gets(Type::Error, "t1", b"no"), [Seen::Woken("w1", Err(refused))]);
    assert_eq!(peer.ends("t2"), [left(Type::Completed, "t2", "200 ")]);
    assert!(!peer.0.is_idle());
    assert_eq!(peer.ends("t1"), [left(Type::Completed, "t1", "200 ")]);
    assert!(peer.0.is_idle());
}

#[test]
fn one_request_of_a_transaction_is_under_way() {
    let mut peer = Peer::ready();
    peer.calls("t1");
    assert_eq!(peer.asks("t1", Type::GetState, "a", "w1").len(), 1);
    assert_eq!(peer.asks("t1", Type::PutState, "b", "w2"), []);
    assert_eq!(peer.asks("t1", Type::GetState, "c", "w3"), []);
    assert_eq!(
        peer.gets(Type::Response, "t1", b"1"),
        [Seen::Woken("w1", Ok(b"1".into())), sent(Type::PutState, "t1", "b")]
    );
    assert_eq!(
        peer.gets(Type::Response, "t1", b""),
        [Seen::Woken("w2", Ok(vec![])), sent(Type::GetState, "t1", "c")]
    );
}

#[test]
fn a_reply_that_nobody_waits_for_is_dropped() {
    let mut peer = Peer::ready();
    assert_eq!(peer.gets(Type::Response, "t1", b"1"), []);
    peer.calls("t1");
    assert_eq!(peer.gets(Type::Response, "t1", b"1"), []);
    assert_eq!(peer.asks("t1", Type::GetState, "a", "w1").len(), 1);
    assert_eq!(peer.gets(Type::Response, "t1", b"2"), [Seen::Woken("w1", Ok(b"2".into()))]);
    assert_eq!(peer.gets(Type::Error, "t1", b"3"), []);
    peer.ends("t1");
    assert_eq!(peer.gets(Type::Response, "t1", b"4"), []);
}

#[test]
fn the_end_of_a_transaction_waits_for_the_request_under_way() {
    let mut peer = Peer::ready();
    peer.calls("t1");
    peer.asks("t1", Type::PutState, "a", "w1");
    peer.asks("t1", Type::PutState, "b", "w2");
    assert_eq!(peer.ends("t1"), [Seen::Woken("w2", Err(LedgerError::TransactionOver))]);
    let late = peer.asks("t1", Type::PutState, "c", "w3");
    assert_eq!(late, [Seen::Woken("w3", Err(LedgerError::TransactionOver))]);
    assert!(!peer.0.is_idle());
    assert_eq!(
        peer.gets(Type::Response, "t1", b""),
        [Seen::Woken("w1", Ok(vec![])), left(Type::Completed, "t1", "200 ")]
    );
    assert!(peer.0.is_idle());
}

#[test]
fn the_end_of_the_stream_fails_every_waiter() {
    let mut peer = Peer::ready();
    peer.calls("t1");
    peer.calls("t2");
    peer.asks("t1", Type::GetState, "a", "w1");
    peer.asks("t1", Type::GetState, "b", "w2");
    peer.asks("t2", Type::GetState, "c", "w3");
    let woken = seen(peer.0.disconnect());
    let failed = |waiter| Seen::Woken(waiter, Err(LedgerError::Disconnected));
    assert_eq!(woken, [failed("w1"), failed("w2"), failed("w3")]);
}

#[test]
fn as_many_transactions_run_as_the_limit_says() {
    let mut peer = Peer::ready();
    peer.calls("t1");
    peer.calls("t2");
    assert_eq!(peer.calls("t3"), []);
    assert_eq!(peer.ends("t1"), [left(Type::Completed, "t1", "200 ")]);
    // Until the peer has read what there is, no more of it is made.
    assert_eq!(peer.takes(), [Seen::Began("t3".into())]);
}

#[test]
fn a_transaction_that_waits_for_another_chaincode_makes_room() {
    let mut peer = Peer::ready();
    peer.calls("t1");
    peer.calls("t2");
    peer.calls("t3");
    assert_eq!(peer.asks("t1", Type::InvokeChaincode, "x", "w1"), [left(Type::InvokeChaincode, "t1", "x")]);
    assert_eq!(peer.takes(), [Seen::Began("t3".into())]);
    // There is no room until another transaction ends.
    assert_eq!(peer.gets(Type::Response, "t1", b"r"), []);
    assert_eq!(peer.ends("t3"), [left(Type::Completed, "t3", "200 ")]);
    assert_eq!(peer.takes(), [Seen::Woken("w1", Ok(b"r".into()))]);
    assert_eq!(peer.calls("t3"), []);
    assert_eq!(peer.ends("t1"), [left(Type::Completed, "t1", "200 ")]);
    assert_eq!(peer.takes(), [Seen::Began("t3".into())]);
}

/// Of two chaincodes called at once the second may itself need the room.
#[test]
fn a_transaction_with_two_calls_makes_room_until_the_last_has_answered() {
    let mut peer = Peer::ready();
    peer.calls("t1");
    peer.calls("t2");
    assert_eq!(peer.asks("t1", Type::InvokeChaincode, "b", "w1"), [left(Type::InvokeChaincode, "t1", "b")]);
    assert_eq!(peer.takes(), []);
    assert_eq!(peer.asks("t1", Type::InvokeChaincode, "c", "w2"), []);
    assert_eq!(
        peer.gets(Type::Response, "t1", b"r"),
        [sent(Type::InvokeChaincode, "t1", "c"), Seen::Woken("w1", Ok(b"r".into()))]
    );
    assert_eq!(peer.calls("t3"), [Seen::Began("t3".into())]);
    // From now on it counts again, and there is no room.
    assert_eq!(peer.gets(Type::Response, "t1", b"s"), []);
    assert_eq!(peer.ends("t3"), [left(Type::Completed, "t3", "200 ")]);
    assert_eq!(peer.takes(), [Seen::Woken("w2", Ok(b"s".into()))]);
}

/// Else a peer that replies to calls of chaincodes, and does not read, would have answers pile up.
#[test]
fn an_answer_without_a_place_takes_one() {
    let mut peer = Peer::ready();
    for name in ["t1", "t2"] {
        peer.calls(name);
        peer.asks(name, Type::InvokeChaincode, "b", "w");
        assert_eq!(peer.takes(), []);
        // It gives up before the called chaincode has answered.
        assert_eq!(peer.ends(name), []);
        let late = peer.gets(Type::Response, name, b"r");
        assert_eq!(late, [Seen::Woken("w", Ok(b"r".into())), left(Type::Completed, name, "200 ")]);
    }
    assert_eq!(peer.calls("t3"), []);
    assert_eq!(peer.takes(), [Seen::Began("t3".into())]);
}

#[test]
fn a_call_within_a_nested_call_is_another_transaction() {
    let mut peer = Peer::ready();
    peer.calls("t1");
    peer.asks("t1", Type::InvokeChaincode, "x", "w1");
    assert_eq!(peer.takes(), []);
    let mut nested = message(Type::Transaction, "t1", &ChaincodeInput::default().encode_to_vec());
    nested.channel_id = "other".into();
    assert_eq!(seen(peer.0.on_message(nested).unwrap()), [Seen::Began("t1".into())]);
    assert_eq!(peer.gets(Type::Response, "t1", b"r"), [Seen::Woken("w1", Ok(b"r".into()))]);
}

#[test]
fn a_transaction_that_is_running_cannot_begin_again() {
    let mut peer = Peer::ready();
    peer.calls("t1");
    assert_eq!(peer.calls("t1"), [sent(Type::Error, "t1", "a transaction with this id is still running")]);
    peer.ends("t1");
    assert_eq!(peer.calls("t1"), [Seen::Began("t1".into())]);
}

#[test]
fn input_that_cannot_be_decoded_fails_its_transaction_alone() {
    let mut peer = Peer::ready();
    let effects = peer.gets(Type::Transaction, "t1", &[0xff]);
    assert!(
        matches!(&effects[..], [Seen::Sent(Type::Error, "t1", text)] if text.contains("cannot be decoded"))
    );
    assert_eq!(peer.calls("t2"), [Seen::Began("t2".into())]);
}

#[test]
fn messages_above_the_limit_are_not_sent() {
    let mut peer = Peer::ready();
    peer.calls("t1");
    let effects = peer.asks("t1", Type::PutState, &"x".repeat(1000), "w1");
    assert!(matches!(effects[..], [Seen::Woken("w1", Err(LedgerError::TooLarge { limit: 1000, .. }))]));
    let ending = Ending::Answer { response: Response::success(vec![0; 1000]), event: None };
    let effects = seen(peer.0.finish(&key("t1"), ending));
    assert!(
        matches!(&effects[..], [Seen::Left(Type::Completed, "t1", text)] if text.starts_with("500 an answer"))
    );
}

#[test]
fn a_failure_of_the_shim_ends_with_error() {
    let mut peer = Peer::ready();
    peer.calls("t1");
    let effects = seen(peer.0.finish(&key("t1"), Ending::Failure { text: "no batch".into() }));
    assert_eq!(effects, [left(Type::Error, "t1", "no batch")]);
    assert!(peer.0.is_idle());
}

#[test]
fn what_ready_offers_goes_with_each_call() {
    let offers = |payload: &[u8]| {
        let mut handler = Handler::<()>::new(LIMITS);
        handler.on_message(message(Type::Registered, "", b"")).unwrap();
        handler.on_message(message(Type::Ready, "", payload)).unwrap();
        let call = message(Type::Transaction, "t1", &ChaincodeInput::default().encode_to_vec());
        match &handler.on_message(call).unwrap()[..] {
            [Effect::Begin(invocation)] => invocation.offers,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(offers(b""), Offers::default());
    assert_eq!(offers(&[0xff]), Offers::default());
    let parameters = ChaincodeAdditionalParams {
        use_write_batch: true,
        max_size_write_batch: 1000,
        use_get_multiple_keys: true,
        max_size_get_multiple_keys: 7,
    };
    let both = Offers { write_batch: Some(1000), get_multiple: Some(100) };
    assert_eq!(offers(&parameters.encode_to_vec()), both);
    let one = ChaincodeAdditionalParams { use_write_batch: false, ..parameters };
    assert_eq!(offers(&one.encode_to_vec()), Offers { write_batch: None, ..both });
}

#[test]
fn draining_lets_transactions_end_and_takes_no_new_ones() {
    let mut peer = Peer::ready();
    for name in ["t1", "t2"] {
        peer.calls(name);
    }
    peer.0.drain();
    assert_eq!(peer.calls("t3"), [sent(Type::Error, "t3", "the chaincode is shutting down")]);
    assert_eq!(peer.asks("t1", Type::GetState, "a", "w1").len(), 1);
    peer.gets(Type::Response, "t1", b"");
    peer.ends("t1");
    assert!(!peer.0.is_idle());
    peer.ends("t2");
    assert!(peer.0.is_idle());
}

#[test]
fn messages_that_make_no_sense_are_ignored() {
    let mut peer = Peer::ready();
    for kind in [Type::Undefined, Type::Register, Type::Registered, Type::Completed, Type::GetState] {
        assert_eq!(peer.gets(kind, "t1", b"x"), []);
    }
    let unknown = ChaincodeMessage { r#type: 99, ..ChaincodeMessage::default() };
    assert_eq!(seen(peer.0.on_message(unknown).unwrap()), []);
}
