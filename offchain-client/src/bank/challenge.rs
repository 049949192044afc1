//! Challenges: fresh, single-use, and without memory for those that are only asked for.
//!
//! A challenge is a serial number, its birth, and a keyed hash of both, so that asking for challenges costs the
//! bank no memory. Only one that came back with a valid signature is kept, until it is too old to come again; and of
//! one key so many at most, so that nobody can fill the room of all others.

use std::collections::{BTreeMap, HashMap};
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
/// Most challenges that are answered within [`LIFE`]; more are refused for a while. About 20 MB.
const MAX_USED: usize = 200_000;
/// Most of them that one key answers.
const MAX_OF_KEY: u32 = 600;
const PREFIX: usize = 16;

/// Gives challenges and takes their answers.
pub struct Challenges {
    secret: Zeroizing<[u8; 32]>,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    /// By birth, with the key that answered.
    known: BTreeMap<(Timestamp, Challenge), PublicKey>,
    of_key: HashMap<PublicKey, u32>,
    /// The latest time that was seen: a clock that is set back does not bring back what was forgotten.
    latest: Option<Timestamp>,
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
        if birth > now || !self.lock().is_fresh(birth, challenge, now) {
            return Err(Refusal::UnknownChallenge.into());
        }
        // The signature is checked outside the lock, so the challenge may have been used meanwhile.
        let proven = proof.verify(bank, challenge).map_err(|_| Refusal::BadAccountSignature)?;
        let mut used = self.lock();
        if !used.is_fresh(birth, challenge, now) {
            return Err(Refusal::UnknownChallenge.into());
        }
        if !used.keep(birth, *challenge, proven.key()) {
            return Err(ChallengeError::Busy);
        }
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
    /// Whether a challenge is young enough and was not used; forgets those that are too old.
    fn is_fresh(&mut self, birth: Timestamp, challenge: &Challenge, now: Timestamp) -> bool {
        let latest = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(latest);
        let is_old = |birth: Timestamp| birth <= latest && latest.distance(birth) > LIFE;
        while let Some(oldest) = self.known.first_entry().filter(|oldest| is_old(oldest.key().0)) {
            let key = oldest.remove();
            if let Some(count) = self.of_key.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.of_key.remove(&key);
                }
            }
        }
        !is_old(birth) && !self.known.contains_key(&(birth, *challenge))
    }

    /// Keeps a challenge as used, if there is room.
    fn keep(&mut self, birth: Timestamp, challenge: Challenge, key: &PublicKey) -> bool {
        let of_key = self.of_key.get(key).copied().unwrap_or(0);
        if self.known.len() >= MAX_USED || of_key >= MAX_OF_KEY {
            return false;
        }
        self.of_key.insert(*key, of_key + 1);
        self.known.insert((birth, challenge), *key);
        true
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
        let stale = challenges.issue(at(0)).unwrap();
        for (challenge, when) in
            [(foreign, at(1)), (Challenge::from_bytes(changed), at(1)), (old, at(0)), (stale, at(60_001))]
        {
            let proof = AccountProof::sign(&holder, bank.public_key(), &challenge);
            let answer = challenges.redeem(&challenge, &proof, bank.public_key(), when);
            assert_eq!(answer.is_ok(), challenge == old);
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

    fn answer(challenges: &Challenges, key: &SecretKey, born: Timestamp, now: Timestamp) -> bool {
        let (bank, _) = keys();
        let challenge = challenges.issue(born).unwrap();
        let proof = AccountProof::sign(key, bank.public_key(), &challenge);
        challenges.redeem(&challenge, &proof, bank.public_key(), now).is_ok()
    }

    #[test]
    fn what_is_kept_is_forgotten_once_it_is_too_old_to_come_again() {
        let (_, holder) = keys();
        let challenges = Challenges::new().unwrap();
        for minute in 0..5 {
            // Answered in its last second: its room is free again a second later.
            assert!(answer(&challenges, &holder, at(minute * 61_000), at(minute * 61_000 + 60_000)));
        }
        let used = challenges.lock();
        assert_eq!((used.known.len(), used.of_key.len()), (1, 1));
    }

    #[test]
    fn a_clock_that_is_set_back_brings_no_answered_challenge_back() {
        let (bank, holder) = keys();
        let challenges = Challenges::new().unwrap();
        let challenge = challenges.issue(at(0)).unwrap();
        let proof = AccountProof::sign(&holder, bank.public_key(), &challenge);
        challenges.redeem(&challenge, &proof, bank.public_key(), at(1)).unwrap();
        assert!(answer(&challenges, &holder, at(90_000), at(90_000)));
        assert!(challenges.redeem(&challenge, &proof, bank.public_key(), at(2)).is_err());
    }

    #[test]
    fn one_key_does_not_take_the_room_of_the_others() {
        let (bank, greedy) = keys();
        let challenges = Challenges::new().unwrap();
        for _ in 0..MAX_OF_KEY {
            challenges.lock().keep(at(0), challenges.issue(at(0)).unwrap(), greedy.public_key());
        }
        assert!(!answer(&challenges, &greedy, at(1), at(1)));
        assert!(answer(&challenges, &bank, at(1), at(1)));
        assert!(answer(&challenges, &greedy, at(60_001), at(60_001)), "its room is free again");
    }
}
