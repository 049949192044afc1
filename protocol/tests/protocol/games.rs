//! Algorithms 1 and 2: the adversaries lose against the scheme and win against broken ones.

use lockstep_protocol::game::{
    BitFlipper, ByteCounter, ChallengeAsker, CoinFlipper, HonestAsker, InvisibilityAdversary, KnownSignature,
    Malleator, OtherMessage, RandomForger, UnlockabilityAdversary, play_invisibility, play_unlockability,
};
use lockstep_protocol::lock::lock;
use lockstep_protocol::{Digest, Lock, SecretKey};

use crate::scene::rng;

fn bare(sk: &SecretKey, message: &Digest, _: &SecretKey, _: &Digest) -> Lock {
    Lock::from_bytes(*sk.sign(message).as_bytes())
}

/// Masks with something that does not depend on the locking signature.
fn self_masked(sk: &SecretKey, message: &Digest, _: &SecretKey, _: &Digest) -> Lock {
    let locked = sk.sign(message);
    Lock::seal(&locked, &locked)
}

/// A dishonest lock: it opens to garbage.
fn garbage(_: &SecretKey, _: &Digest, _: &SecretKey, _: &Digest) -> Lock {
    Lock::from_bytes([7; 64])
}

#[test]
fn no_adversary_unlocks_an_honest_lock_to_something_invalid() {
    let mut rng = rng(11);
    let mut adversaries: Vec<Box<dyn UnlockabilityAdversary>> = vec![
        Box::new(HonestAsker::default()),
        Box::new(Malleator::default()),
        Box::new(BitFlipper::default()),
        Box::new(OtherMessage::default()),
        Box::new(RandomForger::default()),
    ];
    for adversary in &mut adversaries {
        assert!((0..100).all(|_| !play_unlockability(adversary.as_mut(), lock, &mut rng)));
    }
}

#[test]
fn against_a_dishonest_lock_even_the_honest_asker_wins() {
    let mut rng = rng(12);
    assert!((0..10).all(|_| play_unlockability(&mut HonestAsker::default(), garbage, &mut rng)));
}

/// How often an adversary wins 1 000 games.
fn wins(
    adversary: &mut dyn InvisibilityAdversary,
    lock: lockstep_protocol::game::Locker,
    seed: u64,
) -> usize {
    let mut rng = rng(seed);
    (0..1000).filter(|_| play_invisibility(adversary, lock, &mut rng)).count()
}

#[test]
fn no_adversary_tells_an_honest_lock_from_random_bytes() {
    // 1 000 fair coins: six standard deviations are 95.
    let fair = 405..=595;
    assert!(fair.contains(&wins(&mut CoinFlipper, lock, 21)));
    assert!(fair.contains(&wins(&mut ByteCounter, lock, 22)));
    assert!(fair.contains(&wins(&mut KnownSignature::default(), lock, 23)));
}

#[test]
fn asking_for_the_locking_signature_does_not_count() {
    assert_eq!(wins(&mut ChallengeAsker::default(), lock, 24), 0);
}

#[test]
fn against_broken_locks_the_adversaries_win() {
    assert!(wins(&mut ByteCounter, bare, 25) > 700);
    assert!(wins(&mut KnownSignature::default(), bare, 26) > 700);
    assert!(wins(&mut KnownSignature::default(), self_masked, 27) > 700);
}
