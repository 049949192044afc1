//! Everything that is read from outside: any bytes give a value or an error, and a value is written as it was read [Spec §11].

use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::ledger::{
    BankRegistration, Cancel, ChannelRecord, CloseByRelease, CloseByToken, Command, Freeze, Open, Refund,
    RegisterBank, Resolve, arguments, decode_command, one_argument, parse_argument, text_argument,
};
use lockstep_protocol::opening::Opening;
use lockstep_protocol::payment::{Ack, Batch, Head, Payment, PaymentFields, PaymentRecord};
use lockstep_protocol::receipt::Receipt;
use lockstep_protocol::{Amount, ChannelId, MaxDrift, Memo, PublicKey, Refusal, ShortText, Timestamp};
use proptest::prelude::*;

use crate::scene::{Scene, text, units};

#[test]
fn payments_and_batches_travel_as_the_specification_says() {
    let scene = Scene::new();
    let payments = scene.payments(3);
    let batch = Batch::of(&payments).unwrap();
    let bytes = batch.encode();
    assert_eq!(bytes.len(), 4 + 3 * (110 + "item 1".len()));
    assert_eq!(Batch::decode(&bytes, 3).unwrap(), batch);
    assert!(Batch::decode(&bytes, 2).is_err());
    assert!(Batch::decode(&bytes[..bytes.len() - 1], 3).is_err());
    assert!(Batch::decode(&bytes[..4], 3).is_err());
    let zero = [&[0; 4], &bytes[4..]].concat();
    assert!(Batch::decode(&zero, 3).is_err());
    let overflowing = [&[0xff; 4], &bytes[4..]].concat();
    assert!(Batch::decode(&overflowing, 3).is_err());
    // Found by fuzzing: the last payment has the last number there is, and counting must not go beyond it.
    let last = Batch::decode(&[&[0xff, 0xff, 0xff, 0xfd], &bytes[4..]].concat(), 3).unwrap();
    assert_eq!(
        last.numbered().map(|(number, _)| number.as_index()).collect::<Vec<_>>(),
        [u32::MAX - 2, u32::MAX - 1, u32::MAX]
    );
    let numbers: Vec<_> = batch.numbered().map(|(number, _)| number.as_index()).collect();
    assert_eq!(numbers, [1, 2, 3]);

    let payment = &payments[2];
    assert_eq!(Payment::decode(&payment.encode()).unwrap(), *payment);
    let mut opening = payment.encode();
    opening[64..68].fill(0);
    assert!(Payment::decode(&opening).is_err(), "0 is the opening's number");
    assert!(!format!("{payment:?} {batch:?}").contains("item"), "a memo is not for logs");
    let ack = payment.ack();
    assert_eq!((ack.encode().len(), Ack::decode(&ack.encode()).unwrap()), (40, ack));
    let head = Head::after(payment);
    let json = serde_json::to_string(&head).unwrap();
    assert_eq!(serde_json::from_str::<Head>(&json).unwrap(), head);
    let receipt = Receipt::new(payment, scene.client.sign(&payment.tx().as_digest()));
    assert_eq!(Receipt::decode(&receipt.encode()).unwrap(), receipt);
    let json = serde_json::to_string(&receipt).unwrap();
    assert_eq!(serde_json::from_str::<Receipt>(&json).unwrap(), receipt);
    assert!(receipt.verify(scene.client.public_key()).is_ok());
}

fn round_trip<T: Command + PartialEq + std::fmt::Debug>(command: &T) {
    let json = command.to_json();
    assert_eq!(&decode_command::<T>(json.as_bytes()).unwrap(), command);
    let unknown = json.replacen('{', "{\"more\":1,", 1);
    assert_eq!(decode_command::<T>(unknown.as_bytes()).unwrap_err(), Refusal::MalformedDocument);
}

#[test]
fn commands_round_trip_and_refuse_unknown_fields() {
    let scene = Scene::new();
    round_trip(&RegisterBank::sign(&scene.ledger, text("BankMSP"), MaxDrift::DEFAULT, &scene.bank));
    round_trip(&Open::new(scene.signed.clone()));
    round_trip(&Cancel::new(scene.signed.clone()));
    round_trip(&scene.release_command(2));
    round_trip(&scene.token_command(2));
    round_trip(&scene.refund_command());
    round_trip(&scene.freeze_command());
    round_trip(&scene.resolve_command(2));
    let json = serde_json::to_string(&scene.registration).unwrap();
    assert_eq!(serde_json::from_str::<BankRegistration>(&json).unwrap(), scene.registration);
}

