//! Decisions that books from an older copy have lost: they come back from the log, once, before anything is signed.

use std::sync::Arc;
use std::time::Duration;

use lockstep_protocol::hash::{EvidenceHash, IdentityRoot};
use lockstep_protocol::ledger::{FreezeReason, Standing};
use lockstep_protocol::units::Units;

use super::ledger::Fault;
use super::world::{Backup, CLIENT, Granted, VENDOR, World, ledger_id, proven, secret};
use crate::bank::books::{Decision, Subject, Verdict};
use crate::bank::decision::SignedDecision;
use crate::bank::fraud::FraudError;
use crate::bank::log::{BankLog, LogError, LogLine};
use crate::bank::reconciling::{ReconcileError, Reconciled};
use crate::bank::settling::SettlingError;

async fn world() -> (World, IdentityRoot) {
    World::on_file().await.with_parties(10_000).await
}

async fn opened() -> (World, Granted) {
    let (world, identity) = world().await;
    let granted = world.opened(identity, 1).await;
    (world, granted)
}

/// Books and log lose an opening, which the ledger brings back, and its client is convicted.
async fn convicted_in_suspense(world: &mut World, identity: IdentityRoot, backup: &Backup) -> Granted {
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 100), 1).await.unwrap();
    world.restore(backup, false).await;
    wait(world, 1);
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    convict(world, &granted, Fault::NotOrdered).await;
    granted
}

/// The vendor's proof, by a ledger that takes no freeze if `fault` says so.
async fn convict(world: &World, granted: &Granted, fault: Fault) {
    let proof = world.two_payments(granted, false);
    world.ledger.set_fault(fault);
    let ledger = Arc::clone(&world.ledger);
    world.bank.take_fraud_proof(ledger.as_ref(), &proven(VENDOR), granted.id(), &proof).await.unwrap();
    world.ledger.set_fault(Fault::None);
}

async fn points(world: &World, party: u8) -> u8 {
    world.account(party).await.reputation.as_points()
}

async fn changes(world: &World, party: u8) -> Vec<String> {
    let key = *secret(party).public_key();
    let statement = world.bank.books().statement(&key, 0, 500).await.unwrap().unwrap();
    statement.reputation_changes.into_iter().map(|change| change.cause).collect()
}

fn wait(world: &World, seconds: u64) {
    world.set_time(world.now().checked_add(Duration::from_secs(seconds)).unwrap());
}

#[tokio::test]
async fn a_conviction_after_the_backup_survives_it_and_counts_once() {
    let (mut world, granted) = opened().await;
    let backup = world.backup().await;
    let evidence = world.two_payments(&granted, false).evidence();
    convict(&world, &granted, Fault::NotOrdered).await;
    for _ in 0..2 {
        world.restore(&backup, true).await;
        assert_eq!(points(&world, CLIENT).await, 40);
        world.restart().await;
        assert_eq!(changes(&world, CLIENT).await, ["fraud_proof"]);
    }
    // The vendor has been told that it is convicted: nobody brings the proof again, and the freeze comes all the same.
    wait(&world, 10);
    assert_eq!(world.keep().await, 1);
    let record = world.ledger.record(granted.id()).unwrap();
    let freeze = record.freeze().unwrap();
    assert_eq!((freeze.reason, freeze.evidence), (FreezeReason::FraudProof, evidence));
    assert_eq!(changes(&world, CLIENT).await, ["fraud_proof"]);
}

