//! What suspense has borne is the bank's own to pay, and nobody is paid out of books that are behind [Spec §9].

use std::time::Duration;

use lockstep_protocol::amount::Amount;

use super::ledger::Fault;
use super::world::{CLIENT, Granted, VENDOR, World, proven};
use crate::bank::books::{Audit, Cover, Covered, Direction, TransferError, Transferred};

const IN: Direction = Direction::Deposit;
const OUT: Direction = Direction::Withdrawal;

async fn cover(
    world: &World,
    direction: Direction,
    micros: u64,
    reference: &str,
) -> Result<Covered, TransferError> {
    let cover = Cover { direction, amount: Amount::from_micros(micros), reference };
    world.bank.books().cover(cover, world.now()).await
}

async fn audit(world: &World) -> Audit {
    let audit = world.bank.books().audit().await.unwrap();
    assert!(audit.adds_up(), "{audit:?}");
    audit
}

/// Balances of client and vendor, what suspense holds, and the bank's own money.
async fn holdings(world: &World) -> (u64, u64, i64, i64) {
    let audit = audit(world).await;
    let balance = async |number| world.account(number).await.balance.as_micros();
    (balance(CLIENT).await, balance(VENDOR).await, audit.suspense.as_micros(), audit.own_funds.as_micros())
}

/// Books and log have lost a channel on which the vendor got 4: nobody is known who owes it.
async fn borne() -> (World, Granted) {
    let (mut world, identity) = World::on_file().await.with_parties(100).await;
    let backup = world.backup().await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 1), 1).await.unwrap();
    world.restore(&backup, false).await;
    world.set_time(world.now().checked_add(Duration::from_secs(1)).unwrap());
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    world.see(&world.close_by_release(&granted, 4).unwrap().unwrap()).await;
    assert_eq!(holdings(&world).await, (100, 4, -4, 0));
    (world, granted)
}

#[tokio::test]
async fn what_suspense_has_borne_is_paid_out_once_the_bank_brings_its_own_money() {
    let (world, granted) = borne().await;
    world.transfer(CLIENT, OUT, 100, "all of it").await.unwrap();
    let lacks = world.transfer(VENDOR, OUT, 4, "the earnings").await.unwrap_err();
    assert!(matches!(lacks, TransferError::CashLacks { cash: Amount::ZERO }), "{lacks}");
    let more = cover(&world, IN, 5, "loss").await.unwrap_err();
    let TransferError::NothingToCover { loss } = more else { panic!("{more}") };
    assert_eq!(loss.as_micros(), 4);
    for already_done in [false, true] {
        let covered = cover(&world, IN, 4, "loss").await.unwrap();
        assert_eq!((covered.suspense.as_micros(), covered.already_done), (0, already_done));
    }
    assert!(matches!(cover(&world, IN, 1, "more").await, Err(TransferError::NothingToCover { .. })));
    assert!(matches!(cover(&world, IN, 3, "loss").await, Err(TransferError::ReferenceUsed { .. })));
    world.transfer(VENDOR, OUT, 4, "the earnings").await.unwrap();
    assert_eq!(holdings(&world).await, (0, 0, 0, 4));

    // The client asks for the same again, so it is known who owes it; what it brings is the bank's own again.
    world.bank.grant(&proven(CLIENT), granted.request.clone()).await.unwrap();
    world.deposit(CLIENT, 6, "the debt, and two").await;
    assert_eq!(holdings(&world).await, (2, 0, 4, 4));
    let error = cover(&world, OUT, 5, "back").await.unwrap_err();
    assert!(matches!(error, TransferError::Insufficient { available } if available.as_micros() == 4));
    assert_eq!(cover(&world, OUT, 4, "back").await.unwrap().suspense.as_micros(), 0);
    world.transfer(CLIENT, OUT, 2, "the two").await.unwrap();
    assert_eq!(holdings(&world).await, (0, 0, 0, 0));
}

/// The client paid in 100 more after the backup, the vendor got 80 of it, and both took out all that they had.
async fn restored() -> World {
    let (mut world, identity) = World::on_file().await.with_parties(50).await;
    let backup = world.backup().await;
    world.deposit(CLIENT, 100, "later").await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 10), 1).await.unwrap();
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    world.see(&world.close_by_release(&granted, 8).unwrap().unwrap()).await;
    world.transfer(VENDOR, OUT, 80, "earned").await.unwrap();
    world.transfer(CLIENT, OUT, 70, "left").await.unwrap();
    assert_eq!(holdings(&world).await, (0, 0, 0, 0));
    assert_eq!(world.restore(&backup, true).await, 1);
    world.bank.replay(world.ledger.as_ref()).await.unwrap();
    assert_eq!(holdings(&world).await, (0, 80, -30, 0));
    world
}

#[tokio::test]
async fn vouchers_are_entered_again_in_any_order_until_none_is_refused() {
    let vouchers = [(VENDOR, OUT, 80, "earned"), (CLIENT, OUT, 70, "left"), (CLIENT, IN, 100, "later")];
    for first in 0..3 {
        let world = restored().await;
        let mut rounds = 0;
        loop {
            let mut refused = 0;
            for place in 0..3 {
                let (number, direction, micros, reference) = vouchers[(first + place) % 3];
                match world.transfer(number, direction, micros, reference).await {
                    Ok(_) => {}
                    Err(TransferError::CashLacks { .. } | TransferError::Insufficient { .. }) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
                audit(&world).await;
            }
            rounds += 1;
            if refused == 0 {
                break;
            }
        }
        assert!(rounds <= 2);
        assert_eq!(holdings(&world).await, (0, 0, 0, 0));
        assert!(audit(&world).await.alarms.is_empty());
    }
}

#[tokio::test]
async fn a_bank_that_does_not_wait_for_the_vouchers_advances_its_own_money() {
    let world = restored().await;
    cover(&world, IN, 30, "advance").await.unwrap();
    world.transfer(VENDOR, OUT, 80, "earned").await.unwrap();
    world.deposit(CLIENT, 100, "later").await;
    world.transfer(CLIENT, OUT, 70, "left").await.unwrap();
    assert_eq!(holdings(&world).await, (0, 0, 30, 30));
    cover(&world, OUT, 30, "advance, back").await.unwrap();
    assert_eq!(holdings(&world).await, (0, 0, 0, 0));
}

#[tokio::test]
async fn nobody_is_paid_out_while_the_books_catch_up_with_the_ledger() {
    let (world, _) = World::new().await.with_parties(1_000).await;
    world.transfer(CLIENT, OUT, 100, "before").await.unwrap();
    world.ledger.set_fault(Fault::Down);
    world.bank.replay(world.ledger.as_ref()).await.unwrap_err();
    let refused = world.transfer(CLIENT, OUT, 900, "the rest").await.unwrap_err();
    assert!(matches!(refused, TransferError::CatchingUp), "{refused}");
    let again = world.transfer(CLIENT, OUT, 100, "before").await.unwrap();
    assert!(matches!(again, Transferred::AlreadyDone(_)));
    world.deposit(CLIENT, 5, "comes in at any time").await;
    world.ledger.set_fault(Fault::None);
    world.bank.replay(world.ledger.as_ref()).await.unwrap();
    world.transfer(CLIENT, OUT, 900, "the rest").await.unwrap();
    assert_eq!(world.account(CLIENT).await.balance.as_micros(), 5);
}
