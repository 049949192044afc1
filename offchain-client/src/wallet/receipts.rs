//! The wallet's own receipts: what its journal holds, with the stored signatures or signed again – RFC 6979 gives the same ones –
//! and checked forward.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::SecretKey;
use lockstep_protocol::payer::State;
use lockstep_protocol::payment::Payment;
use lockstep_protocol::receipt::Receipt;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::transcript::{Transcript, TranscriptError};
use lockstep_protocol::units::PaymentNumber;

use super::memory::{self, OwnRow};
use super::{Wallet, WalletError};
use crate::party::replay;

/// Why a channel's journal does not hold together.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// It cannot be read.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The opening.
    #[error("the opening is not good: {0}")]
    Opening(Refusal),
    /// A payment.
    #[error(transparent)]
    Payment(#[from] TranscriptError),
}

impl Wallet {
    /// Checks every payment of a channel in the journal, from the opening to the last, and tells how many were good. Holds one row
    /// of the journal at a time; nothing leaves the wallet.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn audit(
        &self,
        channel: ChannelId,
        progress: impl Fn(u32) + Send,
    ) -> Result<Transcript, AuditError> {
        let (stored, facts) = self.stored(channel).await?;
        let state = replay::decode_state(&stored.head).map_err(WalletError::from)?;
        let mut transcript = Transcript::begin(&facts.given).map_err(AuditError::Opening)?;
        while transcript.number() < stored.n {
            let next = transcript.number().next().ok_or_else(|| WalletError::from(replay::DamagedRow))?;
            let row = self.row(&state, next).await?;
            let key = self.seed.payment_key(&facts.given.opening().terms().nonce);
            let added = tokio::task::spawn_blocking(move || add_all(transcript, &row, &key));
            transcript = added.await.map_err(|_| WalletError::SignerDied)??;
            progress(transcript.number().as_index());
        }
        Ok(transcript)
    }

    async fn row(&self, state: &State, first: PaymentNumber) -> Result<OwnRow, WalletError> {
        let row = memory::own_row(&*self.journal, state, first).await?;
        if row.payments.first().map(Payment::number) != Some(first) {
            return Err(replay::DamagedRow.into());
        }
        Ok(row)
    }
}

fn add_all(mut transcript: Transcript, row: &OwnRow, key: &SecretKey) -> Result<Transcript, TranscriptError> {
    for (place, payment) in row.payments.iter().enumerate() {
        let stored = row.signatures.as_ref().and_then(|signatures| signatures.get(place).copied());
        let signature = stored.unwrap_or_else(|| key.sign(&payment.tx().as_digest()));
        transcript.add(&Receipt::new(payment, signature))?;
    }
    Ok(transcript)
}
