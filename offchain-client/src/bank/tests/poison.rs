//! Events that the own peer does not bear out: a peer that is behind, and a lie that must not stop everybody else.

use std::sync::Arc;
use std::time::Duration;

use lockstep_protocol::hash::{ChannelId, IdentityRoot};
use lockstep_protocol::ledger::ChannelChange;
use tokio_util::sync::CancellationToken;

use super::world::{CLIENT, VENDOR, World};
use crate::bank::settling::{self, Patience, SettleError};
use crate::ledger::{EventCheckpoint, Ledger, TransactionId};

const HASTY: Patience = Patience { pause: (Duration::from_millis(1), Duration::from_millis(1)), looks: 3 };

async fn world() -> (World, IdentityRoot) {
    World::new().await.with_parties(10_000).await
}

/// Lets the bank follow the ledger until its checkpoint is at `until`.
async fn follow(world: &World, until: &EventCheckpoint) {
    let stop = CancellationToken::new();
    let ledger = Arc::clone(&world.ledger) as Arc<dyn Ledger>;
    let running = tokio::spawn(settling::run_with(
        Arc::clone(&world.bank),
        ledger,
        HASTY,
        stop.clone().cancelled_owned(),
    ));
    let seen = async {
        while world.bank.books().checkpoint().await.unwrap().as_ref() != Some(until) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), seen).await.expect("the event is passed");
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_peer_that_is_behind_raises_no_alarm_and_the_event_is_posted_when_it_has_caught_up() {
    let (world, identity) = world().await;
    let granted = world.opened(identity, 1).await;
    let behind = world.ledger.record(granted.id()).unwrap();
    let close = world.close_by_release(&granted, 7).unwrap().unwrap();
    let ahead = world.ledger.record(granted.id()).unwrap();
    world.ledger.write(behind, close.changes[0]);
    let error = world.bank.settle(world.ledger.as_ref(), &close).await.unwrap_err();
    assert!(matches!(error, SettleError::NotReached { .. }), "{error}");
    assert!(world.bank.books().alarms().await.unwrap().is_empty());
    world.ledger.write(ahead, close.changes[0]);
    assert_eq!(world.see(&close).await.posted, 1);
    assert_eq!(world.account(VENDOR).await.balance.as_micros(), 700);
}

#[tokio::test]
async fn an_event_without_a_record_stops_its_own_channel_alone() {
    let (world, identity) = world().await;
    let granted = world.opened(identity, 1).await;
    let record = world.ledger.record(granted.id()).unwrap();
    let invented = ChannelId::from_bytes([0xee; 32]);
    let change = ChannelChange { channel_id: invented, ..record.change().unwrap() };
    world.ledger.write(record, change);
    let close = world.close_by_release(&granted, 7).unwrap().unwrap();
    follow(&world, &close.checkpoint()).await;
    assert_eq!(world.account(VENDOR).await.balance.as_micros(), 700);
    let alarms = world.bank.books().alarms().await.unwrap();
    assert_eq!(alarms.iter().map(|alarm| alarm.channel).collect::<Vec<_>>(), [invented]);
}

#[tokio::test]
async fn an_event_that_is_never_borne_out_stops_its_own_channel_alone() {
    let (world, identity) = world().await;
    let (lied_about, other) = (world.opened(identity, 1).await, world.opened(identity, 2).await);
    let open = world.ledger.record(lied_about.id()).unwrap();
    let close = world.close_by_release(&lied_about, 7).unwrap().unwrap();
    world.ledger.write(open, close.changes[0]);
    let honest = world.close_by_release(&other, 5).unwrap().unwrap();
    follow(&world, &honest.checkpoint()).await;
    assert_eq!(world.account(VENDOR).await.balance.as_micros(), 500);
    let halted = world.bank.books().channel(&lied_about.id()).await.unwrap().unwrap().halted;
    assert!(halted, "an operator must look");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_passed_over_with_an_alarm_for_the_channels_that_it_names() {
    let (world, identity) = world().await;
    let granted = world.opened(identity, 1).await;
    let at = EventCheckpoint { block: 77, tx_id: TransactionId::new("7".repeat(64)) };
    let applied = world.bank.pass_over(&at, &[granted.id()], "a state of tomorrow").await.unwrap();
    assert_eq!(applied.alarms, 1);
    assert_eq!(world.bank.books().checkpoint().await.unwrap(), Some(at));
    assert_eq!(world.bank.books().alarms().await.unwrap()[0].channel, granted.id());
}

#[tokio::test]
async fn a_channel_that_the_books_do_not_know_is_posted_once_its_alarm_is_cleared() {
    let (mut world, identity) = World::on_file().await.with_parties(10_000).await;
    let backup = world.backup().await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 100), 1).await.unwrap();
    world.restore(&backup, false).await;
    // The own peer announces an opening that it has not: it is set aside, and what comes afterwards with it.
    let open = world.open(&granted).unwrap().unwrap();
    let record = world.ledger.record(granted.id()).unwrap();
    world.ledger.forget(granted.id());
    world.bank.settle_or_set_aside(world.ledger.as_ref(), &open).await.unwrap();
    world.ledger.write(record, open.changes[0]);
    let close = world.close_by_release(&granted, 7).unwrap().unwrap();
    assert_eq!(world.see(&close).await.halted, 1);

    let alarm = world.bank.books().alarms().await.unwrap()[0].id;
    world.bank.books().clear_alarm(alarm, "the peer has caught up", world.now()).await.unwrap();
    // What was behind before it was cleared is behind no more once the record is posted, whichever comes first.
    assert_eq!(world.see(&close).await.halted, 1);
    world.keep().await;
    assert_eq!(world.account(VENDOR).await.balance.as_micros(), 700);
    assert_eq!(world.see(&close).await.already_done, 1);
    assert!(world.bank.books().lookups(world.now(), 10).await.unwrap().is_empty());
    assert!(world.bank.books().audit().await.unwrap().adds_up());
}

#[tokio::test]
async fn a_channel_that_nobody_has_is_asked_for_later_and_later_once_its_alarm_is_cleared() {
    let (world, identity) = world().await;
    let granted = world.opened(identity, 1).await;
    let change = world.ledger.record(granted.id()).unwrap().change().unwrap();
    let record = world.ledger.record(granted.id()).unwrap();
    let invented = ChannelId::from_bytes([0xee; 32]);
    let event = world.ledger.write(record, ChannelChange { channel_id: invented, ..change });
    world.bank.settle_or_set_aside(world.ledger.as_ref(), &event).await.unwrap();
    let alarm = world.bank.books().alarms().await.unwrap()[0].id;
    world.bank.books().clear_alarm(alarm, "an invention", world.now()).await.unwrap();
    world.keep().await;
    assert!(world.bank.books().lookups(world.now(), 10).await.unwrap().is_empty(), "not at once again");
    world.set_time(world.now().checked_add(Duration::from_secs(60)).unwrap());
    let asked = world.bank.books().lookups(world.now(), 10).await.unwrap();
    assert_eq!(
        asked.iter().map(|lookup| (lookup.channel, lookup.tries)).collect::<Vec<_>>(),
        [(invented, 1)]
    );
    assert!(world.bank.books().alarms().await.unwrap().is_empty());
}