#[test]
fn bad_arguments_have_codes() {
    let none: [&[u8]; 0] = [];
    assert_eq!(one_argument(&none), Err(Refusal::WrongArgumentCount));
    assert_eq!(one_argument(&[b"a", b"b"]), Err(Refusal::WrongArgumentCount));
    assert_eq!(one_argument(&[b"a"]), Ok(&b"a"[..]));
    assert!(arguments::<4, _>(&[b"a", b"b", b"c", b"d"]).is_ok());
    assert_eq!(text_argument(b""), Err(Refusal::EmptyArgument));
    assert_eq!(text_argument(&vec![b'x'; 8193]), Err(Refusal::ArgumentTooLarge));
    assert_eq!(text_argument(&[0xff]), Err(Refusal::ArgumentNotUtf8));
    assert_eq!(parse_argument::<ChannelId>(b"00"), Err(Refusal::MalformedValue));
    let refusals = [&b"{}"[..], b"[]", b"null", b"\"\"", b"{\"channel_id\":1}"].map(decode_command::<Refund>);
    assert!(refusals.iter().all(|refusal| *refusal == Err(Refusal::MalformedDocument)));
    let twice = format!("{{\"channel_id\":\"{0}\",\"channel_id\":\"{0}\"}}", "00".repeat(32));
    assert_eq!(decode_command::<Refund>(twice.as_bytes()), Err(Refusal::MalformedDocument));
    let upper = format!("{{\"channel_id\":\"{}\"}}", "AB".repeat(32));
    assert_eq!(decode_command::<Refund>(upper.as_bytes()), Err(Refusal::MalformedDocument));
    let deep = "[".repeat(8000);
    assert_eq!(decode_command::<Refund>(deep.as_bytes()), Err(Refusal::MalformedDocument));
}

#[test]
fn amounts_are_decimal_strings_and_dollars_for_people() {
    let read = |text: &str| serde_json::from_str::<Amount>(text);
    assert_eq!(read("\"0\"").unwrap(), Amount::ZERO);
    assert_eq!(read("\"18446744073709551615\"").unwrap(), Amount::from_micros(u64::MAX));
    for bad in ["1", "\"\"", "\"01\"", "\"+1\"", "\"-1\"", "\"1.0\"", "\"18446744073709551616\"", "\" 1\""] {
        assert!(read(bad).is_err(), "{bad}");
    }
    assert_eq!(Amount::from_dollars("0.01").unwrap().as_micros(), 10_000);
    assert_eq!(Amount::from_dollars("12").unwrap().to_dollars(), "12.00");
    assert_eq!(Amount::from_micros(1_234_567).to_dollars(), "1.234567");
    for bad in ["", ".", "1.", ".5", "-1", "1.0000001", "1,5", "18446744073710"] {
        assert!(Amount::from_dollars(bad).is_err(), "{bad}");
    }
    assert!(Amount::from_micros(u64::MAX).checked_add(Amount::from_micros(1)).is_err());
    assert!(Amount::ZERO.checked_sub(Amount::from_micros(1)).is_err());
    assert!(Amount::from_micros(u64::MAX).checked_mul(units(2)).is_err());
}

#[test]
fn times_are_bounded() {
    assert!(Timestamp::from_unix_millis(1 << 53).is_err());
    assert!(Timestamp::from_unix_millis((1 << 53) - 1).is_ok());
    let fabric = |seconds, nanos| Timestamp::from_seconds_and_nanos(seconds, nanos);
    assert_eq!(fabric(2, 999_999_999).unwrap().as_unix_millis(), 2999);
    for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000), (i64::MAX, 0), (i64::MIN, 0), (1 << 44, 0)]
    {
        assert!(fabric(seconds, nanos).is_err(), "{seconds} {nanos}");
    }
    for millis in [0, 999, 600_001, u64::MAX] {
        assert!(MaxDrift::from_millis(millis).is_err());
    }
    assert!(Memo::new("x".repeat(1025)).is_err() && Memo::new("x".repeat(1024)).is_ok());
    assert!(ShortText::new("x".repeat(65_536)).is_err());
}

