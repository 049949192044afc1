//! Books that are older than the ledger: what has been lost, who bears it, and how it comes back [Spec §9].

use std::time::Duration;

use lockstep_protocol::hash::IdentityRoot;
use lockstep_protocol::opening::SignedOpening;

use super::ledger::Fault;
use super::world::{CLIENT, Granted, VENDOR, World, proven, secret};
use crate::bank::books::{Audit, Cause};
use crate::bank::replay::Replayed;

const F: u64 = 600;

async fn world() -> (World, IdentityRoot) {
    World::on_file().await.with_parties(1_000).await
}

/// Books and log have lost what was granted; the clock has gone on.
async fn lost() -> (World, Granted) {
    let (mut world, identity) = world().await;
    let backup = world.backup().await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    assert_eq!(world.restore(&backup, false).await, 0);
    world.set_time(world.now().checked_add(Duration::from_secs(1)).unwrap());
    (world, granted)
}

async fn ask_again(world: &World, granted: &Granted) -> SignedOpening {
    world.bank.grant(&proven(CLIENT), granted.request.clone()).await.unwrap()
}

/// Balance, reserve and what is withheld.
async fn holdings(world: &World, number: u8) -> (u64, u64, u64) {
    let account = world.account(number).await;
    (account.balance.as_micros(), account.reserved.as_micros(), account.withheld.as_micros())
}

async fn audit(world: &World) -> Audit {
    let audit = world.bank.books().audit().await.unwrap();
    assert!(audit.adds_up(), "{audit:?}");
    audit
}

async fn causes(world: &World, number: u8) -> Vec<Cause> {
    let statement = world.bank.books().statement(secret(number).public_key(), 0, 500).await.unwrap().unwrap();
    statement.lines.iter().map(|line| line.cause).collect()
}

#[tokio::test]
async fn the_channel_on_the_ledger_takes_over_the_reserve_of_its_request() {
    let (world, granted) = lost().await;
    let second = ask_again(&world, &granted).await;
    assert_ne!(second, granted.opening);
    assert_eq!(holdings(&world, CLIENT).await, (400, F, 0));
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    assert_eq!(holdings(&world, CLIENT).await, (400, F, 0));
    let found = audit(&world).await;
    assert_eq!((found.suspense.as_micros(), found.alarms.len()), (0, 0));
    // The same request again is answered with what is on the ledger.
    assert_eq!(ask_again(&world, &granted).await, granted.opening);
    let row = world.bank.books().channel(&granted.id()).await.unwrap().unwrap();
    assert_eq!(row.account, Some(*secret(CLIENT).public_key()));

    // The other opening is cancelled when its time has passed, and frees nothing.
    world.set_two_drifts_after(second.opening().terms().open_by, 0);
    assert_eq!(world.keep().await, 1);
    assert_eq!(holdings(&world, CLIENT).await, (400, F, 0));
    world.see(&world.close_by_release(&granted, 4).unwrap().unwrap()).await;
    assert_eq!(holdings(&world, CLIENT).await, (760, 0, 0));
    assert_eq!(holdings(&world, VENDOR).await, (240, 0, 0));
    assert_eq!(
        causes(&world, CLIENT).await,
        [Cause::Deposit, Cause::Reserve, Cause::TakenOver, Cause::Closed]
    );
    assert_eq!(audit(&world).await.suspense.as_micros(), 0);
}

#[tokio::test]
async fn a_request_with_the_key_and_less_money_is_not_taken_over() {
    let (world, granted) = lost().await;
    let identity = granted.request.request().client_identity;
    // The same nonce, hence the same payment key, and fewer units: other terms, which a client's own program never asks.
    let smaller = world.grant((CLIENT, identity), VENDOR, (9, 60), 1).await.unwrap();
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    assert_eq!(holdings(&world, CLIENT).await, (460, 540, 0));
    assert_eq!(audit(&world).await.alarms.len(), 1);
    world.set_two_drifts_after(smaller.opening.opening().terms().open_by, 0);
    world.keep().await;
    world.see(&world.close_by_release(&granted, 10).unwrap().unwrap()).await;
    assert_eq!(holdings(&world, CLIENT).await, (1_000, 0, 0));
    assert_eq!(audit(&world).await.suspense.as_micros(), -600);
}

