//! A bank's registration on the ledger [Spec §8].

use serde::{Deserialize, Serialize};

use super::statement::bank_digest;
use crate::hash::{Digest, LedgerId, ShortText};
use crate::key::{PublicKey, SecretKey};
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::time::{MaxDrift, Timestamp};

/// The command `RegisterBank`, as received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterBank {
    msp_id: ShortText,
    bank_key: PublicKey,
    /// D in milliseconds, not yet checked for its range: that refusal has its own code.
    max_drift: u64,
    bank_signature: Signature,
}

impl RegisterBank {
    /// Signs a registration with the bank's master key.
    #[must_use]
    pub fn sign(ledger: &LedgerId, msp_id: ShortText, drift: MaxDrift, bank: &SecretKey) -> Self {
        let bank_key = *bank.public_key();
        let max_drift = drift.as_millis();
        let bank_signature = bank.sign(&bank_digest(ledger, &msp_id, &bank_key, max_drift));
        Self { msp_id, bank_key, max_drift, bank_signature }
    }

    /// The organisation named.
    #[must_use]
    pub const fn msp_id(&self) -> &ShortText {
        &self.msp_id
    }

    /// The bank's master key.
    #[must_use]
    pub const fn bank_key(&self) -> &PublicKey {
        &self.bank_key
    }

    /// The signature as received.
    #[must_use]
    pub const fn bank_signature(&self) -> &Signature {
        &self.bank_signature
    }

    /// What the bank key signs.
    #[must_use]
    pub fn digest(&self, ledger: &LedgerId) -> Digest {
        bank_digest(ledger, &self.msp_id, &self.bank_key, self.max_drift)
    }

    /// D, checked.
    ///
    /// # Errors
    /// [`Refusal::DriftOutOfRange`] outside 1 s…10 min.
    pub fn max_drift(&self) -> Result<MaxDrift, Refusal> {
        MaxDrift::from_millis(self.max_drift).map_err(|_| Refusal::DriftOutOfRange)
    }
}

/// What the ledger keeps of a bank, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankRegistration {
    bank_key: PublicKey,
    msp_id: ShortText,
    max_drift: MaxDrift,
    bank_signature: Signature,
    ts: Timestamp,
}

impl BankRegistration {
    pub(crate) fn new(command: &RegisterBank, max_drift: MaxDrift, ts: Timestamp) -> Self {
        Self {
            bank_key: command.bank_key,
            msp_id: command.msp_id.clone(),
            max_drift,
            bank_signature: command.bank_signature,
            ts,
        }
    }

    /// The bank's master key.
    #[must_use]
    pub const fn bank_key(&self) -> &PublicKey {
        &self.bank_key
    }

    /// The bank's organisation.
    #[must_use]
    pub const fn msp_id(&self) -> &ShortText {
        &self.msp_id
    }

    /// D for all channels of this bank.
    #[must_use]
    pub const fn max_drift(&self) -> MaxDrift {
        self.max_drift
    }

    /// The bank key's word for it.
    #[must_use]
    pub const fn bank_signature(&self) -> &Signature {
        &self.bank_signature
    }

    /// Timestamp of the registering transaction.
    #[must_use]
    pub const fn ts(&self) -> Timestamp {
        self.ts
    }
}