#[test]
fn a_public_key_has_one_spelling() {
    let scene = Scene::new();
    let key = *scene.bank.public_key().as_bytes();
    let json = |hex: &str| serde_json::from_str::<PublicKey>(&format!("\"{hex}\""));
    for (prefix, ok) in
        [(key[0], true), (0, false), (1, false), (4, false), (5, false), (6, false), (7, false)]
    {
        let mut bytes = key;
        bytes[0] = prefix;
        let text = hex::encode(bytes);
        assert_eq!(PublicKey::from_bytes(bytes).is_ok(), ok, "{prefix}");
        assert_eq!(PublicKey::try_from(bytes.as_slice()).is_ok(), ok, "{prefix}");
        assert_eq!(text.parse::<PublicKey>().is_ok(), ok, "{prefix}");
        assert_eq!(json(&text).is_ok(), ok, "{prefix}");
        assert_eq!(parse_argument::<PublicKey>(text.as_bytes()).is_ok(), ok, "{prefix}");
        // The bank key stands behind version, ledger id and nonce.
        let mut opening = scene.signed.opening().encode();
        opening[65] = prefix;
        assert_eq!(Opening::decode(&opening).is_ok(), ok, "{prefix}");
    }
}

proptest! {
    #[test]
    fn any_bytes_decode_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..700)) {
        if let Ok(batch) = Batch::decode(&bytes, 16) { prop_assert_eq!(batch.encode(), bytes.clone()); }
        if let Ok(record) = PaymentRecord::decode(&bytes) { prop_assert_eq!(record.encode(), bytes.clone()); }
        if let Ok(ack) = Ack::decode(&bytes) { prop_assert_eq!(ack.encode(), bytes.clone()); }
        if let Ok(opening) = Opening::decode(&bytes) { prop_assert_eq!(opening.encode(), bytes.clone()); }
        if let Ok(proof) = FraudProof::decode(&bytes) { prop_assert_eq!(proof.encode(), bytes.clone()); }
        if let Ok(fields) = PaymentFields::decode(&bytes) { prop_assert_eq!(fields.encode().to_vec(), bytes.clone()); }
        prop_assert!(Payment::decode(&bytes).is_err() && Receipt::decode(&bytes).is_err() || bytes.len() >= 278);
        let _ = PublicKey::try_from(bytes.as_slice());
        prop_assert!(decode_command::<CloseByRelease>(&bytes).is_err());
        prop_assert!(ChannelRecord::from_json(&bytes).is_err());
    }

    #[test]
    fn well_formed_bytes_of_the_right_size_come_back(
        head in prop::collection::vec(any::<u8>(), 4 + 4..=4 + 4),
        rest in prop::collection::vec(any::<u8>(), 96..=96),
        memo in "\\PC{0,40}",
    ) {
        let mut bytes = vec![0, 0, 0, 1];
        bytes.extend(&head[..4]);
        bytes.extend([0, 0, 1]);
        bytes.extend(&head[3..]);
        bytes.extend(&rest);
        bytes.extend(u16::try_from(memo.len()).unwrap().to_be_bytes());
        bytes.extend(memo.as_bytes());
        let batch = Batch::decode(&bytes, 1).unwrap();
        prop_assert_eq!(batch.encode(), bytes);
    }

    #[test]
    fn a_document_with_one_byte_changed_is_read_or_refused(place in 0_usize..2000, byte in any::<u8>()) {
        let scene = Scene::new();
        let documents = [
            Open::new(scene.signed.clone()).to_json(),
            scene.token_command(1).to_json(),
            scene.freeze_command().to_json(),
        ];
        for document in documents {
            let mut bytes = document.into_bytes();
            let place = place % bytes.len();
            bytes[place] = byte;
            let coded = |refusal: Refusal| refusal.number() < 200;
            prop_assert!(decode_command::<Open>(&bytes).map_or_else(coded, |_| true));
            prop_assert!(decode_command::<CloseByToken>(&bytes).map_or_else(coded, |_| true));
            prop_assert!(decode_command::<Freeze>(&bytes).map_or_else(coded, |_| true));
            prop_assert!(decode_command::<Resolve>(&bytes).map_or_else(coded, |_| true));
        }
    }
}
