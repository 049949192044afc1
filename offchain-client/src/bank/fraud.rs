//! Fraud proofs: checked by the bank itself against the ledger's record, then the client's reputation and the freeze
//! [Spec §7, §9].

use lockstep_protocol::account::ProvenAccount;
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::refusal::Refusal;

use super::Bank;
use super::books::StoreError;
use super::settling::SettlingError;
use super::wire::FraudAnswer;
use crate::ledger::{Ledger, LedgerError};

/// Why a fraud proof convicts nobody now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FraudError {
    /// It proves nothing, or is not this vendor's to bring.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The record cannot be read; ask the same again.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The books have not seen the channel yet; ask the same again.
    #[error("the ledger has channel {0} and the books do not know it yet")]
    NotBooked(ChannelId),
    /// The books fail.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log fails, or the books do while the freeze is brought to the ledger.
    #[error(transparent)]
    Keeping(#[from] SettlingError),
}

impl Bank {
    /// Takes a fraud proof from the channel's vendor. The client is convicted in books and log before anything is
    /// signed or answered; if the ledger does not take the freeze now, the keeper submits it later. The same proof again
    /// changes nothing.
    ///
    /// # Errors
    /// [`FraudError`].
    pub async fn take_fraud_proof(
        &self,
        ledger: &dyn Ledger,
        by: &ProvenAccount,
        id: ChannelId,
        proof: &FraudProof,
    ) -> Result<FraudAnswer, FraudError> {
        // 1. the own peer's record, of this bank and this vendor.
        let record = ledger.channel(id).await?.ok_or(Refusal::UnknownChannel)?;
        let terms = record.opening().terms();
        if record.channel_id() != id {
            return Err(Refusal::UnknownChannel.into());
        }
        if terms.bank_key != *self.key() || terms.ledger != self.ledger {
            return Err(Refusal::OtherBank.into());
        }
        if terms.vendor_key != *by.key() {
            return Err(Refusal::OtherVendor.into());
        }
        let signed = self.key().verify(&id.as_tx().as_digest(), record.bank_signature());
        signed.map_err(|_| Refusal::BadBankSignature)?;
        // 2. the proof, by the bank's own arithmetic.
        proof.verify(record.signed_opening())?;
        // 3. durable, in the books and outside of them: the vendor brings its proof once, so an answer that a restore of
        // the books took back would leave the client with its reputation for good.
        let convicted = self.books.convict(&id, proof, self.clock.now()).await?;
        let evidence = convicted.ok_or(FraudError::NotBooked(id))?;
        self.log_decisions(Some(&id)).await.map_err(SettlingError::from)?;
        // 4. the freeze.
        let mut state = record.state();
        if state == ChannelState::Open {
            self.keep(ledger, &id).await?;
            if let Ok(Some(now)) = ledger.channel(id).await {
                state = now.state();
            }
        }
        let frozen = [ChannelState::Frozen, ChannelState::Claimed, ChannelState::Resolved].contains(&state);
        Ok(FraudAnswer { channel_id: id, evidence, state, frozen })
    }
}
