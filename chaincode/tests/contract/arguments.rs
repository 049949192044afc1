//! Every function with too few, too many, empty, huge and undecodable arguments: a coded refusal, never a panic.

use hlf_shim::testing::Call;
use lockstep_protocol::ledger::{CloseByToken, Command as _, Freeze, FreezeReason, Refund, Resolve};
use lockstep_protocol::{EvidenceHash, Refusal, Token, Units};
use proptest::prelude::*;

use crate::world::{World, assert_refused};

/// The functions that take a document.
const COMMANDS: [&str; 8] =
    ["RegisterBank", "Open", "Cancel", "CloseByRelease", "CloseByToken", "Refund", "Freeze", "Resolve"];

/// Every function with arguments that it takes.
fn good(world: &World) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let channel = world.opening(1).channel_id();
    let (units, token, evidence) =
        (Units::ZERO, Token::from_bytes([1; 32]), EvidenceHash::from_bytes([2; 32]));
    let id = channel.to_string();
    let bank = world.bank.public_key().to_string();
    let document = |json: String| vec![json.into_bytes()];
    vec![
        ("RegisterBank", document(world.registration().to_json())),
        ("Open", document(world.opening(1).to_json())),
        ("Cancel", document(world.opening(1).to_json())),
        ("CloseByRelease", document(world.close(1, world.payment(1)).to_json())),
        ("CloseByToken", document(CloseByToken::sign(channel, units, token, &world.vendor).to_json())),
        ("Refund", document(Refund::new(channel).to_json())),
        (
            "Freeze",
            document(Freeze::sign(channel, FreezeReason::CourtOrder, evidence, &world.bank).to_json()),
        ),
        ("Resolve", document(Resolve::sign(channel, units, &world.bank).to_json())),
        ("Channel", document(id.clone())),
        ("History", document(id)),
        ("Bank", document(bank.clone())),
        ("Channels", ["bank", &bank, "10", ""].map(|text| text.as_bytes().to_vec()).to_vec()),
    ]
}

fn call(function: &str, arguments: &[Vec<u8>]) -> Call {
    Call::new(function, arguments.to_vec())
}

#[tokio::test]
async fn too_few_and_too_many() {
    let mut world = World::new().await;
    for (function, arguments) in good(&world) {
        for count in 0..=7 {
            let mut given = arguments.clone();
            given.resize(count, b"{}".to_vec());
            if given.len() == arguments.len() {
                continue;
            }
            let done = world.call(call(function, &given)).await;
            assert_refused(&done, Refusal::WrongArgumentCount);
        }
    }
}

#[tokio::test]
async fn empty_huge_and_not_text() {
    let mut world = World::new().await;
    let classes: [(Vec<u8>, Refusal); 4] = [
        (Vec::new(), Refusal::EmptyArgument),
        (vec![b'a'; 8 * 1024 + 1], Refusal::ArgumentTooLarge),
        (vec![b'['; 4 * 1024 * 1024], Refusal::ArgumentTooLarge),
        (vec![0xff, 0xfe, 0x80], Refusal::ArgumentNotUtf8),
    ];
    for (function, arguments) in good(&world) {
        for (place, _) in arguments.iter().enumerate() {
            for (bad, refusal) in &classes {
                let bookmark = function == "Channels" && place == 3;
                if bookmark && bad.is_empty() {
                    continue;
                }
                let mut given = arguments.clone();
                given[place].clone_from(bad);
                let done = world.call(call(function, &given)).await;
                assert_refused(&done, *refusal);
            }
        }
    }
}

#[tokio::test]
async fn documents_of_another_shape() {
    let mut world = World::new().await;
    let deep = "[".repeat(8_000);
    let documents = [
        "null",
        "0",
        "\"\"",
        "[]",
        "{}",
        "{",
        "[null]",
        "nonsense",
        " ",
        "\0",
        deep.as_str(),
        "1e999",
        "{\"opening\":{}}",
    ];
    for function in COMMANDS {
        for document in documents {
            let done = world.call(call(function, &[document.as_bytes().to_vec()])).await;
            assert_refused(&done, Refusal::MalformedDocument);
        }
    }
}

#[tokio::test]
async fn a_document_with_a_field_missing_added_twice_or_of_another_type() {
    let mut world = World::new().await;
    for (function, arguments) in good(&world).into_iter().filter(|(name, _)| COMMANDS.contains(name)) {
        let text = String::from_utf8(arguments[0].clone()).unwrap();
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        let mut variants =
            vec![text.replacen('{', "{\"extra\":1,", 1), format!("{text}{text}"), format!("{text},")];
        for name in fields.keys() {
            let mut without = fields.clone();
            without.remove(name);
            variants.push(serde_json::to_string(&without).unwrap());
            let mut changed = fields.clone();
            changed.insert(name.clone(), serde_json::Value::Array(Vec::new()));
            variants.push(serde_json::to_string(&changed).unwrap());
            let value = serde_json::to_string(&fields[name]).unwrap();
            variants.push(text.replacen('{', &format!("{{\"{name}\":{value},"), 1));
        }
        for variant in variants {
            let done = world.call(call(function, &[variant.into_bytes()])).await;
            assert_refused(&done, Refusal::MalformedDocument);
        }
    }
}

#[tokio::test]
async fn ids_and_keys_that_are_none() {
    let mut world = World::new().await;
    let id = world.opening(1).channel_id().to_string();
    let values = [
        "0".to_owned(),
        id.to_uppercase(),
        format!("0x{id}"),
        format!("{id} "),
        id[..63].to_owned(),
        format!("{id}00"),
        "zz".repeat(32),
        // A point of no curve, and one that is not compressed.
        format!("02{}", "ff".repeat(32)),
        format!("04{}", "11".repeat(64)),
        "00".repeat(33),
    ];
    for function in ["Channel", "History", "Bank"] {
        for value in &values {
            let done = world.call(call(function, &[value.clone().into_bytes()])).await;
            assert_refused(&done, Refusal::MalformedValue);
        }
    }
    for value in &values {
        let given = ["bank", value, "10", ""].map(|text| text.as_bytes().to_vec());
        assert_refused(&world.call(call("Channels", &given)).await, Refusal::MalformedValue);
    }
}

#[tokio::test]
async fn functions_that_are_none() {
    let mut world = World::new().await;
    for function in
        ["", "open", "Open ", "Channel\0", "lockstep:Open", "org.hyperledger.fabric:GetMetadata", "Withdraw"]
    {
        assert_refused(&world.call(call(function, &[])).await, Refusal::UnknownFunction);
    }
    assert_refused(&world.call(Call::raw(Vec::new())).await, Refusal::UnknownFunction);
    assert_refused(&world.call(Call::raw(vec![vec![0xff]])).await, Refusal::UnknownFunction);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_give_a_record_or_a_coded_refusal(
        function in prop::sample::select(vec!["RegisterBank", "Open", "CloseByRelease", "Channel", "History", "Bank", "Channels"]),
        arguments in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..5),
        kept in 0usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            let mut given = arguments;
            let fine = good(&world).into_iter().find(|(name, _)| *name == function).unwrap().1;
            for (argument, fine) in given.iter_mut().zip(fine).take(kept) {
                *argument = fine;
            }
            let done = world.call(call(function, &given)).await;
            let message = done.response.message();
            assert!(done.response.is_success() || Refusal::find_in(message).is_ok(), "{message}");
        });
    }
}
