//! Fraud proofs on their way to the bank.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lockstep::bank::client::BankError;
use lockstep::store::Phase;
use lockstep::vendor::FraudDesk;
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::SecretKey;
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::units::Units;

use crate::claims::{cheat_with_an_honest_release, closed, ending, the_proof_is_kept};
use crate::late::Slow;
use crate::ledger::MemLedger;
use crate::settle::phase;
use crate::world::{World, eventually};

/// The vendor's bank, which did not sign the channel.
#[derive(Debug, Default)]
struct OtherDesk(AtomicU32);

#[async_trait]
impl FraudDesk for OtherDesk {
    async fn report(&self, _: &SecretKey, _: ChannelId, _: &FraudProof) -> Result<(), BankError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(BankError::Refused(Refusal::OtherBank))
    }
}

/// A bank that freezes what it is told of, once it is there.
#[derive(Debug)]
struct Desk {
    ledger: Arc<MemLedger>,
    bank: SecretKey,
    away: AtomicU32,
    heard: AtomicU32,
    /// Takes the proof and never answers.
    silent: bool,
}

impl Desk {
    fn new(world: &World, away: u32) -> Arc<Self> {
        let bank = SecretKey::from_bytes(&world.bank.dangerous_to_bytes()).unwrap();
        let (away, heard) = (AtomicU32::new(away), AtomicU32::new(0));
        Arc::new(Self { ledger: Arc::clone(&world.ledger), bank, away, heard, silent: false })
    }

    fn silent(world: &World) -> Arc<Self> {
        Arc::new(Self { silent: true, ..Arc::into_inner(Self::new(world, 0)).unwrap() })
    }
}

#[async_trait]
impl FraudDesk for Desk {
    async fn report(&self, _: &SecretKey, channel: ChannelId, proof: &FraudProof) -> Result<(), BankError> {
        if self.silent {
            std::future::pending::<()>().await;
        }
        let away = |left: u32| left.checked_sub(1);
        if self.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, away).is_ok() {
            return Err(BankError::Malformed("nobody is there".to_owned()));
        }
        let record = self.ledger.record(channel);
        proof.verify(record.signed_opening()).unwrap();
        if record.state() == ChannelState::Open {
            self.ledger.freeze(channel, &self.bank);
        }
        self.heard.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cheat_is_brought_to_the_bank_and_the_frozen_channel_is_claimed() {
    let mut world = World::new().await;
    let desk = Desk::new(&world, 0);
    world.desk = Some(Arc::<Desk>::clone(&desk));
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let (_cheat, channel, _) = cheat_with_an_honest_release(&world).await;
    closed(&world, channel).await;
    let record = world.ledger.record(channel);
    assert_eq!(record.state(), ChannelState::Claimed);
    assert_eq!(record.claim().map(|claim| claim.units), Some(Units::from_count(10)));
    assert_eq!(desk.heard.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_is_away_delays_no_close_and_hears_of_it_later() {
    let mut world = World::new().await;
    let desk = Desk::new(&world, u32::MAX);
    world.desk = Some(Arc::<Desk>::clone(&desk));
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let (_cheat, channel, _) = cheat_with_an_honest_release(&world).await;
    closed(&world, channel).await;
    assert!(world.ledger.record(channel).release().is_some());
    assert!(ending(&world, channel).await.proof_due);
    // A restart does not forget it.
    world.stop_vendor().await.unwrap();
    desk.away.store(1, Ordering::SeqCst);
    world.start_vendor().await;
    eventually(async || !ending(&world, channel).await.proof_due).await;
    assert_eq!((phase(&world, channel).await, desk.heard.load(Ordering::SeqCst)), (Phase::Closed, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_never_answers_keeps_the_vendor_from_nothing() {
    let mut world = World::new().await;
    world.desk = Some(Desk::silent(&world));
    world.rules.commit_bound = Duration::from_secs(1);
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let (_cheat, channel, _) = cheat_with_an_honest_release(&world).await;
    closed(&world, channel).await;
    let record = world.ledger.record(channel);
    assert_eq!(record.release().map(|release| release.fields.released), Some(Units::from_count(10)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cheat_that_is_found_after_the_close_is_brought_to_the_bank_all_the_same() {
    let mut world = World::new().await;
    let desk = Desk::new(&world, 0);
    world.desk = Some(Arc::<Desk>::clone(&desk));
    let _slow = Slow::start(&mut world, Slow::TIME_FOR_A_RELEASE).await;
    let (mut cheat, channel, facts) = cheat_with_an_honest_release(&world).await;
    assert_eq!(cheat.refused().await, (Refusal::BadRelease, true));
    let record = world.ledger.record(channel);
    assert_eq!(record.release().map(|release| release.fields.released), Some(Units::from_count(10)));
    the_proof_is_kept(&world, channel, &facts).await;
    eventually(async || !ending(&world, channel).await.proof_due).await;
    assert_eq!((phase(&world, channel).await, desk.heard.load(Ordering::SeqCst)), (Phase::Closed, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_for_another_bank_is_kept_for_the_operator_and_not_brought_to_the_vendors_own_again() {
    let mut world = World::new().await;
    let desk = Arc::new(OtherDesk::default());
    world.desk = Some(Arc::<OtherDesk>::clone(&desk));
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let (_cheat, channel, facts) = cheat_with_an_honest_release(&world).await;
    closed(&world, channel).await;
    let ending = ending(&world, channel).await;
    assert!(ending.proof_elsewhere && !ending.proof_due);
    the_proof_is_kept(&world, channel, &facts).await;
    world.stop_vendor().await.unwrap();
    assert_eq!(desk.0.load(Ordering::SeqCst), 1);
}
