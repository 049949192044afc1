//! `CloseByRelease`.

use lockstep_protocol::hash::TxHash;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState, CloseByRelease};
use lockstep_protocol::lock::Lock;
use lockstep_protocol::payment::PaymentFields;
use lockstep_protocol::{PaymentNumber, Refusal, Units};
use serde_json::{Value, json};

use crate::world::{NOW, World, answer, assert_refused, assert_same_again, key};

const DRIFT: u64 = 30_000;

#[tokio::test]
async fn a_close_pays_out_and_keeps_the_last_payment() {
    let mut world = World::new().await;
    let id = world.open(1).await;
    let close = world.close(1, world.payment(1));
    let done = world.submit(&close).await;
    let record: ChannelRecord = answer(&done);
    assert_eq!(record.state(), ChannelState::Closed);
    assert_eq!(record.release().unwrap().fields, *close.fields());
    assert_eq!(done.writes.keys().collect::<Vec<_>>(), [&format!("channel:{id}")]);

    let document: Value = answer(&done);
    let ending = document.get("ending").unwrap();
    assert_eq!(ending.get("number"), Some(&json!(1)), "the last payment's number");
    assert_eq!(ending.get("last_amount"), Some(&json!("30000")), "the last payment's amount");
    assert_eq!(
        ending.get("client_signature"),
        Some(&json!(key(101).sign(&close.fields().tx().as_digest()))),
        "the client's signature"
    );

    let event = done.event.unwrap();
    assert_eq!(event.name, "ChannelClosed");
    let change = json!({"channel_id": id, "state": "closed", "to_vendor": "30000", "to_client": "970000", "withheld": "0"});
    assert_eq!(serde_json::from_slice::<Value>(&event.payload).unwrap(), json!([change]));
}

#[tokio::test]
async fn the_same_close_again_is_success_whenever_it_comes() {
    let mut world = World::new().await;
    world.open(1).await;
    let close = world.close(1, world.payment(1));
    let first = world.submit(&close).await;
    world.set_time(NOW + 10_000_000_000);
    let again = world.submit(&close).await;
    assert_same_again(&again);
    assert_eq!(again.response.payload(), first.response.payload());

    // The opening too: its state was reached, and the answer is the record as it stands.
    let opening = world.opening(1);
    let reopened = world.submit(&opening).await;
    assert_same_again(&reopened);
    assert_eq!(answer::<ChannelRecord>(&reopened).state(), ChannelState::Closed);
}

#[tokio::test]
async fn another_close_comes_too_late() {
    let mut world = World::new().await;
    world.open(1).await;
    let first = world.close(1, world.payment(1));
    let _: ChannelRecord = answer(&world.submit(&first).await);
    let mut fields = world.payment(1);
    (fields.units, fields.released) = (Units::from_count(4), Units::from_count(4));
    let second = world.close(1, fields);
    assert_refused(&world.submit(&second).await, Refusal::WrongState);
}

#[tokio::test]
async fn a_channel_that_is_not_there_is_not_closed() {
    let mut world = World::new().await;
    let close = world.close(1, world.payment(1));
    assert_refused(&world.submit(&close).await, Refusal::UnknownChannel);
}