#[tokio::test]
async fn units_that_were_signed_after_the_backup_are_the_only_ones_that_are_signed() {
    for decided in [false, true] {
        let (mut world, mut granted) = opened().await;
        world.see(&world.freeze(&granted).unwrap().unwrap()).await;
        world.see(&world.close_by_token(&mut granted, 3).unwrap().unwrap()).await;
        if decided {
            // The copy has an earlier decision, which nothing was signed for.
            let four = Units::from_count(4);
            world.bank.books().decide_units(&granted.id(), four, world.now()).await.unwrap();
        }
        let backup = world.backup().await;
        let seven = Units::from_count(7);
        world.bank.books().decide_units(&granted.id(), seven, world.now()).await.unwrap();
        world.ledger.set_fault(Fault::NotOrdered);
        world.bank.keep_all(world.ledger.as_ref()).await.unwrap();
        assert_eq!(signed(&world, &granted).await, Some(seven));

        world.restore(&backup, true).await;
        assert_eq!(signed(&world, &granted).await, Some(seven));
        world.ledger.set_fault(Fault::None);
        wait(&world, 10);
        assert_eq!(world.keep().await, 1);
        let record = world.ledger.record(granted.id()).unwrap();
        assert!(
            matches!(record.standing(), Standing::Resolved(_, _, resolve) if resolve.units == seven),
            "{record:?}"
        );
    }
}

async fn signed(world: &World, granted: &Granted) -> Option<Units> {
    world.bank.books().case(&granted.id()).await.unwrap().unwrap().decisions.signed
}

#[tokio::test]
async fn what_the_operator_decided_after_the_backup_survives_it_and_counts_once() {
    let (mut world, granted) = opened().await;
    let (id, now) = (granted.id(), world.now());
    let backup = world.backup().await;
    let books = world.bank.books();
    let freeze = (FreezeReason::CourtOrder, EvidenceHash::from_bytes([7; 32]));
    books.decide_freeze(&id, freeze, "order 17", now).await.unwrap();
    books.accuse(&id, "no film", now).await.unwrap();
    world.bank.log_decisions(None).await.unwrap();
    books.judge(&id, Verdict::AtFault, now).await.unwrap();
    world.bank.log_decisions(None).await.unwrap();
    for _ in 0..2 {
        world.restore(&backup, true).await;
        world.restart().await;
        assert_eq!((points(&world, VENDOR).await, points(&world, CLIENT).await), (80, 100));
        assert_eq!(changes(&world, VENDOR).await, ["failed_delivery"]);
    }
    assert_eq!(world.bank.reconcile().await.unwrap(), Reconciled::default());
    assert_eq!(world.keep().await, 1);
    let record = world.ledger.record(id).unwrap();
    assert_eq!(record.freeze().map(|freeze| freeze.reason), Some(FreezeReason::CourtOrder));
}

#[tokio::test]
async fn a_conviction_on_a_channel_in_suspense_reaches_its_client_when_that_is_known() {
    let (mut world, identity) = world().await;
    let backup = world.backup().await;
    let granted = convicted_in_suspense(&mut world, identity, &backup).await;
    assert_eq!(points(&world, CLIENT).await, 100, "nobody knows whose channel it is");
    for _ in 0..2 {
        let again = world.bank.grant(&proven(CLIENT), granted.request.clone()).await.unwrap();
        assert_eq!(again, granted.opening);
        assert_eq!(changes(&world, CLIENT).await, ["fraud_proof"]);
    }
    assert_eq!(points(&world, CLIENT).await, 40);
}

#[tokio::test]
async fn a_conviction_waits_for_a_channel_that_the_books_have_lost_with_it() {
    let (mut world, identity) = world().await;
    let backup = world.backup().await;
    // The log was lost with the opening; the conviction stands in the new one, and the books are lost again.
    let granted = convicted_in_suspense(&mut world, identity, &backup).await;
    for _ in 0..2 {
        world.restore(&backup, true).await;
        assert!(world.bank.books().case(&granted.id()).await.unwrap().is_none());
    }
    let replayed = world.bank.replay(world.ledger.as_ref()).await.unwrap();
    assert_eq!((replayed.posted, replayed.alarms), (1, 0));
    assert!(world.bank.books().case(&granted.id()).await.unwrap().unwrap().fraud);
    assert_eq!(world.keep().await, 1, "the freeze");
    world.bank.grant(&proven(CLIENT), granted.request.clone()).await.unwrap();
    assert_eq!(changes(&world, CLIENT).await, ["fraud_proof"]);
    world.restart().await;
    assert_eq!(points(&world, CLIENT).await, 40);
}

