//! What the bank has decided about channels and accounts, in the log outside the backup cycle [Spec §9]: signed by the bank, since
//! whoever could write a line into that file would else decide about other people's money.
//!
//! **Decided, then logged, then acted on.** The books take a decision first; nothing is signed, submitted or answered
//! before it stands in the log as well. Books that a restore has taken back learn it again, once.

use lockstep_protocol::hash::{ChannelId, Digest, LedgerId};
use lockstep_protocol::key::{PublicKey, SecretKey};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::signature::Signature;
use serde::{Deserialize, Serialize};
use sha3::{Digest as _, Sha3_256};

use super::Bank;
use super::books::{Decision, DecisionKind, StoreError};
use super::log::LogError;

/// The domain of a decision's hash, apart from everything that the protocol has signed [Spec §1].
const TAG: &[u8] = b"lockstep/1/decision";

/// A decision with the bank's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedDecision {
    /// What was decided.
    pub decision: Decision,
    /// The bank's signature on H(tag "decision" ‖ ledger id ‖ the decision in JSON).
    pub signature: Signature,
}

/// Why a decision is not known to stand in the log; nothing must be done about it then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogDecisionError {
    /// The books fail.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl SignedDecision {
    /// Signs a decision of the bank of this ledger.
    ///
    /// # Errors
    /// It has no JSON, which does not happen.
    pub fn sign(decision: Decision, ledger: &LedgerId, bank: &SecretKey) -> Result<Self, serde_json::Error> {
        let signature = bank.sign(&digest(&decision, ledger)?);
        Ok(Self { decision, signature })
    }

    /// Whether the bank of this ledger has signed it.
    ///
    /// # Errors
    /// It has not.
    pub fn check(&self, ledger: &LedgerId, bank: &PublicKey) -> Result<(), Refusal> {
        let digest = digest(&self.decision, ledger).map_err(|_| Refusal::MalformedDocument)?;
        bank.verify(&digest, &self.signature).map_err(|_| Refusal::BadBankSignature)
    }
}

/// What the signature is on; two decisions with one digest are the same.
pub(super) fn digest(decision: &Decision, ledger: &LedgerId) -> Result<Digest, serde_json::Error> {
    let length = u8::try_from(TAG.len()).unwrap_or(u8::MAX);
    let mut hash = Sha3_256::new().chain_update([length]).chain_update(TAG).chain_update(ledger.as_bytes());
    hash.update(serde_json::to_vec(decision)?);
    Ok(Digest::from_bytes(hash.finalize().into()))
}

impl Bank {
    /// Puts what has been decided, of one channel or of all, into the log where it is not known to stand there.
    ///
    /// # Errors
    /// [`LogDecisionError`]; nothing must be done about these decisions then.
    pub async fn log_decisions(&self, only: Option<&ChannelId>) -> Result<(), LogDecisionError> {
        if only.is_some() {
            // A reputation that was set before a conviction is to be set before it again.
            self.log_kind(DecisionKind::Reputation, None).await?;
        }
        for kind in DecisionKind::ALL {
            self.log_kind(kind, only).await?;
        }
        Ok(())
    }

    async fn log_kind(&self, kind: DecisionKind, only: Option<&ChannelId>) -> Result<(), LogDecisionError> {
        loop {
            let missing = self.books.not_logged_decisions(kind, only).await?;
            if missing.is_empty() {
                return Ok(());
            }
            for decision in missing {
                let signed = SignedDecision::sign(decision, &self.ledger, &self.secret)
                    .map_err(|error| self.log.failed(error.into()))?;
                self.log.append_decision(&signed).await?;
                self.books.set_decision_logged(&signed.decision).await?;
            }
        }
    }
}
