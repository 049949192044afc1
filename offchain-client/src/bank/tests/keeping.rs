//! Nothing is stuck because somebody is gone: cancel, refund, freeze, resolve at their time, and once [Spec §9].

use std::sync::Arc;
use std::time::Duration;

use lockstep_protocol::ledger::{ChannelState, Standing};
use lockstep_protocol::units::Units;
use serde_json::Value;

use super::ledger::Fault;
use super::settlement::forge;
use super::world::{CLIENT, Granted, VENDOR, World, secret};
use crate::bank::keeper;

async fn opened() -> (World, Granted) {
    let (world, identity) = World::new().await.with_parties(10_000).await;
    let granted = world.opened(identity, 1).await;
    (world, granted)
}

fn state(world: &World, granted: &Granted) -> ChannelState {
    world.ledger.record(granted.id()).unwrap().state()
}

/// Balance of the client, its reserve, what is withheld from it; balance of the vendor.
async fn holdings(world: &World) -> [u64; 4] {
    let (client, vendor) = (world.account(CLIENT).await, world.account(VENDOR).await);
    assert!(world.bank.books().audit().await.unwrap().adds_up());
    [client.balance, client.reserved, client.withheld, vendor.balance].map(|amount| amount.as_micros())
}

/// The units that the ledger's record was resolved with.
fn resolved(world: &World, granted: &Granted) -> u32 {
    match world.ledger.record(granted.id()).unwrap().standing() {
        Standing::Resolved(_, _, resolve) => resolve.units.as_count(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_opening_that_never_came_is_cancelled_after_two_drifts_and_not_before() {
    let (mut world, identity) = World::new().await.with_parties(10_000).await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 100), 1).await.unwrap();
    assert_eq!(world.keep().await, 0);
    let open_by = granted.opening.opening().terms().open_by;
    for less in [60_000, 1] {
        world.set_two_drifts_after(open_by, less);
        assert_eq!(world.keep().await, 0);
    }
    world.restart().await;
    world.set_two_drifts_after(open_by, 0);
    assert_eq!(world.keep().await, 1);
    assert_eq!(state(&world, &granted), ChannelState::Cancelled);
    assert_eq!(holdings(&world).await, [10_000, 0, 0, 0]);
    world.restart().await;
    assert_eq!(world.keep().await, 0);
}

#[tokio::test]
async fn a_channel_that_nobody_closes_is_refunded_once_though_the_answer_is_lost() {
    let (mut world, granted) = opened().await;
    let expiry = granted.opening.opening().terms().expiry;
    world.set_two_drifts_after(expiry, 1);
    assert_eq!(world.keep().await, 0);
    world.set_two_drifts_after(expiry, 0);
    world.ledger.set_fault(Fault::AnswersLost);
    world.bank.keep_all(world.ledger.as_ref()).await.unwrap();
    assert_eq!(state(&world, &granted), ChannelState::Refunded);
    // Killed before it heard of it: the books still have it open, and learn of it from the record or the event.
    world.restart().await;
    world.ledger.set_fault(Fault::None);
    let later = world.now().checked_add(Duration::from_secs(60)).unwrap();
    world.set_time(later);
    assert_eq!(world.keep().await, 0);
    assert_eq!(holdings(&world).await, [10_000, 0, 0, 0]);
    for event in world.ledger.history() {
        assert_eq!(world.see(&event).await.already_done, 1);
    }
    assert_eq!(holdings(&world).await, [10_000, 0, 0, 0]);
}

#[tokio::test]
async fn a_ledger_that_is_down_is_asked_again_later_and_later() {
    let (world, granted) = opened().await;
    world.set_two_drifts_after(granted.opening.opening().terms().expiry, 0);
    for (fault, tries) in [(Fault::Down, 1), (Fault::NotOrdered, 2)] {
        world.ledger.set_fault(fault);
        world.bank.keep_all(world.ledger.as_ref()).await.unwrap();
        let case = world.bank.books().case(&granted.id()).await.unwrap().unwrap();
        assert_eq!((case.tries, case.due.unwrap() > world.now()), (tries, true));
        world.ledger.set_fault(Fault::None);
        assert_eq!(world.keep().await, 0, "not before its time");
        world.set_time(case.due.unwrap());
    }
    assert_eq!(world.keep().await, 1);
    assert_eq!(state(&world, &granted), ChannelState::Refunded);
}

#[tokio::test]
async fn a_claim_on_a_frozen_channel_is_resolved_at_once() {
    let (world, mut granted) = opened().await;
    world.see(&world.freeze(&granted).unwrap().unwrap()).await;
    assert_eq!(world.keep().await, 0);
    world.see(&world.close_by_token(&mut granted, 4).unwrap().unwrap()).await;
    assert_eq!(world.keep().await, 1);
    assert_eq!(resolved(&world, &granted), 4);
    assert_eq!(holdings(&world).await, [9_600, 0, 0, 400]);
}

#[tokio::test]
async fn a_frozen_channel_that_nobody_claims_goes_back_to_the_client_after_expiry() {
    let (world, granted) = opened().await;
    world.see(&world.freeze(&granted).unwrap().unwrap()).await;
    let expiry = granted.opening.opening().terms().expiry;
    world.set_two_drifts_after(expiry, 1);
    assert_eq!(world.keep().await, 0);
    assert_eq!(holdings(&world).await, [9_000, 0, 1_000, 0]);
    world.set_two_drifts_after(expiry, 0);
    assert_eq!(world.keep().await, 1);
    assert_eq!(resolved(&world, &granted), 0);
    assert_eq!(holdings(&world).await, [10_000, 0, 0, 0]);
}

#[tokio::test]
async fn the_operators_decision_raises_the_vendors_total_and_never_lowers_it() {
    for (decided, claimed, total) in [(7, Some(4), 7), (2, Some(4), 4), (7, None, 7)] {
        let (mut world, mut granted) = opened().await;
        world.see(&world.freeze(&granted).unwrap().unwrap()).await;
        let books = world.bank.books();
        books.decide_units(&granted.id(), Units::from_count(decided), world.now()).await.unwrap();
        world.restart().await;
        assert_eq!(world.keep().await, 0);
        match claimed {
            Some(units) => {
                world.see(&world.close_by_token(&mut granted, units).unwrap().unwrap()).await;
            }
            None => world.set_two_drifts_after(granted.opening.opening().terms().expiry, 0),
        }
        assert_eq!(world.keep().await, 1);
        assert_eq!(resolved(&world, &granted), total);
        let paid = u64::from(total) * 100;
        assert_eq!(holdings(&world).await, [10_000 - paid, 0, 0, paid]);
    }
}

#[tokio::test]
async fn a_second_value_is_signed_only_after_the_first_was_refused() {
    let (mut world, mut granted) = opened().await;
    world.see(&world.freeze(&granted).unwrap().unwrap()).await;
    world.set_two_drifts_after(granted.opening.opening().terms().expiry, 0);
    let id = granted.id();
    let signed = async |world: &World| world.bank.books().case(&id).await.unwrap().unwrap().decisions.signed;
    // Fixed before it is submitted, and a kill in between changes nothing.
    world.ledger.set_fault(Fault::NotOrdered);
    assert_eq!(world.keep().await, 0);
    assert_eq!(signed(&world).await, Some(Units::ZERO));
    world.restart().await;
    let error = world.bank.books().decide_units(&granted.id(), Units::from_count(9), world.now()).await;
    assert!(error.is_err(), "{error:?}");
    // The vendor claims in time; the first value is refused as below it, and only then is there a second.
    let claim = world.close_by_token(&mut granted, 3).unwrap().unwrap();
    world.see(&claim).await;
    assert_eq!(world.keep().await, 0);
    assert_eq!(signed(&world).await, Some(Units::ZERO));
    world.ledger.set_fault(Fault::None);
    world.set_time(world.now().checked_add(Duration::from_secs(120)).unwrap());
    assert_eq!(world.keep().await, 1);
    assert_eq!((resolved(&world, &granted), signed(&world).await), (3, Some(Units::from_count(3))));
    assert_eq!(holdings(&world).await, [9_700, 0, 0, 300]);
}

#[tokio::test]
async fn clearing_an_alarm_posts_what_was_held_back() {
    let (world, granted) = opened().await;
    let honest = world.close_by_release(&granted, 2).unwrap().unwrap();
    let good = world.ledger.record(granted.id()).unwrap();
    let lie = |value: &mut Value| value["ending"]["client_signature"] = value["bank_signature"].clone();
    world.see(&world.ledger.write(forge(&good, lie), honest.changes[0])).await;
    world.set_two_drifts_after(granted.opening.opening().terms().expiry, 0);
    assert_eq!(world.keep().await, 0, "a channel with an alarm is left alone");
    let books = world.bank.books();
    let alarm = books.alarms().await.unwrap().remove(0);
    // While the ledger still shows the lie, the alarm comes again and nothing is posted.
    books.clear_alarm(alarm.id, "looked at", world.now()).await.unwrap().unwrap();
    assert_eq!(world.keep().await, 0);
    assert_eq!(holdings(&world).await, [9_000, 1_000, 0, 0]);
    let again = books.alarms().await.unwrap().remove(0);
    assert_ne!(again.id, alarm.id);
    world.ledger.write(good, honest.changes[0]);
    books.clear_alarm(again.id, "the peers were put right", world.now()).await.unwrap().unwrap();
    world.bank.keep_all(world.ledger.as_ref()).await.unwrap();
    assert_eq!(holdings(&world).await, [9_800, 0, 0, 200]);
    assert!(books.alarms().await.unwrap().is_empty());
    assert_eq!(books.all_alarms().await.unwrap().len(), 2);
    assert_eq!(books.clear_alarm(99, "no such", world.now()).await.unwrap(), None);
}

#[tokio::test]
async fn the_keeper_runs_until_the_bank_stops() {
    let (world, granted) = opened().await;
    world.set_two_drifts_after(granted.opening.opening().terms().expiry, 0);
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(keeper::run(
        Arc::clone(&world.bank),
        Arc::clone(&world.ledger) as Arc<dyn crate::ledger::Ledger>,
        Duration::from_millis(5),
        stop.clone().cancelled_owned(),
    ));
    let refunded = async {
        while state(&world, &granted) != ChannelState::Refunded {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refunded).await.unwrap();
    stop.cancel();
    running.await.unwrap().unwrap();
    assert!(world.bank.books().account(secret(CLIENT).public_key()).await.unwrap().is_some());
}