#[tokio::test]
async fn a_request_with_the_key_and_more_money_keeps_the_rest_until_it_is_cancelled() {
    let (world, granted) = lost().await;
    let identity = granted.request.request().client_identity;
    let larger = world.grant((CLIENT, identity), VENDOR, (11, 60), 1).await.unwrap();
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    world.see(&world.close_by_release(&granted, 10).unwrap().unwrap()).await;
    assert_eq!(holdings(&world, CLIENT).await, (340, 60, 0));
    world.set_two_drifts_after(larger.opening.opening().terms().open_by, 0);
    assert_eq!(world.keep().await, 1);
    assert_eq!(holdings(&world, CLIENT).await, (400, 0, 0));
    assert_eq!(audit(&world).await.suspense.as_micros(), 0);
}

#[tokio::test]
async fn what_suspense_has_paid_is_swept_when_the_request_comes_again() {
    let (world, granted) = lost().await;
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    assert_eq!(audit(&world).await.suspense.as_micros(), 0);
    world.see(&world.close_by_release(&granted, 4).unwrap().unwrap()).await;
    assert_eq!(holdings(&world, CLIENT).await, (1_000, 0, 0));
    let found = audit(&world).await;
    assert_eq!((found.suspense.as_micros(), found.alarms.len()), (-240, 1));
    assert_eq!(ask_again(&world, &granted).await, granted.opening);
    assert_eq!(holdings(&world, CLIENT).await, (760, 0, 0));
    assert_eq!(causes(&world, CLIENT).await, [Cause::Deposit, Cause::Swept]);
    let found = audit(&world).await;
    assert_eq!((found.suspense.as_micros(), found.alarms.len()), (0, 0));
    // Once.
    assert_eq!(ask_again(&world, &granted).await, granted.opening);
    assert_eq!(holdings(&world, CLIENT).await, (760, 0, 0));
}

#[tokio::test]
async fn a_log_that_is_found_again_says_whose_channel_it_is() {
    let (mut world, identity) = world().await;
    let backup = world.backup().await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    let log = std::fs::read(world.log_file()).unwrap();
    world.restore(&backup, false).await;
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    assert_eq!(holdings(&world, CLIENT).await, (1_000, 0, 0));
    std::fs::write(world.log_file(), log).unwrap();
    assert_eq!(world.restart().await, 0);
    assert_eq!(holdings(&world, CLIENT).await, (400, F, 0));
    assert!(audit(&world).await.alarms.is_empty());
}

/// The log brings an opening of 5 500 back to an account that has 1 000.
async fn poor() -> (World, Granted) {
    let (mut world, identity) = world().await;
    let backup = world.backup().await;
    world.deposit(CLIENT, 5_000, "lost with the books").await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 550), 1).await.unwrap();
    assert_eq!(world.restore(&backup, true).await, 1);
    assert_eq!(holdings(&world, CLIENT).await, (0, 1_000, 0));
    (world, granted)
}

#[tokio::test]
async fn money_that_comes_later_takes_the_place_of_suspense() {
    let (world, granted) = poor().await;
    world.deposit(CLIENT, 300, "a part").await;
    assert_eq!(holdings(&world, CLIENT).await, (0, 1_300, 0));
    assert_eq!(audit(&world).await.alarms.len(), 1);
    world.deposit(CLIENT, 5_000, "entered again").await;
    assert_eq!(holdings(&world, CLIENT).await, (800, 5_500, 0));
    assert!(audit(&world).await.alarms.is_empty());
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    world.see(&world.close_by_release(&granted, 10).unwrap().unwrap()).await;
    assert_eq!(holdings(&world, CLIENT).await, (800, 0, 0));
    assert_eq!(holdings(&world, VENDOR).await, (5_500, 0, 0));
    assert_eq!(audit(&world).await.suspense.as_micros(), 0);
}

#[tokio::test]
async fn the_payers_part_is_spent_first_and_what_suspense_paid_is_owed() {
    let (world, granted) = poor().await;
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    world.see(&world.close_by_release(&granted, 4).unwrap().unwrap()).await;
    // 2 200 went to the vendor: 1 000 of the client's, 1 200 of the bank's.
    assert_eq!(holdings(&world, CLIENT).await, (0, 0, 0));
    assert_eq!(audit(&world).await.suspense.as_micros(), -1_200);
    world.deposit(CLIENT, 5_000, "entered again").await;
    assert_eq!(holdings(&world, CLIENT).await, (3_800, 0, 0));
    let found = audit(&world).await;
    assert_eq!((found.suspense.as_micros(), found.alarms.len()), (0, 0));
}

