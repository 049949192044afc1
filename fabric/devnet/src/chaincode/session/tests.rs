use hlf_proto::protos::write_record::Type as Write;
use hlf_proto::protos::{
    GetState, GetStateMultiple, GetStateMultipleResult, PutState, QueryResponse, QueryStateClose,
    QueryStateNext, StateMetadata, WriteBatchState, WriteRecord,
};
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::core::definition::Definitions;
use crate::core::memory::MemoryLedger;
use crate::core::testing::setting;

const FEATURES: Features = Features { batches: true, rich_queries: true };

/// A chaincode that answers with its own name.
struct Echo;

#[async_trait]
impl Callee for Echo {
    async fn call(self: Arc<Self>, call: NestedCall) -> Result<ChaincodeMessage, String> {
        if call.target == "none" {
            return Err("no such chaincode".into());
        }
        let payload = call.target.into_bytes();
        Ok(ChaincodeMessage { r#type: Type::Completed.into(), payload, ..ChaincodeMessage::default() })
    }
}

fn answers_to(session: &mut Session, message: ChaincodeMessage) -> Vec<ChaincodeMessage> {
    hear(session, message).unwrap()
}

fn hear(session: &mut Session, message: ChaincodeMessage) -> Result<Vec<ChaincodeMessage>, StreamFault> {
    session.on_message(message).map(answers)
}

fn answers(reactions: Vec<Reaction>) -> Vec<ChaincodeMessage> {
    let answer = |reaction| match reaction {
        Reaction::Answer(message) => *message,
        Reaction::Call(_) => panic!("a call"),
    };
    reactions.into_iter().map(answer).collect()
}

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

fn simulator(tx_id: &str) -> SharedSimulator {
    let setting = setting(tx_id, &Definitions::default());
    Arc::new(Mutex::new(Simulator::new(Arc::new(MemoryLedger::default()), setting)))
}

fn invocation(tx_id: &str) -> Invocation {
    Invocation {
        channel: "ch".into(),
        tx_id: tx_id.into(),
        input: ChaincodeInput::default(),
        proposal: SignedProposal::default(),
        context: Context { namespace: "cc".into(), is_init: false },
        simulator: simulator(tx_id),
        callee: Arc::new(Echo),
    }
}

fn ready() -> Session {
    let mut session = Session::new(None, FEATURES);
    answers(session.on_message(register("cc:1")).unwrap());
    session
}

fn text(message: &ChaincodeMessage) -> &str {
    std::str::from_utf8(&message.payload).unwrap()
}

#[test]
fn registration_is_answered_with_registered_and_what_ready_offers() {
    let mut session = Session::new(Some("cc:1".into()), FEATURES);
    assert!(!session.is_ready());
    let answers = answers_to(&mut session, register("cc:1"));
    let kinds: Vec<Type> = answers.iter().map(ChaincodeMessage::r#type).collect();
    assert_eq!(kinds, [Type::Registered, Type::Ready]);
    let offer = ChaincodeAdditionalParams::decode(answers[1].payload.as_slice()).unwrap();
    assert!(offer.use_write_batch && offer.use_get_multiple_keys);
    assert!(session.is_ready());
    let mut old = Session::new(None, Features { batches: false, ..FEATURES });
    assert!(answers_to(&mut old, register("cc:1"))[1].payload.is_empty());
}

#[test]
fn wrong_beginnings_end_the_stream() {
    let wrong = StreamFault::WrongName { expected: "cc:1".into(), found: "cc:2".into() };
    assert_eq!(hear(&mut Session::new(Some("cc:1".into()), FEATURES), register("cc:2")), Err(wrong));
    assert_eq!(hear(&mut Session::new(None, FEATURES), register("")), Err(StreamFault::Nameless));
    let early = message(Type::GetState, Vec::new());
    assert_eq!(hear(&mut Session::new(None, FEATURES), early), Err(StreamFault::NotRegistered("GET_STATE")));
    assert_eq!(hear(&mut Session::new(None, FEATURES), message(Type::Keepalive, Vec::new())), Ok(Vec::new()));
}

#[test]
fn calls_are_answered_from_the_transactions_simulation() {
    let mut session = ready();
    let shared = simulator("tx");
    let first = Invocation { simulator: Arc::clone(&shared), ..invocation("tx") };
    let (start, mut finished) = session.begin(first).unwrap();
    assert_eq!(start.r#type(), Type::Transaction);
    assert!(session.begin(invocation("tx")).is_none(), "the same transaction twice");
    let put = PutState { key: "k".into(), value: b"v".to_vec(), ..PutState::default() };
    let answers = answers_to(&mut session, message(Type::PutState, put.encode_to_vec()));
    assert_eq!(answers[0].r#type(), Type::Response);
    let get = GetState { key: "k".into(), ..GetState::default() }.encode_to_vec();
    let answers = answers_to(&mut session, message(Type::GetState, get));
    assert_eq!((answers[0].r#type(), text(&answers[0])), (Type::Response, ""));
    assert_eq!(finished.try_recv().unwrap_err(), TryRecvError::Empty);
    assert_eq!(hear(&mut session, message(Type::Completed, b"done".to_vec())), Ok(Vec::new()));
    assert_eq!(text(&finished.try_recv().unwrap()), "done");
    assert_eq!(shared.lock().unwrap().finish().set.namespaces[0].set.writes[0].key, "k");
    // A second end, or one of nobody's transaction, is ignored.
    assert_eq!(hear(&mut session, message(Type::Completed, Vec::new())), Ok(Vec::new()));
}

#[test]
fn what_was_not_offered_is_refused_by_name() {
    let mut session = Session::new(None, Features { batches: false, rich_queries: false });
    session.on_message(register("cc:1")).unwrap();
    let (_, mut finished) = session.begin(invocation("tx")).unwrap();
    for kind in [Type::WriteBatchState, Type::GetStateMultiple] {
        let answers = answers_to(&mut session, message(kind, Vec::new()));
        let name = kind.as_str_name();
        assert_eq!(answers[0].r#type(), Type::Error);
        assert_eq!(
            text(&answers[0]),
            format!(
                "{name} failed: transaction ID: tx: hlf-devnet does not support {name} with batches = false"
            )
        );
    }
    let answers = answers_to(&mut session, message(Type::GetQueryResult, Vec::new()));
    assert!(text(&answers[0]).ends_with("ExecuteQuery not supported for leveldb"));
    let answers = answers_to(&mut session, message(Type::GetState, b"\xff".to_vec()));
    assert!(text(&answers[0]).contains("unmarshal failed"));
    assert_eq!(finished.try_recv().unwrap_err(), TryRecvError::Empty, "the transaction goes on");
}

#[test]
fn batches_write_and_read_several_keys() {
    let mut session = ready();
    let shared = simulator("tx");
    let invocation = Invocation { simulator: Arc::clone(&shared), ..invocation("tx") };
    let (_, _finished) = session.begin(invocation).unwrap();
    let record = |key: &str, kind: Write| WriteRecord {
        key: key.into(),
        value: b"v".to_vec(),
        metadata: Some(StateMetadata { metakey: "VALIDATION_PARAMETER".into(), value: b"p".to_vec() }),
        r#type: kind.into(),
        ..WriteRecord::default()
    };
    let rec = vec![
        record("a", Write::PutState),
        record("b", Write::DelState),
        record("a", Write::PutStateMetadata),
    ];
    let batch = WriteBatchState { rec }.encode_to_vec();
    let answers = answers_to(&mut session, message(Type::WriteBatchState, batch));
    assert_eq!(answers[0].r#type(), Type::Response);
    let several = GetStateMultiple { keys: vec!["a".into(), "b".into()], ..GetStateMultiple::default() };
    let answers = answers_to(&mut session, message(Type::GetStateMultiple, several.encode_to_vec()));
    let values = GetStateMultipleResult::decode(answers[0].payload.as_slice()).unwrap().values;
    assert_eq!(values, [Vec::<u8>::new(), Vec::new()]);
    let unknown = WriteBatchState { rec: vec![WriteRecord::default()] }.encode_to_vec();
    let answers = answers_to(&mut session, message(Type::WriteBatchState, unknown));
    assert!(text(&answers[0]).ends_with("unknown operation type"));
    let set = shared.lock().unwrap().finish().set.namespaces.remove(0).set;
    let writes: Vec<_> = set.writes.iter().map(|write| (write.key.as_str(), write.is_delete)).collect();
    assert_eq!(writes, [("a", false), ("b", true)]);
    assert_eq!((set.metadata_writes.len(), set.reads.len()), (1, 2));
}

#[tokio::test]
async fn other_chaincodes_are_called_beside_the_stream() {
    let mut session = ready();
    let (_, _finished) = session.begin(invocation("tx")).unwrap();
    let call = |name: &str| {
        let chaincode_id = Some(ChaincodeId { name: name.into(), ..ChaincodeId::default() });
        message(
            Type::InvokeChaincode,
            ChaincodeSpec { chaincode_id, ..ChaincodeSpec::default() }.encode_to_vec(),
        )
    };
    let pending = |mut reactions: Vec<Reaction>| match reactions.remove(0) {
        Reaction::Call(pending) => pending,
        Reaction::Answer(answer) => panic!("{answer:?}"),
    };
    let answer = pending(session.on_message(call("other")).unwrap()).run().await;
    assert_eq!(answer.r#type(), Type::Response);
    let nested = ChaincodeMessage::decode(answer.payload.as_slice()).unwrap();
    assert_eq!((nested.r#type(), nested.payload.as_slice()), (Type::Completed, b"other".as_slice()));
    let answer = pending(session.on_message(call("none")).unwrap()).run().await;
    assert_eq!(text(&answer), "INVOKE_CHAINCODE failed: transaction ID: tx: no such chaincode");
}

#[test]
fn calls_of_no_transaction_have_no_context() {
    let mut session = ready();
    let (_, finished) = session.begin(invocation("tx")).unwrap();
    session.abandon("ch", "tx");
    drop(finished);
    let answers = answers_to(&mut session, message(Type::GetState, Vec::new()));
    assert_eq!(text(&answers[0]), "GET_STATE failed: transaction ID: tx: no ledger context");
}

#[test]
fn unknown_messages_end_the_stream() {
    let mut session = ready();
    assert_eq!(hear(&mut session, message(Type::Response, Vec::new())), Err(StreamFault::Unknown(13)));
    let unknown = ChaincodeMessage { r#type: 99, ..ChaincodeMessage::default() };
    assert_eq!(hear(&mut session, unknown), Err(StreamFault::Unknown(99)));
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
    let answers = answers_to(&mut session, message(Type::QueryStateClose, close));
    assert_eq!(QueryResponse::decode(answers[0].payload.as_slice()).unwrap().id, "7");
    let next = QueryStateNext { id: "7".into() }.encode_to_vec();
    let answers = answers_to(&mut session, message(Type::QueryStateNext, next));
    assert!(text(&answers[0]).ends_with("query iterator not found"));
}
