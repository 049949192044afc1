use std::sync::Arc;

use hlf_proto::protos::{GetState, PutState, QueryResponse, QueryStateClose, QueryStateNext};
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::core::memory::MemoryLedger;

fn message(kind: Type, payload: Vec<u8>) -> ChaincodeMessage {
    ChaincodeMessage {
        r#type: kind.into(),
        payload,
        txid: "tx".into(),
        channel_id: "ch".into(),
        ..ChaincodeMessage::default()
    }
}

fn register(name: &str) -> ChaincodeMessage {
    message(Type::Register, ChaincodeId { name: name.into(), ..ChaincodeId::default() }.encode_to_vec())
}

fn invocation(tx_id: &str) -> Invocation {
    Invocation {
        channel: "ch".into(),
        tx_id: tx_id.into(),
        input: ChaincodeInput::default(),
        proposal: SignedProposal::default(),
        simulator: Simulator::new(Arc::new(MemoryLedger::default()), tx_id, "cc"),
    }
}

fn ready() -> Session {
    let mut session = Session::new(None);
    session.on_message(register("cc:1")).unwrap();
    session
}

fn text(message: &ChaincodeMessage) -> &str {
    std::str::from_utf8(&message.payload).unwrap()
}

#[test]
fn registration_is_answered_with_registered_and_an_empty_ready() {
    let mut session = Session::new(Some("cc:1".into()));
    assert!(!session.is_ready());
    let answers = session.on_message(register("cc:1")).unwrap();
    let kinds: Vec<Type> = answers.iter().map(ChaincodeMessage::r#type).collect();
    assert_eq!(kinds, [Type::Registered, Type::Ready]);
    assert!(answers[1].payload.is_empty());
    assert!(session.is_ready());
}

#[test]
fn wrong_beginnings_end_the_stream() {
    let wrong = StreamFault::WrongName { expected: "cc:1".into(), found: "cc:2".into() };
    assert_eq!(Session::new(Some("cc:1".into())).on_message(register("cc:2")), Err(wrong));
    assert_eq!(Session::new(None).on_message(register("")), Err(StreamFault::Nameless));
    let early = message(Type::GetState, Vec::new());
    assert_eq!(Session::new(None).on_message(early), Err(StreamFault::NotRegistered("GET_STATE")));
    assert_eq!(Session::new(None).on_message(message(Type::Keepalive, Vec::new())), Ok(Vec::new()));
}

#[test]
fn calls_are_answered_from_the_transactions_simulation() {
    let mut session = ready();
    let (start, mut finished) = session.begin(invocation("tx")).unwrap();
    assert_eq!(start.r#type(), Type::Transaction);
    assert!(session.begin(invocation("tx")).is_none(), "the same transaction twice");
    let put = PutState { key: "k".into(), value: b"v".to_vec(), ..PutState::default() };
    let answers = session.on_message(message(Type::PutState, put.encode_to_vec())).unwrap();
    assert_eq!(answers[0].r#type(), Type::Response);
    let get = GetState { key: "k".into(), ..GetState::default() }.encode_to_vec();
    let answers = session.on_message(message(Type::GetState, get)).unwrap();
    assert_eq!((answers[0].r#type(), text(&answers[0])), (Type::Response, ""));
    assert_eq!(finished.try_recv().unwrap_err(), TryRecvError::Empty);
    assert_eq!(session.on_message(message(Type::Completed, b"done".to_vec())), Ok(Vec::new()));
    let Finished { message: last, simulator } = finished.try_recv().unwrap();
    assert_eq!(text(&last), "done");
    assert_eq!(simulator.finish().namespaces[0].set.writes[0].key, "k");
    // A second end, or one of nobody's transaction, is ignored.
    assert_eq!(session.on_message(message(Type::Completed, Vec::new())), Ok(Vec::new()));
}

#[test]
fn unsupported_calls_are_refused_by_name() {
    let mut session = ready();
    let (_, mut finished) = session.begin(invocation("tx")).unwrap();
    for kind in [
        Type::InvokeChaincode,
        Type::GetStateMetadata,
        Type::PutStateMetadata,
        Type::GetPrivateDataHash,
        Type::PurgePrivateData,
        Type::WriteBatchState,
        Type::GetStateMultiple,
    ] {
        let answers = session.on_message(message(kind, Vec::new())).unwrap();
        let name = kind.as_str_name();
        assert_eq!(answers[0].r#type(), Type::Error);
        assert_eq!(
            text(&answers[0]),
            format!("{name} failed: transaction ID: tx: hlf-devnet does not support {name}")
        );
    }
    let private = GetState { key: "k".into(), collection: "secret".into() }.encode_to_vec();
    let answers = session.on_message(message(Type::GetState, private)).unwrap();
    assert!(text(&answers[0]).ends_with("hlf-devnet does not support private data"));
    let answers = session.on_message(message(Type::GetState, b"\xff".to_vec())).unwrap();
    assert!(text(&answers[0]).contains("unmarshal failed"));
    assert_eq!(finished.try_recv().unwrap_err(), TryRecvError::Empty, "the transaction goes on");
}

#[test]
fn calls_of_no_transaction_have_no_context() {
    let mut session = ready();
    let (_, finished) = session.begin(invocation("tx")).unwrap();
    session.abandon("ch", "tx");
    drop(finished);
    let answers = session.on_message(message(Type::GetState, Vec::new())).unwrap();
    assert_eq!(text(&answers[0]), "GET_STATE failed: transaction ID: tx: no ledger context");
}

#[test]
fn unknown_messages_end_the_stream() {
    let mut session = ready();
    assert_eq!(session.on_message(message(Type::Response, Vec::new())), Err(StreamFault::Unknown(13)));
    let unknown = ChaincodeMessage { r#type: 99, ..ChaincodeMessage::default() };
    assert_eq!(session.on_message(unknown), Err(StreamFault::Unknown(99)));
}

#[test]
fn whoever_waits_learns_that_the_session_has_ended() {
    let mut session = ready();
    let (_, mut finished) = session.begin(invocation("tx")).unwrap();
    session.close();
    assert_eq!(finished.try_recv().unwrap_err(), TryRecvError::Closed);
}

#[test]
fn closing_an_unknown_query_is_no_error() {
    let mut session = ready();
    let (_, _finished) = session.begin(invocation("tx")).unwrap();
    let close = QueryStateClose { id: "7".into() }.encode_to_vec();
    let answers = session.on_message(message(Type::QueryStateClose, close)).unwrap();
    assert_eq!(QueryResponse::decode(answers[0].payload.as_slice()).unwrap().id, "7");
    let next = QueryStateNext { id: "7".into() }.encode_to_vec();
    let answers = session.on_message(message(Type::QueryStateNext, next)).unwrap();
    assert!(text(&answers[0]).ends_with("query iterator not found"));
}
