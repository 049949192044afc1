//! Openings in the log, and books that are older than it.

use std::io::Write;
use std::sync::Arc;

use lockstep_protocol::amount::Amount;
use lockstep_protocol::opening::{Opening, SignedOpening};

use super::world::{CLIENT, VENDOR, World, bank_secret, proven, secret};
use crate::bank::books::{NewChannel, Subject};
use crate::bank::log::{BankLog, LogError, LogLine};
use crate::bank::opening::OpeningError;
use crate::bank::reconciling::{ReconcileError, Reconciled};

async fn world() -> (World, lockstep_protocol::hash::IdentityRoot) {
    World::on_file().await.with_parties(1_000).await
}

#[tokio::test]
async fn an_opening_stands_in_the_log_before_it_is_answered() {
    let (world, identity) = world().await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    let log = BankLog::open(&world.folder.path().join("openings.jsonl")).unwrap();
    let logged: Vec<_> = log.read().unwrap().map(Result::unwrap).collect();
    let expected = NewChannel { request: granted.request, opening: granted.opening };
    assert_eq!(logged, [LogLine::Opening(Box::new(expected))]);
}

#[tokio::test]
async fn a_crash_between_reserve_and_answer_leaves_the_same_opening_for_the_retry() {
    let (mut world, identity) = world().await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    // As if the bank had died after the books' transaction: the log lacks the line, the books know that.
    std::fs::write(world.folder.path().join("openings.jsonl"), "").unwrap();
    let mut tx = world.bank.books().write().await.unwrap();
    sqlx::query("UPDATE channels SET logged = 0").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.restart().await, 0);
    let again = world.bank.grant(&proven(CLIENT), granted.request.clone()).await.unwrap();
    assert_eq!(again, granted.opening);
    let log = BankLog::open(&world.folder.path().join("openings.jsonl")).unwrap();
    assert_eq!(log.read().unwrap().count(), 1);
    assert_eq!(world.account(CLIENT).await.reserved, Amount::from_micros(600));
}

#[tokio::test]
async fn a_log_that_cannot_be_written_keeps_the_signature_in_the_bank() {
    let (mut world, identity) = world().await;
    let path = world.folder.path().join("openings.jsonl");
    Arc::get_mut(&mut world.bank).unwrap().log = BankLog::open_read_only(&path);
    let error = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.err().unwrap();
    assert!(matches!(error, OpeningError::Log(_)), "{error}");
    let again = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.err().unwrap();
    assert!(matches!(again, OpeningError::Log(_)), "{again}");
    // F stays reserved: freeing it is for the ledger alone. Once there is room the same request is answered.
    assert_eq!(world.account(CLIENT).await.reserved, Amount::from_micros(600));
    world.restart().await;
    world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    assert_eq!(world.account(CLIENT).await.reserved, Amount::from_micros(600));
}

#[tokio::test]
async fn a_line_that_a_crash_cut_short_is_cut_off_and_a_damaged_one_is_not_passed_over() {
    let (mut world, identity) = world().await;
    world.grant((CLIENT, identity), VENDOR, (1, 60), 1).await.unwrap();
    let path = world.folder.path().join("openings.jsonl");
    let whole = std::fs::read(&path).unwrap();
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&whole[..200]).unwrap();
    world.restart().await;
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{}\n").unwrap();
    let log = BankLog::open(&path).unwrap();
    let read: Result<Vec<_>, _> = log.read().unwrap().collect();
    assert!(matches!(read, Err(LogError::Damaged { line: 2, .. })));
}

#[tokio::test]
async fn books_of_yesterday_learn_what_was_signed_since() {
    let (mut world, identity) = world().await;
    let backup = world.backup().await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    let rich = world.grant((CLIENT, identity), VENDOR, (1, 400), 2).await.unwrap();
    world.put_back(&backup).await;
    assert_eq!(world.restart().await, 2);
    assert_eq!(world.account(CLIENT).await.reserved, Amount::from_micros(1_000));
    let again = world.bank.grant(&proven(CLIENT), granted.request.clone()).await.unwrap();
    assert_eq!(again, granted.opening);
    assert!(world.bank.books().channel(&rich.id()).await.unwrap().is_some());
    assert_eq!(world.restart().await, 0);
    assert!(world.bank.books().audit().await.unwrap().adds_up());
}

