//! Ledger events: posted once, re-checked first, and stopped by an alarm.

use std::sync::Arc;
use std::time::Duration;

use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::IdentityRoot;
use lockstep_protocol::ledger::{ChannelChange, ChannelRecord, ChannelState};
use lockstep_protocol::units::Reputation;
use serde_json::{Value, json};

use super::world::{CLIENT, Granted, VENDOR, World, secret};
use crate::bank::books::{Applied, Cause};
use crate::bank::settling;

const POSTED: Applied = Applied { posted: 1, already_done: 0, alarms: 0, halted: 0 };
const ALREADY_DONE: Applied = Applied { posted: 0, already_done: 1, alarms: 0, halted: 0 };
const ALARM: Applied = Applied { posted: 0, already_done: 0, alarms: 1, halted: 0 };
const HALTED: Applied = Applied { posted: 0, already_done: 0, alarms: 0, halted: 1 };

async fn world() -> (World, IdentityRoot) {
    at_sixty(World::new().await).await
}

/// Both parties have 60 points.
async fn at_sixty(world: World) -> (World, IdentityRoot) {
    let (world, identity) = world.with_parties(10_000).await;
    for party in [CLIENT, VENDOR] {
        let points = Reputation::from_points(60);
        world.bank.books().set_reputation(secret(party).public_key(), points, world.now()).await.unwrap();
    }
    (world, identity)
}

async fn opened(world: &World, identity: IdentityRoot) -> Granted {
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 100), 1).await.unwrap();
    let event = world.open(&granted).unwrap().unwrap();
    assert_eq!(world.see(&event).await, POSTED);
    granted
}

async fn holdings(world: &World) -> [(u64, u64, u8); 2] {
    let mut all = [(0, 0, 0); 2];
    for (place, party) in all.iter_mut().zip([CLIENT, VENDOR]) {
        let account = world.account(party).await;
        *place = (account.balance.as_micros(), account.reserved.as_micros(), account.reputation.as_points());
    }
    all
}

#[tokio::test]
async fn a_close_by_release_pays_both_and_raises_both_reputations_once() {
    let (mut world, identity) = world().await;
    let granted = opened(&world, identity).await;
    assert_eq!(holdings(&world).await, [(9_000, 1_000, 60), (0, 0, 60)]);
    let close = world.close_by_release(&granted, 7).unwrap().unwrap();
    assert_eq!(world.see(&close).await, POSTED);
    let settled = [(9_300, 0, 61), (700, 0, 61)];
    assert_eq!(holdings(&world).await, settled);
    world.restart().await;
    for event in world.ledger.history() {
        assert_eq!(world.see(&event).await, ALREADY_DONE);
    }
    assert_eq!(holdings(&world).await, settled);
    assert!(world.bank.books().audit().await.unwrap().adds_up());
}

#[tokio::test]
async fn a_close_by_token_changes_no_reputation_and_a_reputation_stops_at_a_hundred() {
    let (world, identity) = world().await;
    let mut granted = opened(&world, identity).await;
    let close = world.close_by_token(&mut granted, 10).unwrap().unwrap();
    assert_eq!(world.see(&close).await, POSTED);
    assert_eq!(holdings(&world).await, [(9_000, 0, 60), (1_000, 0, 60)]);
    let full = Reputation::FULL;
    world.bank.books().set_reputation(secret(VENDOR).public_key(), full, world.now()).await.unwrap();
    let next = world.grant((CLIENT, identity), VENDOR, (1, 100), 2).await.unwrap();
    world.see(&world.open(&next).unwrap().unwrap()).await;
    world.see(&world.close_by_release(&next, 1).unwrap().unwrap()).await;
    assert_eq!(holdings(&world).await, [(8_900, 0, 61), (1_100, 0, 100)]);
}

#[tokio::test]
async fn events_are_read_from_the_checkpoint_until_the_bank_stops() {
    let (world, identity) = world().await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 100), 1).await.unwrap();
    world.open(&granted).unwrap().unwrap();
    let close = world.close_by_release(&granted, 10).unwrap().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(settling::run(
        Arc::clone(&world.bank),
        Arc::clone(&world.ledger) as Arc<dyn crate::ledger::Ledger>,
        stop.clone().cancelled_owned(),
    ));
    let seen = async {
        while world.bank.books().checkpoint().await.unwrap() != Some(close.checkpoint()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), seen).await.unwrap();
    stop.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(holdings(&world).await, [(9_000, 0, 61), (1_000, 0, 61)]);
}

