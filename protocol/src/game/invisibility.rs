//! Algorithm 2: can an adversary tell an honest lock from 64 random bytes, without asking for the locking signature?

use rand_core::CryptoRng;

use super::{Locker, SigningOracle};
use crate::hash::Digest;
use crate::key::SecretKey;
use crate::lock::{Lock, mask};
use crate::signature::Signature;

/// The two oracles of Algorithm 2: Sign_𝒪(sk, ·) and Sign_𝒪(ŝk, ·).
#[derive(Debug)]
pub struct Oracles<'a> {
    /// Signs with sk.
    pub locked: SigningOracle<'a>,
    /// Signs with ŝk.
    pub locking: SigningOracle<'a>,
}

/// 𝒜 of Algorithm 2.
pub trait InvisibilityAdversary {
    /// Line 5: chooses m and m̂.
    fn choose(&mut self, oracles: &mut Oracles<'_>, rng: &mut dyn CryptoRng) -> (Digest, Digest);

    /// Line 11: `true` says that the lock is random bytes (b = 1), `false` that it is honest (b = 0).
    fn guess(&mut self, lock: &Lock, oracles: &mut Oracles<'_>, rng: &mut dyn CryptoRng) -> bool;
}

/// Plays Algorithm 2 once; `true` means that the adversary won: it guessed right and never asked for m̂ under ŝk.
pub fn play_invisibility(
    adversary: &mut dyn InvisibilityAdversary,
    lock: Locker,
    rng: &mut dyn CryptoRng,
) -> bool {
    let (sk, locking) = (SecretKey::random(rng), SecretKey::random(rng));
    let mut oracles = Oracles { locked: SigningOracle::new(&sk), locking: SigningOracle::new(&locking) };
    let (message, locking_message) = adversary.choose(&mut oracles, rng);
    let is_random = coin(rng);
    let shown = if is_random { simulated(rng) } else { lock(&sk, &message, &locking, &locking_message) };
    let guess = adversary.guess(&shown, &mut oracles, rng);
    guess == is_random && !oracles.locking.was_asked(&locking_message)
}

/// Sim(pk, p̂k): 64 uniformly random bytes.
fn simulated(rng: &mut dyn CryptoRng) -> Lock {
    let mut bytes = [0; 64];
    rng.fill_bytes(&mut bytes);
    Lock::from_bytes(bytes)
}

fn coin(rng: &mut dyn CryptoRng) -> bool {
    let mut byte = [0];
    rng.fill_bytes(&mut byte);
    byte < [128]
}

fn two_messages(rng: &mut dyn CryptoRng) -> (Digest, Digest) {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    rng.fill_bytes(&mut first);
    rng.fill_bytes(&mut second);
    (Digest::from_bytes(first), Digest::from_bytes(second))
}

/// Guesses.
#[derive(Debug, Default)]
pub struct CoinFlipper;

impl InvisibilityAdversary for CoinFlipper {
    fn choose(&mut self, _: &mut Oracles<'_>, rng: &mut dyn CryptoRng) -> (Digest, Digest) {
        two_messages(rng)
    }

    fn guess(&mut self, _: &Lock, _: &mut Oracles<'_>, rng: &mut dyn CryptoRng) -> bool {
        coin(rng)
    }
}

/// Looks for the mark of a low-s signature: the first bit of its second half is never set.
#[derive(Debug, Default)]
pub struct ByteCounter;

impl InvisibilityAdversary for ByteCounter {
    fn choose(&mut self, _: &mut Oracles<'_>, rng: &mut dyn CryptoRng) -> (Digest, Digest) {
        two_messages(rng)
    }

    fn guess(&mut self, lock: &Lock, _: &mut Oracles<'_>, _: &mut dyn CryptoRng) -> bool {
        lock.as_bytes().get(32).is_some_and(|byte| *byte >= 128)
    }
}

/// Asks for σ, which the game allows, takes it out of the lock, and compares the rest with every mask that it can make itself.
#[derive(Debug, Default)]
pub struct KnownSignature(Option<Digest>);

impl InvisibilityAdversary for KnownSignature {
    fn choose(&mut self, _: &mut Oracles<'_>, rng: &mut dyn CryptoRng) -> (Digest, Digest) {
        let (message, locking_message) = two_messages(rng);
        self.0 = Some(message);
        (message, locking_message)
    }

    fn guess(&mut self, lock: &Lock, oracles: &mut Oracles<'_>, rng: &mut dyn CryptoRng) -> bool {
        let Some(message) = self.0 else { return coin(rng) };
        let locked = oracles.locked.sign(&message);
        let mut rest = *lock.as_bytes();
        rest.iter_mut().zip(locked.as_bytes()).for_each(|(byte, known)| *byte ^= known);
        let own = [
            [0; 64],
            *locked.as_bytes(),
            mask(&locked),
            mask(&oracles.locking.sign(&message)),
            mask(&Signature::from_bytes([0; 64])),
        ];
        if own.contains(&rest) { false } else { coin(rng) }
    }
}

/// Asks for the locking signature itself and is always right; the game does not count that.
#[derive(Debug, Default)]
pub struct ChallengeAsker(Option<(Digest, Digest)>);

impl InvisibilityAdversary for ChallengeAsker {
    fn choose(&mut self, _: &mut Oracles<'_>, rng: &mut dyn CryptoRng) -> (Digest, Digest) {
        *self.0.insert(two_messages(rng))
    }

    fn guess(&mut self, lock: &Lock, oracles: &mut Oracles<'_>, rng: &mut dyn CryptoRng) -> bool {
        let Some((message, locking_message)) = self.0 else { return coin(rng) };
        let opened = lock.open(&oracles.locking.sign(&locking_message));
        oracles.locked.public_key().verify(&message, &opened).is_err()
    }
}
