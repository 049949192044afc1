//! Algorithm 1: can an adversary that holds `sk` unlock an honest lock to something invalid, by a locking signature that verifies?

use rand_core::CryptoRng;

use super::{Locker, SigningOracle};
use crate::hash::Digest;
use crate::key::{PublicKey, SecretKey};
use crate::lock::Lock;
use crate::signature::Signature;

/// 𝒜 of Algorithm 1. It is given `sk`, p̂k, and an oracle that signs with ŝk.
pub trait UnlockabilityAdversary {
    /// Line 4: chooses m and m̂.
    fn choose(
        &mut self,
        sk: &SecretKey,
        locking_key: &PublicKey,
        oracle: &mut SigningOracle<'_>,
        rng: &mut dyn CryptoRng,
    ) -> (Digest, Digest);

    /// Line 6: answers a lock with σ*.
    fn answer(&mut self, lock: &Lock, oracle: &mut SigningOracle<'_>, rng: &mut dyn CryptoRng) -> Signature;
}

/// Plays Algorithm 1 once; `true` means that the adversary won: σ* verifies, and what it unlocks does not.
pub fn play_unlockability(
    adversary: &mut dyn UnlockabilityAdversary,
    lock: Locker,
    rng: &mut dyn CryptoRng,
) -> bool {
    let sk = SecretKey::random(rng);
    let locking = SecretKey::random(rng);
    let mut oracle = SigningOracle::new(&locking);
    let (message, locking_message) = adversary.choose(&sk, locking.public_key(), &mut oracle, rng);
    let honest_lock = lock(&sk, &message, &locking, &locking_message);
    let answer = adversary.answer(&honest_lock, &mut oracle, rng);
    let unlocked = honest_lock.open(&answer);
    let answer_verifies = locking.public_key().verify(&locking_message, &answer).is_ok();
    let unlocked_verifies = sk.public_key().verify(&message, &unlocked).is_ok();
    answer_verifies && !unlocked_verifies
}

fn random_digest(rng: &mut dyn CryptoRng) -> Digest {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    Digest::from_bytes(bytes)
}

/// Two random messages, the second remembered: how most adversaries begin.
fn choose_at_random(chosen: &mut Option<Digest>, rng: &mut dyn CryptoRng) -> (Digest, Digest) {
    let (message, locking_message) = (random_digest(rng), random_digest(rng));
    *chosen = Some(locking_message);
    (message, locking_message)
}

macro_rules! random_choice {
    () => {
        fn choose(
            &mut self,
            _: &SecretKey,
            _: &PublicKey,
            _: &mut SigningOracle<'_>,
            rng: &mut dyn CryptoRng,
        ) -> (Digest, Digest) {
            choose_at_random(&mut self.0, rng)
        }
    };
}

/// Asks the oracle for m̂ itself and answers with that: the one signature that verifies.
#[derive(Debug, Default)]
pub struct HonestAsker(Option<Digest>);

impl UnlockabilityAdversary for HonestAsker {
    random_choice!();

    fn answer(&mut self, _: &Lock, oracle: &mut SigningOracle<'_>, _: &mut dyn CryptoRng) -> Signature {
        oracle.sign(&self.0.unwrap_or(Digest::from_bytes([0; 32])))
    }
}

/// Turns the honest signature (r, s) into (r, n−s), which plain ECDSA accepts too; only the low-s rule stops it.
#[derive(Debug, Default)]
pub struct Malleator(Option<Digest>);

impl UnlockabilityAdversary for Malleator {
    random_choice!();

    fn answer(&mut self, _: &Lock, oracle: &mut SigningOracle<'_>, _: &mut dyn CryptoRng) -> Signature {
        let honest = oracle.sign(&self.0.unwrap_or(Digest::from_bytes([0; 32])));
        mirrored(&honest).unwrap_or(honest)
    }
}

/// (r, n−s) of (r, s); `None` for bytes that hold no scalars.
fn mirrored(signature: &Signature) -> Option<Signature> {
    let parsed = k256::ecdsa::Signature::from_slice(signature.as_bytes()).ok()?;
    let (r, s) = parsed.split_scalars();
    let mirrored = k256::ecdsa::Signature::from_scalars(r.to_bytes(), (-s.as_ref()).to_bytes()).ok()?;
    Some(Signature::from_bytes(mirrored.to_bytes().into()))
}

/// Flips one random bit of the honest signature.
#[derive(Debug, Default)]
pub struct BitFlipper(Option<Digest>);

impl UnlockabilityAdversary for BitFlipper {
    random_choice!();

    fn answer(&mut self, _: &Lock, oracle: &mut SigningOracle<'_>, rng: &mut dyn CryptoRng) -> Signature {
        let mut bytes = *oracle.sign(&self.0.unwrap_or(Digest::from_bytes([0; 32]))).as_bytes();
        let mut place = [0; 2];
        rng.fill_bytes(&mut place);
        let [byte, bit] = place;
        if let Some(byte) = bytes.get_mut(usize::from(byte % 64)) {
            *byte ^= 1 << (bit % 8);
        }
        Signature::from_bytes(bytes)
    }
}

/// Answers with a signature of ŝk on another message.
#[derive(Debug, Default)]
pub struct OtherMessage(Option<Digest>);

impl UnlockabilityAdversary for OtherMessage {
    random_choice!();

    fn answer(&mut self, _: &Lock, oracle: &mut SigningOracle<'_>, rng: &mut dyn CryptoRng) -> Signature {
        oracle.sign(&random_digest(rng))
    }
}

/// Answers with random bytes.
#[derive(Debug, Default)]
pub struct RandomForger(Option<Digest>);

impl UnlockabilityAdversary for RandomForger {
    random_choice!();

    fn answer(&mut self, _: &Lock, _: &mut SigningOracle<'_>, rng: &mut dyn CryptoRng) -> Signature {
        let mut bytes = [0; 64];
        rng.fill_bytes(&mut bytes);
        Signature::from_bytes(bytes)
    }
}