#[tokio::test]
async fn a_frozen_channel_is_swept_before_and_after_its_claim() {
    let (world, mut granted) = poor().await;
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    world.see(&world.freeze(&granted).unwrap().unwrap()).await;
    world.deposit(CLIENT, 500, "before the claim").await;
    assert_eq!(holdings(&world, CLIENT).await, (0, 0, 1_500));
    world.see(&world.close_by_token(&mut granted, 4).unwrap().unwrap()).await;
    assert_eq!(holdings(&world, CLIENT).await, (0, 0, 0));
    // 700 of the next 1 000 stand for what the claim took, the rest is withheld.
    world.deposit(CLIENT, 1_000, "after the claim").await;
    assert_eq!(holdings(&world, CLIENT).await, (0, 0, 300));
    world.set_time(world.expired(&granted).transaction);
    world.see(&world.resolve(&granted, 6).unwrap().unwrap()).await;
    assert_eq!(holdings(&world, VENDOR).await, (3_300, 0, 0));
    assert_eq!(holdings(&world, CLIENT).await, (0, 0, 0));
    assert_eq!(audit(&world).await.suspense.as_micros(), -800);
    world.deposit(CLIENT, 3_500, "the rest").await;
    assert_eq!(holdings(&world, CLIENT).await, (2_700, 0, 0));
    let found = audit(&world).await;
    assert_eq!((found.suspense.as_micros(), found.alarms.len()), (0, 0));
}

#[tokio::test]
async fn a_lost_opening_that_was_cancelled_frees_nothing() {
    let (world, granted) = lost().await;
    let second = ask_again(&world, &granted).await;
    world.set_two_drifts_after(second.opening().terms().open_by, 0);
    world.see(&world.cancel(&granted).unwrap().unwrap()).await;
    assert_eq!(holdings(&world, CLIENT).await, (400, F, 0));
    assert!(audit(&world).await.alarms.is_empty());
    assert_eq!(world.keep().await, 1);
    assert_eq!(holdings(&world, CLIENT).await, (1_000, 0, 0));
}

#[tokio::test]
async fn a_second_channel_under_one_payment_key_is_not_posted() {
    let (world, granted) = lost().await;
    let second = ask_again(&world, &granted).await;
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    // Two lying peers: the contract's index by payment key allows one.
    let record = super::settlement::forge(&world.ledger.record(granted.id()).unwrap(), |value| {
        value["channel_id"] = serde_json::json!(second.opening().channel_id());
        value["opening"] = serde_json::json!(second.opening());
        value["bank_signature"] = serde_json::json!(second.bank_signature());
    });
    let change = record.change_to(lockstep_protocol::ledger::ChannelState::Open).unwrap();
    let applied = world.see(&world.ledger.write(record, change)).await;
    assert_eq!((applied.posted, applied.alarms), (0, 1));
    assert_eq!(holdings(&world, CLIENT).await, (400, F, 0));
}

#[tokio::test]
async fn what_the_ledger_has_is_posted_before_the_bank_serves_openings_first() {
    let (mut world, identity) = world().await;
    let mut closed = world.grant((CLIENT, identity), VENDOR, (1, 100), 7).await.unwrap();
    world.see(&world.open(&closed).unwrap().unwrap()).await;
    let backup = world.backup().await;
    world.close_by_token(&mut closed, 1).unwrap().unwrap();
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    world.restore(&backup, false).await;
    world.set_time(world.now().checked_add(Duration::from_secs(1)).unwrap());
    let second = world.again(&granted, ask_again(&world, &granted).await);
    // While the bank is down, the first opening comes and is closed, and the second is cancelled.
    world.open(&granted).unwrap().unwrap();
    world.close_by_release(&granted, 4).unwrap().unwrap();
    world.set_two_drifts_after(granted.opening.opening().terms().open_by, 0);
    world.cancel(&second).unwrap().unwrap();
    world.ledger.set_fault(Fault::Down);
    assert!(world.bank.replay(world.ledger.as_ref()).await.is_err());
    assert!(world.bank.books().is_catching_up().await.unwrap());
    world.ledger.set_fault(Fault::None);
    let replayed = world.bank.replay(world.ledger.as_ref()).await.unwrap();
    assert_eq!(replayed, Replayed { channels: 3, posted: 4, alarms: 0 });
    assert!(!world.bank.books().is_catching_up().await.unwrap());
    assert_eq!(holdings(&world, CLIENT).await, (660, 0, 0));
    assert_eq!(holdings(&world, VENDOR).await, (340, 0, 0));
    for event in world.ledger.history() {
        assert_eq!(world.see(&event).await.already_done, 1);
    }
    assert_eq!(world.bank.replay(world.ledger.as_ref()).await.unwrap().posted, 0);
    assert_eq!(audit(&world).await.suspense.as_micros(), 0);
}