#[tokio::test]
async fn the_bounds_of_the_last_payment_hold() {
    type Change = fn(&mut PaymentFields);
    let units = |fields: &mut PaymentFields, units: u32, released: u32, number: u32| {
        (fields.units, fields.released) = (Units::from_count(units), Units::from_count(released));
        fields.number = PaymentNumber::from_index(number);
        fields.previous = TxHash::from_bytes([1; 32]);
    };
    let cases: &[(u32, u32, u32, Refusal)] = &[
        (0, 5, 2, Refusal::PaymentUnitsOutOfRange),
        (6, 5, 2, Refusal::PaymentUnitsOutOfRange),
        (1, 101, 2, Refusal::UnitsOutOfRange),
        (u32::MAX, u32::MAX, 2, Refusal::UnitsOutOfRange),
        (0, 0, 0, Refusal::PaymentUnitsOutOfRange),
        (1, 5, 0, Refusal::PaymentNumberOutOfRange),
        (1, 5, 6, Refusal::PaymentNumberOutOfRange),
        (1, 5, 1, Refusal::FirstPaymentUnchained),
    ];
    let first_payments: &[Change] = &[
        |fields| fields.previous = TxHash::from_bytes([1; 32]),
        |fields| fields.previous_lock = Lock::from_bytes([1; 64]),
        |fields| fields.released = Units::from_count(4),
    ];
    let mut world = World::new().await;
    world.open(1).await;
    for &(k, c, n, refusal) in cases {
        let mut fields = world.payment(1);
        units(&mut fields, k, c, n);
        let close = world.close(1, fields);
        assert_refused(&world.submit(&close).await, refusal);
    }
    for change in first_payments {
        let mut fields = world.payment(1);
        change(&mut fields);
        let close = world.close(1, fields);
        assert_refused(&world.submit(&close).await, Refusal::FirstPaymentUnchained);
    }
    // All of a channel, in its last payment of many.
    let mut fields = world.payment(1);
    units(&mut fields, 1, 100, 100);
    let close = world.close(1, fields);
    let _: ChannelRecord = answer(&world.submit(&close).await);
}

#[tokio::test]
async fn a_payment_over_ten_dollars_closes_nothing() {
    let mut world = World::new().await;
    let mut terms = world.terms(1);
    terms.unit_price = lockstep_protocol::Amount::from_micros(5_000_001);
    terms.total = lockstep_protocol::Amount::from_micros(500_000_100);
    let opening = world.sign(terms);
    let _: ChannelRecord = answer(&world.submit(&opening).await);
    let mut fields = world.payment(1);
    fields.channel = opening.channel_id();
    fields.previous = opening.channel_id().as_tx();
    (fields.units, fields.released) = (Units::from_count(2), Units::from_count(2));
    let close = world.close(1, fields);
    assert_refused(&world.submit(&close).await, Refusal::PaymentLimitExceeded);
}

#[tokio::test]
async fn a_payment_of_another_channel_closes_nothing() {
    let mut world = World::new().await;
    let (first, second) = (world.open(1).await, world.open(2).await);
    let fields = world.payment(1);
    let client = key(101).sign(&fields.tx().as_digest());
    let made = CloseByRelease::sign(fields, client, &world.vendor);
    let moved = CloseByRelease::from_parts(second, fields, client, *made.vendor_signature());
    assert_ne!(first, second);
    assert_refused(&world.submit(&moved).await, Refusal::OtherChannel);
}

#[tokio::test]
async fn client_and_vendor_both_sign() {
    let mut world = World::new().await;
    let id = world.open(1).await;
    let fields = world.payment(1);
    let client = key(101).sign(&fields.tx().as_digest());
    let stranger = key(60).sign(&fields.tx().as_digest());
    let by_stranger = CloseByRelease::sign(fields, stranger, &world.vendor);
    assert_refused(&world.submit(&by_stranger).await, Refusal::BadClientSignature);
    let for_stranger = CloseByRelease::sign(fields, client, &key(60));
    assert_refused(&world.submit(&for_stranger).await, Refusal::BadVendorSignature);
    // The client's own signature in the vendor's place: the client alone closes nothing.
    let alone = CloseByRelease::from_parts(id, fields, client, client);
    assert_refused(&world.submit(&alone).await, Refusal::BadVendorSignature);
}

#[tokio::test]
async fn no_claim_within_the_drift_of_the_expiry() {
    let mut world = World::new().await;
    world.open(1).await;
    let expiry = NOW + 3_600_000;
    let close = world.close(1, world.payment(1));
    world.set_time(expiry - DRIFT);
    assert_refused(&world.submit(&close).await, Refusal::TooLateToClaim);
    // Whatever the submitter writes, an endorser whose clock shows the expiry signs no claim.
    world.set_time(expiry - DRIFT - 1);
    world.set_endorser_clock(expiry);
    assert_refused(&world.submit(&close).await, Refusal::ClockOff);
    world.set_endorser_clock(expiry - 1);
    let _: ChannelRecord = answer(&world.submit(&close).await);
}
