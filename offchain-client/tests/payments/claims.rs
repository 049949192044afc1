//! A vendor is paid what it accepted, whatever client, ledger and its own process do.

use std::time::Duration;

use lockstep::ledger::LedgerError;
use lockstep::party::replay;
use lockstep::store::{Advance, Change, Phase};
use lockstep::stream::{ToClient, ToVendor};
use lockstep::vendor::{Ending, FRAUD_PROOF};
use lockstep::wallet::Facts;
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::rules::latest_claim;
use lockstep_protocol::units::Units;

use crate::crash::{Moment, Mortal};
use crate::settle::phase;
use crate::stranger::{Hand, Stranger, n};
use crate::world::{HOUR, World, all, eventually, order};

/// A channel on the ledger, for payments by hand.
async fn opened(world: &World) -> (ChannelId, Facts) {
    let facts = world.facts(100, |_| {});
    let wallet = world.wallet().await;
    let channel = wallet.remember(&facts).await.unwrap();
    wallet.submit_open(channel).await.unwrap();
    (channel, facts)
}

/// Ten payments of one unit in two rows of the journal, the eighth of which has a lock that hides nothing, and their release.
pub(crate) async fn cheat_with_an_honest_release(world: &World) -> (Stranger, ChannelId, Facts) {
    let (channel, facts) = opened(world).await;
    let mut hand = Hand::new(world, &facts);
    let (mut cheat, _) = Stranger::greet(world, channel).await;
    let mut records: Vec<_> = (0..7).map(|_| hand.pay(1)).collect();
    records.push(hand.pay_with_bad_lock());
    let second = vec![hand.pay(1), hand.pay(1)];
    cheat.pay(n(1), records).await;
    cheat.acknowledged().await;
    cheat.pay(n(9), second).await;
    cheat.acknowledged().await;
    cheat.say(ToVendor::Release(hand.signature)).await;
    (cheat, channel, facts)
}

pub(crate) async fn ending(world: &World, channel: ChannelId) -> Ending {
    let stored = world.vendor_journal().await.channel(channel).await.unwrap().unwrap();
    replay::decode_note(&stored.ending).unwrap()
}

pub(crate) async fn closed(world: &World, channel: ChannelId) {
    eventually(async || phase(world, channel).await == Phase::Closed).await;
}

/// The units with which a close by token ended a channel.
pub(crate) fn claimed(world: &World, channel: ChannelId) -> Option<Units> {
    world.ledger.record(channel).claim().map(|claim| claim.units)
}