#[tokio::test]
async fn where_the_restored_account_lacks_the_money_suspense_pays_and_an_alarm_says_so() {
    let (mut world, identity) = world().await;
    let backup = world.backup().await;
    world.deposit(CLIENT, 5_000, "lost with the books").await;
    let granted = world.grant((CLIENT, identity), VENDOR, (1, 5_500), 1).await.unwrap();
    world.put_back(&backup).await;
    assert_eq!(world.restart().await, 1);
    let audit = world.bank.books().audit().await.unwrap();
    assert!(audit.adds_up(), "{audit:?}");
    assert_eq!(audit.alarms.len(), 1);
    assert_eq!(audit.suspense.as_micros(), 0);
    let row = world.bank.books().channel(&granted.id()).await.unwrap().unwrap();
    assert_eq!((row.account, row.stand_in.as_micros()), (Some(*secret(CLIENT).public_key()), 4_500));
    // What is left is set aside: the client has spent it.
    let client = world.account(CLIENT).await;
    assert_eq!((client.balance.as_micros(), client.reserved.as_micros()), (0, 1_000));
    assert!(world.bank.books().account(secret(VENDOR).public_key()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_log_that_has_lost_a_line_is_not_used_until_it_is_written_again() {
    let (world, identity) = world().await;
    world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    let granted = world.grant((CLIENT, identity), VENDOR, (1, 60), 2).await.unwrap();
    let path = world.folder.path().join("openings.jsonl");
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, whole.lines().next().unwrap().to_owned() + "\n").unwrap();
    let error = world.bank.reconcile().await.unwrap_err();
    assert!(
        matches!(&error, ReconcileError::NotInLog(subject) if **subject == Subject::Channel(granted.id())),
        "{error}"
    );
    world.bank.books().forget_log().await.unwrap();
    assert_eq!(world.bank.reconcile().await.unwrap(), Reconciled::default());
    assert_eq!(BankLog::open(&path).unwrap().read().unwrap().count(), 3);
}

/// Books as they were before anything was granted, and what was granted since.
async fn restored(lines: impl FnOnce(&World, NewChannel) -> Vec<NewChannel>) -> World {
    let (mut world, identity) = world().await;
    let backup = world.backup().await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    world.put_back(&backup).await;
    std::fs::write(world.log_file(), "").unwrap();
    world.restart().await;
    let channel = NewChannel { request: granted.request, opening: granted.opening };
    let text: Vec<_> =
        lines(&world, channel).iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    std::fs::write(world.log_file(), text.concat()).unwrap();
    world
}

#[tokio::test]
async fn a_line_that_the_bank_did_not_sign_or_nobody_asked_for_spends_no_money() {
    let forged = restored(|_, line| {
        let opening = SignedOpening::sign(line.opening.opening().clone(), &secret(9));
        vec![NewChannel { opening, ..line }]
    })
    .await;
    let unasked = restored(|world, line| {
        let credential = line.request.request().client_identity;
        let (request, _, _) = world.request((CLIENT, credential), VENDOR, (10, 60), 7);
        vec![NewChannel { request, ..line }]
    })
    .await;
    for world in [forged, unasked] {
        let error = world.bank.reconcile().await.unwrap_err();
        assert!(matches!(&error, ReconcileError::NotOurs { .. }), "{error}");
        assert_eq!(world.account(CLIENT).await.reserved, Amount::ZERO);
    }
}

#[tokio::test]
async fn a_request_that_was_answered_twice_comes_back_twice() {
    let world = restored(|_, line| {
        let mut terms = line.opening.opening().terms().clone();
        terms.opened = terms.opened.checked_add(std::time::Duration::from_secs(1)).unwrap();
        let second = SignedOpening::sign(Opening::new(terms), &bank_secret());
        vec![line.clone(), NewChannel { opening: second, ..line }]
    })
    .await;
    assert_eq!(world.bank.reconcile().await.unwrap(), Reconciled { openings: 2, decisions: 0 });
    // One of the two can open; what the account lacks for both is in suspense until the other is cancelled.
    assert_eq!(world.account(CLIENT).await.reserved, Amount::from_micros(1_000));
    assert!(world.bank.books().audit().await.unwrap().adds_up());
}

#[tokio::test]
async fn a_log_whose_torn_line_cannot_be_taken_back_takes_no_other() {
    let (world, identity) = world().await;
    world.grant((CLIENT, identity), VENDOR, (1, 60), 1).await.unwrap();
    let path = world.folder.path().join("openings.jsonl");
    let line = BankLog::open(&path).unwrap().read().unwrap().next().unwrap().unwrap();
    let LogLine::Opening(line) = line else { panic!("an opening") };
    let log = BankLog::open_read_only(&path);
    assert!(matches!(log.append_opening(&line).await, Err(LogError::Io { .. })));
    assert!(matches!(log.append_opening(&line).await, Err(LogError::Torn { .. })));
}
