//! `Open`.

use hlf_shim::testing::Call;
use lockstep_protocol::ledger::{
    BankRegistration, ChannelRecord, ChannelState, Command as _, Open, RegisterBank,
};
use lockstep_protocol::opening::{Opening, OpeningTerms, SignedOpening};
use lockstep_protocol::{Amount, LedgerId, MaxDrift, Refusal, Reputation, Units};
use serde_json::json;

use crate::world::{NOW, World, answer, assert_refused, assert_same_again, key, ledger_id, name, time};

#[tokio::test]
async fn an_opening_is_recorded_indexed_and_announced() {
    let mut world = World::new().await;
    let opening = world.opening(1);
    let id = opening.channel_id();
    let done = world.submit(&opening).await;
    let record: ChannelRecord = answer(&done);
    assert_eq!(record.state(), ChannelState::Open);
    assert_eq!(record.opening(), opening.opening());
    assert_eq!(record.bank_signature(), opening.signed_opening().bank_signature());
    assert_eq!(record.max_drift(), MaxDrift::DEFAULT);

    let terms = opening.opening().terms();
    let (bank, client, vendor) = (terms.bank_key, terms.client_key, terms.vendor_key);
    let expected = [
        format!("\0bank~channel\0{bank}\0{id}\0"),
        format!("\0client~bank\0{client}\0{bank}\0"),
        format!("\0vendor~channel\0{vendor}\0{id}\0"),
        format!("channel:{id}"),
    ];
    assert_eq!(done.writes.keys().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    assert_eq!(world.ledger.get(&expected[3]), Some(done.response.payload()));
    assert_eq!(world.ledger.get(&expected[1]), Some(id.to_string().as_bytes()));

    let event = done.event.unwrap();
    let changes: serde_json::Value = serde_json::from_slice(&event.payload).unwrap();
    assert_eq!(event.name, "ChannelOpened");
    let change =
        json!({"channel_id": id, "state": "open", "to_vendor": "0", "to_client": "0", "withheld": "0"});
    assert_eq!(changes, json!([change]));
}

#[tokio::test]
async fn every_endorser_comes_to_the_same_bytes() {
    let world = World::new().await;
    let opening = world.opening(1);
    let mut results = Vec::new();
    for clock in [NOW - 29_000, NOW, NOW + 29_000] {
        world.set_endorser_clock(clock);
        let call = Call::new(Open::FUNCTION, [opening.to_json()]).tx_id("same");
        results.push(world.ledger.clone().submit(&world.contract, call).await);
    }
    assert!(results[0].response.is_success());
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn the_same_again_writes_nothing_at_any_later_time() {
    let mut world = World::new().await;
    let opening = world.opening(1);
    let first = world.submit(&opening).await;
    world.set_time(NOW + 10_000_000_000);
    let again = world.submit(&opening).await;
    assert_same_again(&again);
    assert_eq!(again.response.payload(), first.response.payload());
}

#[tokio::test]
async fn the_bank_must_be_registered_and_have_signed() {
    let mut world = World::new().await;
    let mut terms = world.terms(1);
    terms.bank_key = *key(50).public_key();
    let unregistered = Open::new(SignedOpening::sign(Opening::new(terms), &key(50)));
    assert_refused(&world.submit(&unregistered).await, Refusal::UnknownBank);
    let forged = Open::new(SignedOpening::sign(Opening::new(world.terms(1)), &key(50)));
    assert_refused(&world.submit(&forged).await, Refusal::BadBankSignature);
}

#[tokio::test]
async fn an_opening_is_for_one_channel_and_one_chaincode_name() {
    let mut world = World::new().await;
    for (channel, chaincode) in [("payments", "other"), ("other", "lockstep"), ("paymentslock", "step")] {
        let mut terms = world.terms(1);
        terms.ledger = LedgerId::of(&name(channel), &name(chaincode));
        let elsewhere = world.sign(terms);
        assert_refused(&world.submit(&elsewhere).await, Refusal::OtherLedger);
    }
    // The same bytes put before the contract under another name, or on another channel.
    let call = Call::new(Open::FUNCTION, [world.opening(1).to_json()]);
    assert_refused(&world.call(call.clone().chaincode("other")).await, Refusal::OtherLedger);
    assert_refused(&world.call(call.clone().channel_id("other")).await, Refusal::OtherLedger);
    assert_refused(&world.call(call.clone().chaincode("")).await, Refusal::UnknownHeader);
    assert_refused(&world.call(call.channel_id("")).await, Refusal::UnknownHeader);
}

#[tokio::test]
async fn after_its_open_by_an_opening_is_too_late() {
    let mut world = World::new().await;
    let (in_time, late) = (world.opening(1), world.opening(2));
    world.set_time(NOW + 60_000);
    let _: ChannelRecord = answer(&world.submit(&in_time).await);
    world.set_time(NOW + 60_001);
    assert_refused(&world.submit(&late).await, Refusal::OpenByPassed);
}

#[tokio::test]
async fn a_payment_key_opens_one_channel_with_a_bank() {
    let mut world = World::new().await;
    world.open(1).await;
    let mut terms = world.terms(2);
    terms.client_key = *key(101).public_key();
    let second = world.sign(terms.clone());
    assert_refused(&world.submit(&second).await, Refusal::ClientKeyUsed);

    // Another bank's channels are its own business.
    let registration = RegisterBank::sign(&ledger_id(), name("BankMSP"), MaxDrift::DEFAULT, &key(50));
    let _: BankRegistration = answer(&world.register(&registration).await);
    terms.bank_key = *key(50).public_key();
    let elsewhere = Open::new(SignedOpening::sign(Opening::new(terms), &key(50)));
    let _: ChannelRecord = answer(&world.submit(&elsewhere).await);
}

#[tokio::test]
async fn the_rules_of_an_opening_hold() {
    type Change = fn(&mut OpeningTerms);
    let cases: &[(Change, Refusal)] = &[
        (|terms| terms.total = Amount::from_micros(999_999), Refusal::TotalMismatch),
        (|terms| terms.total = Amount::from_micros(u64::MAX), Refusal::TotalMismatch),
        (|terms| terms.token_count = Units::ZERO, Refusal::TokenCountOutOfRange),
        (|terms| terms.token_count = Units::from_count(1_048_577), Refusal::TokenCountOutOfRange),
        (|terms| terms.unit_price = Amount::ZERO, Refusal::UnitPriceOutOfRange),
        (|terms| terms.unit_price = Amount::from_micros(10_000_001), Refusal::UnitPriceOutOfRange),
        (|terms| terms.open_by = terms.opened, Refusal::OpenByOutOfRange),
        (|terms| terms.open_by = time(NOW + 3_600_001), Refusal::OpenByOutOfRange),
        (|terms| terms.expiry = time(NOW + 179_999), Refusal::ExpiryTooEarly),
        (|terms| terms.client_reputation = Reputation::from_points(49), Refusal::ReputationOutOfRange),
        (|terms| terms.vendor_reputation = Reputation::from_points(101), Refusal::ReputationOutOfRange),
        (|terms| terms.client_key = terms.vendor_key, Refusal::KeysNotDistinct),
        (|terms| terms.vendor_key = terms.bank_key, Refusal::KeysNotDistinct),
    ];
    let mut world = World::new().await;
    for (change, refusal) in cases {
        let mut terms = world.terms(1);
        change(&mut terms);
        let opening = world.sign(terms);
        assert_refused(&world.submit(&opening).await, *refusal);
    }
}

#[tokio::test]
async fn the_bounds_themselves_are_allowed() {
    let mut world = World::new().await;
    let mut largest = world.terms(1);
    largest.token_count = Units::from_count(1_048_576);
    largest.unit_price = Amount::from_micros(10_000_000);
    largest.total = Amount::from_micros(10_485_760_000_000);
    largest.open_by = time(NOW + 3_600_000);
    largest.expiry = time(NOW + 3_720_000);
    let mut smallest = world.terms(2);
    smallest.token_count = Units::from_count(1);
    smallest.unit_price = Amount::from_micros(1);
    smallest.total = Amount::from_micros(1);
    for terms in [largest, smallest] {
        let opening = world.sign(terms);
        let _: ChannelRecord = answer(&world.submit(&opening).await);
    }
}

#[tokio::test]
async fn an_endorser_whose_clock_is_off_refuses() {
    let mut world = World::new().await;
    let opening = world.opening(1);
    for off in [NOW - 30_001, NOW + 30_001] {
        world.set_endorser_clock(off);
        assert_refused(&world.submit(&opening).await, Refusal::ClockOff);
    }
}

#[tokio::test]
async fn many_openings_in_one_block_would_not_conflict() {
    let world = World::new().await;
    // Each is simulated on the state before all of them; none writes what another reads or writes.
    let mut written = std::collections::BTreeSet::new();
    for count in 1..=20 {
        let call = Call::new(Open::FUNCTION, [world.opening(count).to_json()]);
        let done = world.ledger.clone().submit(&world.contract, call).await;
        assert_eq!(done.writes.len(), 4);
        assert!(done.writes.into_keys().all(|key| written.insert(key)));
    }
}
