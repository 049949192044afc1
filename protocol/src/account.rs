//! Proof that a party holds an account's key [Spec §3].

use serde::{Deserialize, Serialize};

use crate::hash::{Challenge, Digest, Hasher};
use crate::key::{PublicKey, SecretKey};
use crate::signature::{BadSignature, Signature};

/// A key's own signature on H(tag "account" ‖ bank key ‖ key ‖ challenge). Unverified until [`AccountProof::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountProof {
    key: PublicKey,
    signature: Signature,
}

/// A key whose holder answered the bank's challenge; made by [`AccountProof::verify`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenAccount(PublicKey);

impl AccountProof {
    /// What is signed.
    #[must_use]
    pub fn digest(bank: &PublicKey, key: &PublicKey, challenge: &Challenge) -> Digest {
        let hash = Hasher::new("account").bytes(bank.as_bytes()).bytes(key.as_bytes());
        Digest::from_bytes(hash.bytes(challenge.as_bytes()).finish())
    }

    /// Answers a bank's challenge.
    #[must_use]
    pub fn sign(key: &SecretKey, bank: &PublicKey, challenge: &Challenge) -> Self {
        let public = *key.public_key();
        Self { key: public, signature: key.sign(&Self::digest(bank, &public, challenge)) }
    }

    /// Puts a received proof together.
    #[must_use]
    pub const fn from_parts(key: PublicKey, signature: Signature) -> Self {
        Self { key, signature }
    }

    /// The key that the proof is for, not yet proven.
    #[must_use]
    pub const fn claimed_key(&self) -> &PublicKey {
        &self.key
    }

    /// The signature as received.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Checks the proof against the challenge that this bank gave out; a challenge serves once.
    ///
    /// # Errors
    /// [`BadSignature`] for another key, bank or challenge.
    pub fn verify(&self, bank: &PublicKey, challenge: &Challenge) -> Result<ProvenAccount, BadSignature> {
        self.key.verify(&Self::digest(bank, &self.key, challenge), &self.signature)?;
        Ok(ProvenAccount(self.key))
    }
}

impl ProvenAccount {
    /// The account's key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.0
    }
}
