//! Challenges: fresh, single-use, and without memory for those that are only asked for.
//!
//! A challenge is a serial number, its birth, and a keyed hash of both, so that asking for challenges costs the
//! bank no memory. Only one that came back with a valid signature is kept, until it would be too old anyway.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lockstep_protocol::account::{AccountProof, ProvenAccount};
use lockstep_protocol::hash::Challenge;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::time::Timestamp;
use sha3::{Digest, Sha3_256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::entropy::{NoEntropy, random_bytes};

/// How long a challenge can be answered.
pub const LIFE: Duration = Duration::from_secs(60);
/// Most challenges that are answered within [`LIFE`]; more are refused for a while.
const MAX_USED: usize = 100_000;
const PREFIX: usize = 16;

/// Gives challenges and takes their answers.
pub struct Challenges {
    secret: Zeroizing<[u8; 32]>,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    known: HashSet<Challenge>,
    by_age: VecDeque<(Timestamp, Challenge)>,
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenges").finish_non_exhaustive()
    }
}

/// Why an answer does not prove an account's key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// The challenge or the signature is not good.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many challenges are being answered.
    #[error("too many requests at once")]
    Busy,
}

impl Challenges {
    /// Starts with a new secret: challenges of an earlier process are void.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn new() -> Result<Self, NoEntropy> {
        Ok(Self { secret: Zeroizing::new(random_bytes()?), used: Mutex::default() })
    }

    /// A fresh challenge.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn issue(&self, now: Timestamp) -> Result<Challenge, NoEntropy> {
        let mut prefix = [0; PREFIX];
        let (birth, serial) = prefix.split_at_mut(8);
        birth.copy_from_slice(&now.as_unix_millis().to_be_bytes());
        serial.copy_from_slice(&random_bytes::<8>()?);
        Ok(self.complete(prefix))
    }

    /// Takes an answer: the challenge is one of ours, not too old, not used, and signed by the key.
    ///
    /// # Errors
    /// [`ChallengeError`].
    pub fn redeem(
        &self,
        challenge: &Challenge,
        proof: &AccountProof,
        bank: &PublicKey,
        now: Timestamp,
    ) -> Result<ProvenAccount, ChallengeError> {
        let birth = self.birth(challenge).ok_or(Refusal::UnknownChallenge)?;
        let fresh = birth <= now && now.distance(birth) <= LIFE;
        if !fresh || self.lock().known.contains(challenge) {
            return Err(Refusal::UnknownChallenge.into());
        }
        // The signature is checked outside the lock, so the challenge may have been used meanwhile.
        let proven = proof.verify(bank, challenge).map_err(|_| Refusal::BadAccountSignature)?;
        let mut used = self.lock();
        used.forget_old(now);
        if used.by_age.len() >= MAX_USED {
            return Err(ChallengeError::Busy);
        }
        if !used.known.insert(*challenge) {
            return Err(Refusal::UnknownChallenge.into());
        }
        used.by_age.push_back((now, *challenge));
        Ok(proven)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a challenge of ours was made; `None` for anybody else's.
    fn birth(&self, challenge: &Challenge) -> Option<Timestamp> {
        let prefix: [u8; PREFIX] = challenge.as_bytes().get(..PREFIX)?.try_into().ok()?;
        if !bool::from(self.complete(prefix).as_bytes().ct_eq(challenge.as_bytes())) {
            return None;
        }
        let birth = prefix.get(..8)?.try_into().ok().map(u64::from_be_bytes)?;
        Timestamp::from_unix_millis(birth).ok()
    }

    /// SHA-3 is not open to length extension, so secret ‖ message is a good keyed hash.
    fn complete(&self, prefix: [u8; PREFIX]) -> Challenge {
        let tag = Sha3_256::new().chain_update(*self.secret).chain_update(prefix).finalize();
        let mut bytes = [0; 32];
        let (head, tail) = bytes.split_at_mut(PREFIX);
        head.copy_from_slice(&prefix);
        tail.iter_mut().zip(tag).for_each(|(to, from)| *to = from);
        Challenge::from_bytes(bytes)
    }
}

