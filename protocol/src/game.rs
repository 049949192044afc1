//! The paper's security games, Algorithm 1 (unlockability) and Algorithm 2 (invisibility), as programs that play [Spec §2].
//!
//! A game takes the scheme's `lock` as an argument, so that the same adversary can be shown to win against a broken one: an adversary
//! that never wins anything says nothing.

mod invisibility;
mod unlockability;

use std::collections::BTreeSet;

pub use invisibility::{
    ByteCounter, ChallengeAsker, CoinFlipper, InvisibilityAdversary, KnownSignature, Oracles,
    play_invisibility,
};
pub use unlockability::{
    BitFlipper, HonestAsker, Malleator, OtherMessage, RandomForger, UnlockabilityAdversary,
    play_unlockability,
};

use crate::hash::Digest;
use crate::key::{PublicKey, SecretKey};
use crate::lock::Lock;
use crate::signature::Signature;

/// A scheme's `Lock(sk, m, sk̂, m̂) → ℓk`; the real one is [`crate::lock::lock`].
pub type Locker = fn(&SecretKey, &Digest, &SecretKey, &Digest) -> Lock;

/// Sign_𝒪(key, ·): signs whatever the adversary asks for and writes it down in Q.
#[derive(Debug)]
pub struct SigningOracle<'a> {
    key: &'a SecretKey,
    asked: BTreeSet<Digest>,
}

impl<'a> SigningOracle<'a> {
    const fn new(key: &'a SecretKey) -> Self {
        Self { key, asked: BTreeSet::new() }
    }

    /// The key whose signatures it gives.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// Signs a message.
    pub fn sign(&mut self, message: &Digest) -> Signature {
        self.asked.insert(*message);
        self.key.sign(message)
    }

    fn was_asked(&self, message: &Digest) -> bool {
        self.asked.contains(message)
    }
}
