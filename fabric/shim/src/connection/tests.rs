//! A conversation whose peer does not read.

use futures::stream;
use hlf_proto::Message;
use hlf_proto::protos::ChaincodeInput;

use super::*;
use crate::Counters;

const LIMIT: usize = 4;
const CALLS: usize = 100;

struct Nothing;

impl Chaincode for Nothing {
    async fn invoke(&self, _: &Stub) -> Response {
        Response::success([])
    }
}

fn messages() -> impl Iterator<Item = ChaincodeMessage> {
    let message = |kind, txid: String, payload| {
        let key = TransactionKey { channel_id: "ch".into(), tx_id: txid };
        key.message(kind, payload)
    };
    let greetings = [Type::Registered, Type::Ready];
    let call = move |number| {
        message(Type::Transaction, format!("t{number}"), ChaincodeInput::default().encode_to_vec())
    };
    greetings
        .into_iter()
        .map(move |kind| message(kind, String::new(), Vec::new()))
        .chain((0..CALLS).map(call))
}

/// Answers may be large, and calls small.
#[tokio::test]
async fn a_peer_that_calls_and_does_not_read_leaves_few_answers() {
    let counters = Arc::new(Counters::default());
    let settings = Settings {
        package_id: "test:0123".into(),
        local_msp_id: None,
        metrics: counters.clone(),
        limits: Limits { transactions: LIMIT, message_bytes: 1000 },
        transaction_timeout: Duration::from_secs(300),
    };
    let stop = Stop { drain: CancellationToken::new(), now: CancellationToken::new() };
    let (outbound, answers) = outbound();
    let inbound = stream::iter(messages().map(Ok)).chain(stream::pending());
    tokio::spawn(async move { Connection::run(Arc::new(Nothing), &settings, inbound, outbound, stop).await });
    // Nothing of it waits for anything but turns of this one thread.
    for _ in 0..CALLS * 100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(counters.transactions(), LIMIT as u64);

    let answers = answers.filter(|message| {
        std::future::ready(message.as_ref().is_ok_and(|message| message.r#type() == Type::Completed))
    });
    assert_eq!(answers.take(CALLS).count().await, CALLS);
    assert_eq!(counters.transactions(), CALLS as u64);
}