#[tokio::test]
async fn with_the_log_lost_too_a_freeze_for_fraud_on_the_ledger_convicts() {
    let (mut world, granted) = opened().await;
    let backup = world.backup().await;
    convict(&world, &granted, Fault::None).await;
    world.restore(&backup, false).await;
    assert_eq!(points(&world, CLIENT).await, 100);
    world.bank.replay(world.ledger.as_ref()).await.unwrap();
    assert_eq!(points(&world, CLIENT).await, 40);
    world.restart().await;
    for event in world.ledger.history() {
        world.see(&event).await;
    }
    convict(&world, &granted, Fault::None).await;
    assert_eq!(changes(&world, CLIENT).await, ["fraud_proof"]);
}

#[tokio::test]
async fn a_decision_that_the_bank_did_not_sign_decides_nothing() {
    let (mut world, granted) = opened().await;
    let seven = Units::from_count(7);
    let decision = Decision::Units {
        channel: granted.id(),
        decided: Some(seven),
        signed: None,
        changes: 1,
        at: world.now(),
    };
    let forged = SignedDecision::sign(decision, &ledger_id(), &secret(9)).unwrap();
    BankLog::open(&world.log_file()).unwrap().append_decision(&forged).await.unwrap();
    let error = world.bank.reconcile().await.unwrap_err();
    assert!(
        matches!(&error, ReconcileError::NotOurs { subject, .. } if **subject == Subject::Channel(granted.id())),
        "{error}"
    );
    let case = world.bank.books().case(&granted.id()).await.unwrap().unwrap();
    assert_eq!(case.decisions.decided, None);
    // And a log that has lost a decision is not used.
    std::fs::write(world.log_file(), "").unwrap();
    world.bank.books().forget_log().await.unwrap();
    world.restart().await;
    convict(&world, &granted, Fault::NotOrdered).await;
    let lines = std::fs::read_to_string(world.log_file()).unwrap();
    let kept: Vec<_> = lines.lines().filter(|line| !line.contains("conviction")).collect();
    std::fs::write(world.log_file(), kept.join("\n") + "\n").unwrap();
    let error = world.bank.reconcile().await.unwrap_err();
    assert!(
        matches!(&error, ReconcileError::NotInLog(subject) if **subject == Subject::Channel(granted.id())),
        "{error}"
    );
}

#[tokio::test]
async fn nothing_is_answered_or_submitted_that_the_log_does_not_take() {
    let (mut world, granted) = opened().await;
    let read_only = BankLog::open_read_only(&world.log_file());
    Arc::get_mut(&mut world.bank).unwrap().log = read_only;
    let (before, proof) = (world.ledger.history().len(), world.two_payments(&granted, false));
    let ledger = Arc::clone(&world.ledger);
    let taken = world.bank.take_fraud_proof(ledger.as_ref(), &proven(VENDOR), granted.id(), &proof).await;
    let Err(FraudError::Keeping(SettlingError::Log(error))) = taken else { panic!("{taken:?}") };
    assert!(matches!(error, LogError::Io { .. }), "{error}");
    let kept = world.bank.keep_all(ledger.as_ref()).await;
    assert!(matches!(kept, Err(SettlingError::Log(_))), "{kept:?}");
    assert_eq!(world.ledger.history().len(), before);
    // Once the log can be written, the same proof again comes to the same.
    world.restart().await;
    convict(&world, &granted, Fault::None).await;
    assert_eq!((points(&world, CLIENT).await, world.ledger.history().len()), (40, before + 1));
    let lines: Vec<_> = BankLog::open(&world.log_file()).unwrap().read().unwrap().collect();
    let decisions = lines.iter().filter(|line| matches!(line, Ok(LogLine::Decision(_)))).count();
    assert_eq!(decisions, 2, "the conviction and the freeze");
}