impl Used {
    /// Kept twice as long as a challenge lives, by the time of use: nothing that could come again is forgotten.
    fn forget_old(&mut self, now: Timestamp) {
        while let Some((at, challenge)) = self.by_age.front() {
            if now.distance(*at) <= LIFE * 2 {
                break;
            }
            self.known.remove(challenge);
            self.by_age.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use lockstep_protocol::key::SecretKey;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_unix_millis(1_760_000_000_000 + millis).unwrap()
    }

    fn keys() -> (SecretKey, SecretKey) {
        (SecretKey::from_bytes(&[1; 32]).unwrap(), SecretKey::from_bytes(&[2; 32]).unwrap())
    }

    #[test]
    fn a_challenge_proves_a_key_once() {
        let (bank, holder) = keys();
        let challenges = Challenges::new().unwrap();
        let challenge = challenges.issue(at(0)).unwrap();
        let proof = AccountProof::sign(&holder, bank.public_key(), &challenge);
        let proven = challenges.redeem(&challenge, &proof, bank.public_key(), at(10)).unwrap();
        assert_eq!(proven.key(), holder.public_key());
        let again = challenges.redeem(&challenge, &proof, bank.public_key(), at(20)).unwrap_err();
        assert!(matches!(again, ChallengeError::Refused(Refusal::UnknownChallenge)), "{again}");
    }

    #[test]
    fn an_old_a_foreign_and_a_changed_challenge_are_refused() {
        let (bank, holder) = keys();
        let challenges = Challenges::new().unwrap();
        let old = challenges.issue(at(0)).unwrap();
        let foreign = Challenges::new().unwrap().issue(at(0)).unwrap();
        let mut changed = *old.as_bytes();
        changed[7] ^= 1;
        for (challenge, when) in
            [(old, at(60_001)), (foreign, at(1)), (Challenge::from_bytes(changed), at(1)), (old, at(0))]
        {
            let proof = AccountProof::sign(&holder, bank.public_key(), &challenge);
            let answer = challenges.redeem(&challenge, &proof, bank.public_key(), when);
            assert_eq!(answer.is_ok(), challenge == old && when == at(0));
        }
    }

    #[test]
    fn a_signature_for_another_bank_or_by_another_key_proves_nothing_and_uses_nothing_up() {
        let (bank, holder) = keys();
        let challenges = Challenges::new().unwrap();
        let challenge = challenges.issue(at(0)).unwrap();
        let elsewhere = AccountProof::sign(&holder, holder.public_key(), &challenge);
        let stolen = AccountProof::from_parts(*bank.public_key(), *elsewhere.signature());
        for proof in [elsewhere, stolen] {
            let error = challenges.redeem(&challenge, &proof, bank.public_key(), at(1)).unwrap_err();
            assert!(matches!(error, ChallengeError::Refused(Refusal::BadAccountSignature)), "{error}");
        }
        let good = AccountProof::sign(&holder, bank.public_key(), &challenge);
        assert!(challenges.redeem(&challenge, &good, bank.public_key(), at(2)).is_ok());
    }

    #[test]
    fn what_is_kept_is_forgotten_once_it_is_too_old_to_come_again() {
        let (bank, holder) = keys();
        let challenges = Challenges::new().unwrap();
        for minute in 0..5 {
            let now = at(minute * 60_000);
            let challenge = challenges.issue(now).unwrap();
            let proof = AccountProof::sign(&holder, bank.public_key(), &challenge);
            challenges.redeem(&challenge, &proof, bank.public_key(), now).unwrap();
        }
        let used = challenges.lock();
        assert_eq!((used.by_age.len(), used.known.len()), (3, 3));
    }
}
