//! What the bank decides stands in the books before anything is signed, and counts once.

use lockstep_protocol::hash::EvidenceHash;
use lockstep_protocol::ledger::{ChannelState, FreezeReason};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::units::Units;

use super::ledger::Fault;
use super::world::{CLIENT, Granted, VENDOR, World, proven, secret};
use crate::bank::books::{DecisionError, Recorded, Verdict};
use crate::bank::fraud::FraudError;

async fn opened() -> (World, Granted) {
    let (world, identity) = World::new().await.with_parties(10_000).await;
    let granted = world.opened(identity, 1).await;
    (world, granted)
}

async fn points(world: &World, party: u8) -> u8 {
    world.account(party).await.reputation.as_points()
}

#[tokio::test]
async fn a_fraud_proof_cuts_the_reputation_once_and_freezes_though_the_ledger_was_down() {
    let (mut world, granted) = opened().await;
    let (id, proof) = (granted.id(), world.two_payments(&granted, false));
    world.ledger.set_fault(Fault::NotOrdered);
    let ledger = std::sync::Arc::clone(&world.ledger);
    let first = world.bank.take_fraud_proof(ledger.as_ref(), &proven(VENDOR), id, &proof).await.unwrap();
    assert_eq!((first.frozen, first.state), (false, ChannelState::Open));
    assert_eq!(points(&world, CLIENT).await, 40);
    // Killed before the freeze reached the ledger: the decision stands.
    world.restart().await;
    world.ledger.set_fault(Fault::None);
    world.set_time(world.now().checked_add(std::time::Duration::from_secs(10)).unwrap());
    assert_eq!(world.keep().await, 1);
    let record = world.ledger.record(id).unwrap();
    let freeze = record.freeze().unwrap();
    assert_eq!((freeze.reason, freeze.evidence), (FreezeReason::FraudProof, proof.evidence()));
    for _ in 0..2 {
        let again = world.bank.take_fraud_proof(ledger.as_ref(), &proven(VENDOR), id, &proof).await.unwrap();
        assert_eq!((again.frozen, again.state), (true, ChannelState::Frozen));
    }
    assert_eq!((points(&world, CLIENT).await, world.keep().await), (40, 0));
    let statement = world.bank.books().statement(secret(CLIENT).public_key(), 0, 500).await.unwrap().unwrap();
    assert_eq!(statement.reputation_changes.len(), 1);
    assert_eq!(statement.reputation_changes[0].cause, "fraud_proof");
}

#[tokio::test]
async fn a_fraud_proof_on_a_closed_channel_cuts_the_reputation_and_freezes_nothing() {
    let (world, mut granted) = opened().await;
    let close = world.close_by_token(&mut granted, 3).unwrap().unwrap();
    world.see(&close).await;
    let proof = world.two_payments(&granted, false);
    let answer = world
        .bank
        .take_fraud_proof(world.ledger.as_ref(), &proven(VENDOR), granted.id(), &proof)
        .await
        .unwrap();
    assert_eq!((answer.frozen, answer.state), (false, ChannelState::Closed));
    assert_eq!((points(&world, CLIENT).await, world.keep().await), (40, 0));
}

#[tokio::test]
async fn what_proves_nothing_changes_nothing() {
    let (world, granted) = opened().await;
    let (good, honest) = (world.two_payments(&granted, false), world.two_payments(&granted, true));
    let mut forged = good.clone();
    forged.later_signature = forged.earlier_signature;
    for (by, proof, refusal) in [
        (VENDOR, &honest, Refusal::BadFraudProof),
        (VENDOR, &forged, Refusal::BadFraudProof),
        (CLIENT, &good, Refusal::OtherVendor),
    ] {
        let taken =
            world.bank.take_fraud_proof(world.ledger.as_ref(), &proven(by), granted.id(), proof).await;
        assert!(matches!(&taken, Err(FraudError::Refused(found)) if *found == refusal), "{taken:?}");
    }
    assert_eq!((points(&world, CLIENT).await, world.keep().await), (100, 0));
}

#[tokio::test]
async fn a_freeze_that_the_operator_decided_survives_a_restart() {
    let (mut world, granted) = opened().await;
    let freeze = (FreezeReason::CourtOrder, EvidenceHash::from_bytes([7; 32]));
    let decide = async |world: &World, freeze| {
        world.bank.books().decide_freeze(&granted.id(), freeze, "order 17", world.now()).await
    };
    assert_eq!(decide(&world, freeze).await.unwrap(), Recorded::Now);
    assert_eq!(decide(&world, freeze).await.unwrap(), Recorded::Before);
    let other = (FreezeReason::VendorConduct, freeze.1);
    assert!(matches!(decide(&world, other).await, Err(DecisionError::FrozenOtherwise)));
    world.restart().await;
    assert_eq!(world.keep().await, 1);
    let record = world.ledger.record(granted.id()).unwrap();
    assert_eq!(record.freeze().map(|freeze| freeze.reason), Some(FreezeReason::CourtOrder));
    assert_eq!(world.account(CLIENT).await.withheld.as_micros(), 1_000);
}

#[tokio::test]
async fn an_accused_vendor_loses_twenty_points_once_or_none() {
    for (verdict, other, left) in
        [(Verdict::AtFault, Verdict::NotAtFault, 80), (Verdict::NotAtFault, Verdict::AtFault, 100)]
    {
        let (mut world, granted) = opened().await;
        let (id, now) = (granted.id(), world.now());
        let early = world.bank.books().judge(&id, verdict, now).await;
        assert!(matches!(early, Err(DecisionError::NotAccused)));
        assert_eq!(world.bank.books().accuse(&id, "no film", now).await.unwrap(), Recorded::Now);
        assert_eq!(world.bank.books().accuse(&id, "no film", now).await.unwrap(), Recorded::Before);
        assert_eq!(world.bank.books().judge(&id, verdict, now).await.unwrap(), Recorded::Now);
        world.restart().await;
        assert_eq!(world.bank.books().judge(&id, verdict, now).await.unwrap(), Recorded::Before);
        let second = world.bank.books().judge(&id, other, now).await;
        assert!(matches!(second, Err(DecisionError::AlreadyDecided(before)) if before == verdict));
        assert_eq!((points(&world, VENDOR).await, points(&world, CLIENT).await), (left, 100));
    }
}

#[tokio::test]
async fn units_are_decided_for_frozen_channels_within_what_they_hold() {
    let (world, granted) = opened().await;
    let decide = async |units| {
        world.bank.books().decide_units(&granted.id(), Units::from_count(units), world.now()).await
    };
    assert!(matches!(decide(3).await, Err(DecisionError::State { .. })));
    let event = world.freeze(&granted).unwrap().unwrap();
    world.see(&event).await;
    assert!(matches!(decide(11).await, Err(DecisionError::UnitsOutOfRange { most: 10 })));
    assert_eq!(decide(3).await.unwrap(), Recorded::Now);
    assert_eq!(decide(3).await.unwrap(), Recorded::Before);
    assert_eq!(decide(5).await.unwrap(), Recorded::Now);
    let cases = world.bank.books().cases(None, false).await.unwrap();
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0].decisions.decided, Some(Units::from_count(5)));
}
