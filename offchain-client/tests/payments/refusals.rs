//! What the vendor does not take, and what stays as it was.

use std::time::Duration;

use lockstep::store::Phase;
use lockstep::stream::{ToClient, ToVendor};
use lockstep::wallet::Facts;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::{ChannelId, Token};
use lockstep_protocol::opening::OpeningTerms;
use lockstep_protocol::payment::PaymentRecord;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::signature::Signature;
use lockstep_protocol::units::Units;

use crate::stranger::{Hand, Stranger, n};
use crate::world::{HOUR, World, all, order};

/// A channel on the ledger, and payments by hand for it.
async fn opened(world: &World, change: impl FnOnce(&mut OpeningTerms)) -> (ChannelId, Facts) {
    let facts = world.facts(5000, change);
    let wallet = world.wallet().await;
    let channel = wallet.remember(&facts).await.unwrap();
    wallet.submit_open(channel).await.unwrap();
    (channel, facts)
}

async fn vendor_has(world: &World, channel: ChannelId) -> u32 {
    world.vendor_journal().await.channel(channel).await.unwrap().unwrap().n.as_index()
}

/// Two good payments, then a third one that is refused: the good ones are acknowledged and kept, the third leaves no trace.
async fn third_is_refused(
    world: &World,
    change: impl FnOnce(&mut OpeningTerms),
    units: u32,
    spoil: impl FnOnce(&mut PaymentRecord),
) -> (Refusal, bool) {
    let (channel, facts) = opened(world, change).await;
    let (mut stranger, _) = Stranger::greet(world, channel).await;
    let mut hand = Hand::new(world, &facts);
    let mut records = vec![hand.pay(1), hand.pay(1)];
    let good = hand.head.ack();
    records.push(hand.pay_with(units, spoil));
    stranger.pay(n(1), records).await;
    assert_eq!(stranger.acknowledged().await, good);
    let refused = stranger.refused().await;
    assert_eq!(vendor_has(world, channel).await, 2);
    let (_, last) = Stranger::greet(world, channel).await;
    assert_eq!(last, good);
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_breaks_a_rule_is_refused_and_those_before_it_stand() {
    let mut world = World::new().await;
    world.rules.largest_units = Units::from_count(2000);
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let price = |terms: &mut OpeningTerms| {
        terms.unit_price = Amount::from_micros(10_000);
    };
    let wrong_token = |record: &mut PaymentRecord| record.token = Token::from_bytes([9; 32]);
    assert_eq!(third_is_refused(&world, price, 1, wrong_token).await, (Refusal::WrongPaymentToken, true));
    // 1001 cents.
    assert_eq!(third_is_refused(&world, price, 1001, |_| {}).await, (Refusal::PaymentTooLarge, true));
    assert_eq!(third_is_refused(&world, price, 2001, |_| {}).await, (Refusal::UnitsAboveTerms, true));
    let nothing = |record: &mut PaymentRecord| record.units = Units::ZERO;
    assert_eq!(third_is_refused(&world, price, 1, nothing).await, (Refusal::UnitsAboveTerms, true));
    let backwards = |record: &mut PaymentRecord| record.ts = record.ts.checked_sub(HOUR).unwrap();
    assert_eq!(third_is_refused(&world, price, 1, backwards).await, (Refusal::TimeRunsBackwards, true));
    let ahead = |record: &mut PaymentRecord| record.ts = record.ts.checked_add(HOUR).unwrap();
    assert_eq!(third_is_refused(&world, price, 1, ahead).await, (Refusal::TimeAhead, false));
    let cheap = |terms: &mut OpeningTerms| {
        terms.unit_price = Amount::from_micros(1);
        terms.token_count = Units::from_count(5000);
        terms.total = Amount::from_micros(5000);
    };
    let more = |record: &mut PaymentRecord| record.units = Units::from_count(2000);
    assert_eq!(third_is_refused(&world, cheap, 1, more).await, (Refusal::WrongPaymentToken, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_must_follow_and_repeats_must_be_exact() {
    let world = World::new().await;
    let (channel, facts) = opened(&world, |_| {}).await;
    let mut hand = Hand::new(&world, &facts);
    let records: Vec<_> = (0..4).map(|_| hand.pay(1)).collect();
    let [one, two, three, four] = records.try_into().unwrap();
    let (mut stranger, _) = Stranger::greet(&world, channel).await;
    // A gap.
    stranger.pay(n(2), vec![two.clone()]).await;
    assert_eq!(stranger.refused().await, (Refusal::NumberAhead, false));
    let (mut stranger, _) = Stranger::greet(&world, channel).await;
    stranger.pay(n(1), vec![one.clone(), two.clone()]).await;
    let second = stranger.acknowledged().await;
    stranger.pay(n(3), vec![three.clone()]).await;
    let third = stranger.acknowledged().await;
    // Exact repeats, alone and with something new behind them, across the rows of the journal.
    stranger.pay(n(1), vec![one.clone()]).await;
    assert_eq!(stranger.acknowledged().await, third);
    stranger.pay(n(2), vec![two.clone(), three.clone(), four]).await;
    let fourth = stranger.acknowledged().await;
    assert_eq!(fourth, hand.head.ack());
    assert_ne!(second, fourth);
    // The same number with other bytes.
    let other = PaymentRecord { lock: three.lock, ..two };
    stranger.pay(n(1), vec![one, other]).await;
    assert_eq!(stranger.refused().await, (Refusal::NumberUsed, true));
    assert_eq!(vendor_has(&world, channel).await, 4);
}

/// Anybody who knows a channel's id can send this.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_number_there_is_is_ahead_like_any_other() {
    let world = World::new().await;
    let (channel, facts) = opened(&world, |_| {}).await;
    let (mut stranger, _) = Stranger::greet(&world, channel).await;
    stranger.pay(n(u32::MAX), vec![Hand::new(&world, &facts).pay(1)]).await;
    assert_eq!(stranger.refused().await, (Refusal::NumberAhead, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_of_another_channel_is_refused() {
    let world = World::new().await;
    let (_, of_one) = opened(&world, |_| {}).await;
    let (other, _) = opened(&world, |_| {}).await;
    let payment = Hand::new(&world, &of_one).pay(1);
    let (mut stranger, _) = Stranger::greet(&world, other).await;
    stranger.pay(n(1), vec![payment]).await;
    assert_eq!(stranger.refused().await, (Refusal::WrongPaymentToken, true));
    assert_eq!(vendor_has(&world, other).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_batch_are_refused() {
    let world = World::new().await;
    let (channel, facts) = opened(&world, |_| {}).await;
    let payment = Hand::new(&world, &facts).pay(1);
    let mut cut = payment.encode();
    cut.truncate(60);
    let too_many = [vec![0, 0, 0, 1], payment.encode().repeat(513)].concat();
    for bytes in [vec![], vec![0; 3], vec![0; 4], [vec![0, 0, 0, 1], cut].concat(), too_many] {
        let (mut stranger, _) = Stranger::greet(&world, channel).await;
        stranger.say(ToVendor::Batch(bytes)).await;
        assert_eq!(stranger.refused().await, (Refusal::MalformedMessage, true));
    }
    let mut stranger = Stranger::connect(&world).await;
    stranger.say(ToVendor::Batch(vec![])).await;
    assert_eq!(stranger.refused().await, (Refusal::MalformedMessage, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_does_not_meet_the_terms_is_not_taken() {
    let mut world = World::new().await;
    world.rules.least_price = Amount::from_micros(10_000);
    world.rules.longest_life = 25 * HOUR;
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let refused = async |change: &dyn Fn(&mut OpeningTerms)| {
        let (channel, _) = opened(&world, change).await;
        let mut stranger = Stranger::connect(&world).await;
        stranger.say(ToVendor::Hello(channel)).await;
        let refused = stranger.refused().await.0;
        assert!(
            world.vendor_journal().await.channel(channel).await.unwrap().is_none(),
            "nothing is kept of it"
        );
        refused
    };
    let cheap = |terms: &mut OpeningTerms| {
        terms.unit_price = Amount::from_micros(9_999);
        terms.total = terms.unit_price.checked_mul(terms.token_count).unwrap();
    };
    assert_eq!(refused(&cheap).await, Refusal::PriceBelowTerms);
    let other = *lockstep::entropy::random_key().unwrap().public_key();
    assert_eq!(refused(&|terms| terms.vendor_key = other).await, Refusal::OtherVendor);
    let long = |terms: &mut OpeningTerms| terms.expiry = terms.expiry.checked_add(2 * HOUR).unwrap();
    assert_eq!(refused(&long).await, Refusal::LifeOutsideTerms);
    let mut stranger = Stranger::connect(&world).await;
    stranger.say(ToVendor::Hello(ChannelId::from_bytes([3; 32]))).await;
    assert_eq!(stranger.refused().await, (Refusal::ChannelNotSeen, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_can_name_a_channel_but_not_release_it() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(2), |_| {}).await.unwrap()), 2);
    let (mut stranger, _) = Stranger::greet(&world, channel).await;
    stranger.say(ToVendor::Release(Signature::from_bytes([1; 64]))).await;
    assert_eq!(stranger.refused().await, (Refusal::BadRelease, true));
    let stored = world.vendor_journal().await.channel(channel).await.unwrap().unwrap();
    assert_eq!(stored.phase, Phase::Open);
    // The client goes on as if nothing had happened.
    assert_eq!(all(wallet.pay(channel, order(3), |_| {}).await.unwrap()), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_accepted_on_a_view_that_is_too_old() {
    let world = World::new().await;
    let (channel, facts) = opened(&world, |_| {}).await;
    let mut hand = Hand::new(&world, &facts);
    let (mut stranger, _) = Stranger::greet(&world, channel).await;
    stranger.pay(n(1), vec![hand.pay(1)]).await;
    stranger.acknowledged().await;
    // The ledger goes silent; the last view serves until half of the margin (D + 3 × 5 s + 5 s) has passed.
    world.ledger.set_down(true);
    stranger.pay(n(2), vec![hand.pay(1)]).await;
    stranger.acknowledged().await;
    world.vendor_hands.ahead(Duration::from_secs(26));
    let third = hand.pay(1);
    stranger.pay(n(3), vec![third.clone()]).await;
    assert_eq!(stranger.refused().await, (Refusal::LedgerViewStale, false));
    // The same bytes are good once the ledger answers.
    world.ledger.set_down(false);
    let (mut stranger, _) = Stranger::greet(&world, channel).await;
    stranger.pay(n(3), vec![third]).await;
    assert_eq!(stranger.acknowledged().await.number, n(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_whose_clock_the_ledger_refuses_accepts_nothing() {
    let world = World::new().await;
    let (channel, facts) = opened(&world, |_| {}).await;
    world.vendor_hands.ahead(Duration::from_secs(31));
    let (mut stranger, _) = Stranger::greet(&world, channel).await;
    stranger.pay(n(1), vec![Hand::new(&world, &facts).pay(1)]).await;
    assert_eq!(stranger.refused().await.0, Refusal::VendorClockOff);
    assert_eq!(vendor_has(&world, channel).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_refunded_takes_nothing() {
    let world = World::new().await;
    let (channel, facts) = opened(&world, |_| {}).await;
    let (stranger, _) = Stranger::greet(&world, channel).await;
    drop(stranger);
    world.hands.ahead(25 * HOUR);
    world.vendor_hands.ahead(25 * HOUR);
    world.ledger.refund(channel);
    let (mut stranger, _) = Stranger::greet(&world, channel).await;
    stranger.pay(n(1), vec![Hand::new(&world, &facts).pay(1)]).await;
    assert_eq!(stranger.refused().await.0, Refusal::NotOpenOnLedger);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_runs_out_is_asked_for_its_release() {
    let world = World::new().await;
    let (channel, facts) = opened(&world, |_| {}).await;
    let mut hand = Hand::new(&world, &facts);
    let (mut stranger, _) = Stranger::greet(&world, channel).await;
    stranger.pay(n(1), vec![hand.pay(1)]).await;
    let first = stranger.acknowledged().await;
    // A minute and a half before expiry leaves time, 48 s do not: the margin is 50 s here.
    world.hands.ahead(24 * HOUR - Duration::from_secs(48));
    world.vendor_hands.ahead(24 * HOUR - Duration::from_secs(48));
    hand.now = world.hands.clock().now();
    stranger.pay(n(2), vec![hand.pay(1)]).await;
    assert_eq!(stranger.hear().await, ToClient::ReleaseWanted(first));
    let stored = world.vendor_journal().await.channel(channel).await.unwrap().unwrap();
    assert_eq!((stored.phase, stored.n), (Phase::Closing, n(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_proof_takes_the_seat_of_a_client_that_pays() {
    let world = World::new().await;
    let (channel, facts) = opened(&world, |_| {}).await;
    let mut hand = Hand::new(&world, &facts);
    let (mut client, _) = Stranger::greet(&world, channel).await;
    let first = hand.pay(1);
    client.pay(n(1), vec![first.clone()]).await;
    client.acknowledged().await;
    // Naming the channel is none, nor is a number that was used, nor a next payment that nobody made, nor a signature.
    let (_idle, _) = Stranger::greet(&world, channel).await;
    let forged = PaymentRecord { token: Token::from_bytes([9; 32]), ..first.clone() };
    for (number, refusal) in [(1, Refusal::NumberUsed), (2, Refusal::WrongPaymentToken)] {
        let (mut stranger, _) = Stranger::greet(&world, channel).await;
        stranger.pay(n(number), vec![forged.clone()]).await;
        assert_eq!(stranger.refused().await, (refusal, true));
    }
    let (mut stranger, _) = Stranger::greet(&world, channel).await;
    stranger.say(ToVendor::Release(Signature::from_bytes([1; 64]))).await;
    assert_eq!(stranger.refused().await, (Refusal::BadRelease, true));
    client.pay(n(2), vec![hand.pay(1)]).await;
    assert_eq!(client.acknowledged().await, hand.head.ack());
    // A repeat is one, and so is the next payment.
    let (mut second, _) = Stranger::greet(&world, channel).await;
    second.pay(n(1), vec![first]).await;
    assert_eq!(second.acknowledged().await, hand.head.ack());
    client.ended().await;
    let (mut third, _) = Stranger::greet(&world, channel).await;
    third.pay(n(3), vec![hand.pay(1)]).await;
    assert_eq!(third.acknowledged().await, hand.head.ack());
    second.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_do_not_take_the_room_of_clients() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    let mut strangers = Vec::new();
    // Four clients can pay at once here.
    for _ in 0..10 {
        strangers.push(Stranger::greet(&world, channel).await.0);
        strangers.push(Stranger::connect(&world).await);
    }
    assert_eq!(all(wallet.pay(channel, order(4), |_| {}).await.unwrap()), 4);
    drop(strangers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_proves_nothing_is_ended() {
    let mut world = World::new().await;
    world.proof_wait = Duration::from_millis(200);
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let (channel, facts) = opened(&world, |_| {}).await;
    let (mut idle, _) = Stranger::greet(&world, channel).await;
    let (mut client, _) = Stranger::greet(&world, channel).await;
    let mut hand = Hand::new(&world, &facts);
    client.pay(n(1), vec![hand.pay(1)]).await;
    client.acknowledged().await;
    assert_eq!(idle.refused().await, (Refusal::VendorUnavailable, false));
    // The client is not.
    client.pay(n(2), vec![hand.pay(1)]).await;
    assert_eq!(client.acknowledged().await, hand.head.ack());
}