pub(crate) async fn the_proof_is_kept(world: &World, channel: ChannelId, facts: &Facts) {
    let journal = world.vendor_journal().await;
    let evidence = journal.evidence(channel).await.unwrap();
    let [proof] = &evidence[..] else { panic!("{evidence:?}") };
    assert_eq!(proof.kind, FRAUD_PROOF);
    let proof = FraudProof::decode(&proof.bytes).unwrap();
    assert_eq!((proof.earlier.number, proof.later.number), (n(8), n(9)));
    assert!(proof.verify(&facts.given).is_ok());
    // The receipts above the bad lock stand: 8 to 10.
    assert_eq!(journal.receipts_from(channel, n(1)).await.unwrap().unwrap().first, n(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cheat_with_an_honest_release_is_proven_and_the_vendor_is_paid() {
    let world = World::new().await;
    let (mut cheat, channel, facts) = cheat_with_an_honest_release(&world).await;
    assert_eq!(cheat.refused().await, (Refusal::BadRelease, true));
    closed(&world, channel).await;
    let record = world.ledger.record(channel);
    assert_eq!(record.release().map(|release| release.fields.released), Some(Units::from_count(10)));
    the_proof_is_kept(&world, channel, &facts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_dies_before_it_has_kept_the_proof_finds_it_again() {
    for (moment, countdown) in [(Moment::Before, 2), (Moment::After, 2), (Moment::Before, 3)] {
        let mut world = World::new().await;
        world.stop_vendor().await.unwrap();
        let path = world.vendor_folder().join("journal.db");
        // Advances: 1 released, 2 disputed, 3 closed.
        let advances = |change: &Change| matches!(change, Change::Advance(_));
        world.start_vendor_on(Mortal::open(&path, advances, moment, countdown).await).await;
        let (_cheat, channel, facts) = cheat_with_an_honest_release(&world).await;
        assert!(world.vendor_stopped().await.is_err());
        world.start_vendor().await;
        closed(&world, channel).await;
        the_proof_is_kept(&world, channel, &facts).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_signature_above_a_bad_last_lock_is_no_release_and_the_token_pays() {
    let world = World::new().await;
    let (channel, facts) = opened(&world).await;
    let mut hand = Hand::new(&world, &facts);
    let (mut cheat, _) = Stranger::greet(&world, channel).await;
    cheat.pay(n(1), vec![hand.pay(1), hand.pay_with_bad_lock()]).await;
    cheat.acknowledged().await;
    cheat.say(ToVendor::Release(hand.signature)).await;
    assert_eq!(cheat.refused().await, (Refusal::BadRelease, true));
    closed(&world, channel).await;
    assert_eq!(claimed(&world, channel), Some(Units::from_count(2)));
    assert!(world.vendor_journal().await.evidence(channel).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_that_fails_in_passing_is_tried_again_without_a_restart() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(4), |_| {}).await.unwrap()), 4);
    // An upgrade of the chaincode, a clock that is set right, a peer that answers nonsense.
    world.ledger.fail_releases([
        LedgerError::Rejected { reason: "upgrading".to_owned() },
        LedgerError::Refused(Refusal::ClockOff),
        LedgerError::Violation { what: "nonsense".to_owned() },
    ]);
    let released = wallet.release(channel).await.unwrap();
    assert_eq!(released.last.number, n(4));
    assert_eq!(phase(&world, channel).await, Phase::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_that_an_orderer_lost_is_handed_in_again() {
    let mut world = World::new().await;
    world.rules.commit_bound = Duration::from_millis(300);
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(4), |_| {}).await.unwrap()), 4);
    world.ledger.lose_closes(2);
    assert_eq!(wallet.release(channel).await.unwrap().last.number, n(4));
    assert!(world.ledger.has_lost_all());
    assert_eq!(phase(&world, channel).await, Phase::Closed);

    // The same for a close by token, to which a refused release leads.
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(4), |_| {}).await.unwrap()), 4);
    world.ledger.fail_releases([LedgerError::Refused(Refusal::BadClientSignature)]);
    world.ledger.lose_closes(2);
    let _refused = wallet.release(channel).await;
    closed(&world, channel).await;
    assert!(world.ledger.has_lost_all());
    assert_eq!(claimed(&world, channel), Some(Units::from_count(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_by_release_that_is_refused_is_followed_by_the_token() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(4), |_| {}).await.unwrap()), 4);
    world.ledger.fail_releases([LedgerError::Refused(Refusal::BadClientSignature)]);
    // The wallet misses the close by release; its money is where it belongs all the same.
    let _ = wallet.release(channel).await;
    closed(&world, channel).await;
    assert_eq!(claimed(&world, channel), Some(Units::from_count(4)));
    let ending = ending(&world, channel).await;
    assert_eq!(ending.refused, Some(Refusal::BadClientSignature));
    assert_eq!(ending.settled.unwrap().units, Units::from_count(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_channel_is_claimed_by_token() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(4), |_| {}).await.unwrap()), 4);
    let facts = wallet.stored(channel).await.unwrap().1;
    let mut hand = Hand::new(&world, &facts);
    hand.replay(&wallet, channel).await;
    world.ledger.freeze(channel, &world.bank);
    let (mut client, _) = Stranger::greet(&world, channel).await;
    client.say(ToVendor::Release(hand.signature)).await;
    assert!(matches!(client.hear().await, ToClient::Unlocked(_)));
    assert!(matches!(client.hear().await, ToClient::Settled(settled) if settled.units.as_count() == 4));
    assert_eq!(world.ledger.record(channel).state(), ChannelState::Claimed);
    assert_eq!(claimed(&world, channel), Some(Units::from_count(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_release_in_time_is_closed_by_token() {
    let mut world = World::new().await;
    world.rules.release_wait = Duration::from_millis(100);
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let (channel, facts) = opened(&world).await;
    let mut hand = Hand::new(&world, &facts);
    let (mut client, _) = Stranger::greet(&world, channel).await;
    client.pay(n(1), vec![hand.pay(2), hand.pay(1)]).await;
    let last = client.acknowledged().await;
    let mark = Advance::new(channel, Phase::Open, Phase::Closing);
    world.vendor_journal().await.save(Change::Advance(mark)).await.unwrap();
    // It is asked, says nothing, and is told how the channel ended.
    let mut next = client.hear().await;
    if next == ToClient::ReleaseWanted(last) {
        next = client.hear().await;
    }
    assert!(matches!(next, ToClient::Settled(settled) if settled.units.as_count() == 3));
    assert_eq!(claimed(&world, channel), Some(Units::from_count(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_nobody_uses_is_closed_before_its_margin_is_gone() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(3), |_| {}).await.unwrap()), 3);
    drop(wallet);
    // D + 3L is 45 s: there are two seconds for a release that does not come.
    let ahead = 24 * HOUR - Duration::from_secs(47);
    world.hands.ahead(ahead);
    world.vendor_hands.ahead(ahead);
    closed(&world, channel).await;
    assert_eq!(claimed(&world, channel), Some(Units::from_count(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unused_channel_is_closed_with_nothing() {
    let world = World::new().await;
    let (channel, _) = opened(&world).await;
    let (_client, _) = Stranger::greet(&world, channel).await;
    let mark = Advance::new(channel, Phase::Open, Phase::Closing);
    world.vendor_journal().await.save(Change::Advance(mark)).await.unwrap();
    closed(&world, channel).await;
    assert_eq!(claimed(&world, channel), Some(Units::ZERO));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_goes_on_after_a_restart_from_the_store_alone() {
    for (moment, countdown) in [(Moment::Before, 1), (Moment::After, 1), (Moment::Before, 2)] {
        let mut world = World::new().await;
        let (wallet, channel) = world.channel(10).await;
        assert_eq!(all(wallet.pay(channel, order(3), |_| {}).await.unwrap()), 3);
        world.rules.release_wait = Duration::ZERO;
        world.stop_vendor().await.unwrap();
        let journal = world.vendor_journal().await;
        journal.save(Change::Advance(Advance::new(channel, Phase::Open, Phase::Closing))).await.unwrap();
        let path = world.vendor_folder().join("journal.db");
        // Advances: 1 claiming, 2 closed.
        let advances = |change: &Change| matches!(change, Change::Advance(_));
        world.start_vendor_on(Mortal::open(&path, advances, moment, countdown).await).await;
        assert!(world.vendor_stopped().await.is_err());
        world.start_vendor().await;
        closed(&world, channel).await;
        assert_eq!(claimed(&world, channel), Some(Units::from_count(3)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_ended_otherwise_is_written_down_as_lost() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(3), |_| {}).await.unwrap()), 3);
    world.ledger.set_down(true);
    world.hands.ahead(25 * HOUR);
    world.vendor_hands.ahead(25 * HOUR);
    world.ledger.refund(channel);
    world.ledger.set_down(false);
    closed(&world, channel).await;
    let ending = ending(&world, channel).await;
    assert_eq!((ending.settled, ending.refused), (None, Some(Refusal::WrongState)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_the_ledger_refuses_closes_what_there_is() {
    let world = World::new().await;
    let (channel, facts) = opened(&world).await;
    let mut hand = Hand::new(&world, &facts);
    let (mut client, _) = Stranger::greet(&world, channel).await;
    client.pay(n(1), vec![hand.pay(1)]).await;
    client.acknowledged().await;
    world.vendor_hands.ahead(Duration::from_secs(31));
    client.pay(n(2), vec![hand.pay(1)]).await;
    assert_eq!(client.refused().await, (Refusal::VendorClockOff, true));
    assert_ne!(phase(&world, channel).await, Phase::Open);
    // The claim is taken once the clock is right.
    world.vendor_hands.ahead(Duration::ZERO);
    closed(&world, channel).await;
    assert_eq!(claimed(&world, channel), Some(Units::from_count(1)));
}

/// The vendor was away too long, or its clock was set forward while it closed: a claim of now is refused, one of the latest date is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_comes_late_is_dated_back_and_paid() {
    let before_expiry = |seconds| 24 * HOUR - Duration::from_secs(seconds);
    for (peers, vendor) in [(15, 15), (40, 12)] {
        let mut world = World::new().await;
        let (wallet, channel) = world.channel(100).await;
        assert_eq!(all(wallet.pay(channel, order(5), |_| {}).await.unwrap()), 5);
        world.stop_vendor().await.unwrap();
        world.hands.ahead(before_expiry(peers));
        world.vendor_hands.ahead(before_expiry(vendor));
        world.start_vendor().await;
        closed(&world, channel).await;
        let record = world.ledger.record(channel);
        let claim = record.claim().map(|claim| (claim.units, Some(claim.ts)));
        let latest = latest_claim(record.max_drift(), record.opening().terms().expiry);
        assert_eq!(claim, Some((Units::from_count(5), latest)));
    }
}

/// On a frozen channel a claim is paid after expiry too, where one that is dated back is refused for its date.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_on_a_frozen_channel_is_dated_by_the_clock_after_expiry() {
    let mut world = World::new().await;
    let (wallet, channel) = world.channel(100).await;
    assert_eq!(all(wallet.pay(channel, order(5), |_| {}).await.unwrap()), 5);
    world.stop_vendor().await.unwrap();
    world.ledger.freeze(channel, &world.bank);
    for hands in [&world.hands, &world.vendor_hands] {
        hands.ahead(24 * HOUR + Duration::from_secs(20));
    }
    world.start_vendor().await;
    closed(&world, channel).await;
    let record = world.ledger.record(channel);
    let expiry = record.opening().terms().expiry;
    assert!(record.claim().is_some_and(|claim| claim.units == Units::from_count(5) && claim.ts > expiry));
}