/// The record as its JSON, changed, as two lying peers could have it.
pub(super) fn forge(record: &ChannelRecord, change: impl FnOnce(&mut Value)) -> ChannelRecord {
    let mut value = serde_json::to_value(record).unwrap();
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn a_close_that_nobody_signed_is_not_posted_and_nothing_later_is() {
    let (world, identity) = world().await;
    let granted = opened(&world, identity).await;
    let honest = world.close_by_release(&granted, 2).unwrap().unwrap();
    let good = world.ledger.record(granted.id()).unwrap();
    let forged = forge(&good, |value| value["ending"]["client_signature"] = value["bank_signature"].clone());
    assert_eq!(world.see(&world.ledger.write(forged, honest.changes[0])).await, ALARM);
    assert_eq!(holdings(&world).await, [(9_000, 1_000, 60), (0, 0, 60)]);
    let audit = world.bank.books().audit().await.unwrap();
    assert!(audit.adds_up());
    assert_eq!(audit.alarms[0].channel, granted.id());
    // The same change with a good record comes too late: a person must look first.
    world.ledger.write(good, honest.changes[0]);
    assert_eq!(world.see(&honest).await, HALTED);
    assert_eq!(holdings(&world).await, [(9_000, 1_000, 60), (0, 0, 60)]);
    let statement = world.bank.books().statement(secret(CLIENT).public_key(), 0, 500).await.unwrap().unwrap();
    assert_eq!(statement.alarms.len(), 1);
}

#[tokio::test]
async fn an_event_that_says_other_than_its_record_raises_an_alarm() {
    let (world, identity) = world().await;
    let granted = opened(&world, identity).await;
    let close = world.close_by_release(&granted, 2).unwrap().unwrap();
    let mut lying = close.clone();
    lying.changes[0].to_vendor = Amount::from_micros(300);
    lying.changes[0].to_client = Amount::from_micros(700);
    assert_eq!(world.see(&lying).await, ALARM);
    assert_eq!(holdings(&world).await, [(9_000, 1_000, 60), (0, 0, 60)]);
}

#[tokio::test]
async fn a_refund_before_its_time_by_the_banks_clock_raises_an_alarm() {
    let (world, identity) = world().await;
    let granted = opened(&world, identity).await;
    let refund = world.refund(&granted).unwrap().unwrap();
    assert_eq!(world.see(&refund).await, ALARM);
    assert_eq!(holdings(&world).await[0].1, 1_000);
}

#[tokio::test]
async fn an_opening_that_the_books_have_lost_is_paid_from_suspense() {
    let (mut world, identity) = at_sixty(World::on_file().await).await;
    let backup = world.backup().await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 100), 1).await.unwrap();
    world.put_back(&backup).await;
    std::fs::remove_file(world.log_file()).unwrap();
    world.restart().await;
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    world.see(&world.close_by_release(&granted, 4).unwrap().unwrap()).await;
    assert_eq!(holdings(&world).await, [(10_000, 0, 60), (400, 0, 61)]);
    let audit = world.bank.books().audit().await.unwrap();
    assert!(audit.adds_up(), "{audit:?}");
    assert_eq!(audit.suspense.as_micros(), -400);
}

#[tokio::test]
async fn another_banks_channel_moves_the_checkpoint_alone() {
    let (world, identity) = world().await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 100), 1).await.unwrap();
    let event = world.open(&granted).unwrap().unwrap();
    let terms = granted.opening.opening().terms().clone();
    let other = secret(0xcc);
    let terms = lockstep_protocol::opening::OpeningTerms { bank_key: *other.public_key(), ..terms };
    let opening = lockstep_protocol::opening::Opening::new(terms);
    let foreign = forge(&world.ledger.record(granted.id()).unwrap(), |value| {
        value["channel_id"] = json!(opening.channel_id());
        value["opening"] = json!(opening);
    });
    let change = ChannelChange { channel_id: opening.channel_id(), ..event.changes[0] };
    let written = world.ledger.write(foreign, change);
    assert_eq!(world.see(&written).await, Applied::default());
    assert_eq!(world.bank.books().checkpoint().await.unwrap(), Some(written.checkpoint()));
    assert!(world.bank.books().alarms().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_statement_explains_every_movement() {
    let (world, identity) = world().await;
    let granted = opened(&world, identity).await;
    world.see(&world.close_by_release(&granted, 7).unwrap().unwrap()).await;
    let books = world.bank.books();
    let statement = books.statement(secret(CLIENT).public_key(), 0, 500).await.unwrap().unwrap();
    let causes: Vec<Cause> = statement.lines.iter().map(|line| line.cause).collect();
    assert_eq!(causes, [Cause::Deposit, Cause::Reserve, Cause::Closed]);
    assert_eq!(statement.lines[0].reference.as_deref(), Some("cash"));
    assert_eq!(statement.lines[2].channel, Some(granted.id()));
    let last = |index: usize| statement.lines[index].movements.last().unwrap();
    assert_eq!((last(2).amount.as_micros(), last(2).standing.as_micros()), (300, 9_300));
    assert_eq!(statement.reputation_changes.last().unwrap().cause, "clean_settlement");
    // Page by page it is the same.
    let (mut paged, mut after) = (Vec::new(), 0);
    loop {
        let page = books.statement(secret(CLIENT).public_key(), after, 1).await.unwrap().unwrap();
        paged.extend(page.lines);
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(paged, statement.lines);
    let vendor = books.statement(secret(VENDOR).public_key(), 0, 500).await.unwrap().unwrap();
    assert_eq!(vendor.lines.len(), 1);
    let state = books.channel(&granted.id()).await.unwrap().unwrap().state;
    assert_eq!(state, ChannelState::Closed.name());
}
