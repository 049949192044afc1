//! Reputations that the operator has set since the backup: they come back from the log, once, the last word of each.

use std::sync::Arc;

use lockstep_protocol::units::Reputation;

use super::ledger::Fault;
use super::world::{CLIENT, VENDOR, World, ledger_id, proven, secret};
use crate::bank::books::{Decision, Subject};
use crate::bank::decision::SignedDecision;
use crate::bank::log::BankLog;
use crate::bank::reconciling::{ReconcileError, Reconciled};

async fn set(world: &World, party: u8, points: u8) {
    let (key, points) = (*secret(party).public_key(), Reputation::from_points(points));
    world.bank.books().set_reputation(&key, points, world.now()).await.unwrap().unwrap();
}

async fn points(world: &World, party: u8) -> u8 {
    world.account(party).await.reputation.as_points()
}

async fn changes(world: &World, party: u8) -> Vec<(String, u8)> {
    let key = *secret(party).public_key();
    let statement = world.bank.books().statement(&key, 0, 500).await.unwrap().unwrap();
    let changes = statement.reputation_changes.into_iter();
    changes.map(|change| (change.cause, change.after.as_points())).collect()
}

#[tokio::test]
async fn what_was_set_after_the_backup_survives_it_and_counts_once() {
    let (mut world, _) = World::on_file().await.with_parties(1_000).await;
    set(&world, VENDOR, 70).await;
    world.bank.log_decisions(None).await.unwrap();
    let backup = world.backup().await;
    // The clock stands still: the later word counts all the same.
    set(&world, CLIENT, 30).await;
    world.bank.log_decisions(None).await.unwrap();
    set(&world, CLIENT, 55).await;
    world.join(3).await;
    set(&world, 3, 20).await;
    world.bank.log_decisions(None).await.unwrap();
    for _ in 0..2 {
        world.restore(&backup, true).await;
        world.restart().await;
        assert_eq!(points(&world, 3).await, 20, "an account that the books had lost");
        let operator = |points| ("operator".to_owned(), points);
        assert_eq!(changes(&world, CLIENT).await, [operator(30), operator(55)]);
        assert_eq!(changes(&world, VENDOR).await, [operator(70)]);
    }
    assert_eq!(world.bank.reconcile().await.unwrap(), Reconciled::default());
}

#[tokio::test]
async fn a_conviction_cuts_what_was_set_before_it_again() {
    let (mut world, identity) = World::on_file().await.with_parties(10_000).await;
    let granted = world.opened(identity, 1).await;
    let backup = world.backup().await;
    set(&world, CLIENT, 90).await;
    // The set reputation is not in the log yet when the conviction comes.
    let proof = world.two_payments(&granted, false);
    world.ledger.set_fault(Fault::NotOrdered);
    let ledger = Arc::clone(&world.ledger);
    world.bank.take_fraud_proof(ledger.as_ref(), &proven(VENDOR), granted.id(), &proof).await.unwrap();
    assert_eq!(points(&world, CLIENT).await, 30);
    world.restore(&backup, true).await;
    assert_eq!(points(&world, CLIENT).await, 30);
}

#[tokio::test]
async fn a_word_that_the_bank_did_not_sign_sets_nothing_and_one_that_the_log_lost_is_missed() {
    let (mut world, _) = World::on_file().await.with_parties(1_000).await;
    let account = *secret(CLIENT).public_key();
    let word = Decision::Reputation { account, points: Reputation::from_points(0), at: world.now() };
    let forged = SignedDecision::sign(word, &ledger_id(), &secret(9)).unwrap();
    BankLog::open(&world.log_file()).unwrap().append_decision(&forged).await.unwrap();
    let error = world.bank.reconcile().await.unwrap_err();
    assert!(
        matches!(&error, ReconcileError::NotOurs { subject, .. } if **subject == Subject::Account(account)),
        "{error}"
    );
    assert_eq!(points(&world, CLIENT).await, 100);

    std::fs::write(world.log_file(), "").unwrap();
    world.restart().await;
    set(&world, CLIENT, 60).await;
    world.bank.log_decisions(None).await.unwrap();
    std::fs::write(world.log_file(), "").unwrap();
    let error = world.bank.reconcile().await.unwrap_err();
    assert!(
        matches!(&error, ReconcileError::NotInLog(subject) if **subject == Subject::Account(account)),
        "{error}"
    );
    // With --rewrite-log it stands there again.
    world.bank.books().forget_log().await.unwrap();
    assert_eq!(world.bank.reconcile().await.unwrap(), Reconciled::default());
    assert_eq!(BankLog::open(&world.log_file()).unwrap().read().unwrap().count(), 1);
}
