//! The wallet's own receipts: what its journal holds, signed again – RFC 6979 gives the same signatures – and checked forward.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::SecretKey;
use lockstep_protocol::payment::Payment;
use lockstep_protocol::receipt::Receipt;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::transcript::{Transcript, TranscriptError};
use lockstep_protocol::units::PaymentNumber;

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
        let mut transcript = Transcript::begin(&facts.given).map_err(AuditError::Opening)?;
        while transcript.number() < stored.n {
            let next = transcript.number().next().ok_or_else(|| WalletError::from(replay::DamagedRow))?;
            let payments = self.row(channel, next).await?;
            let key = self.seed.payment_key(&facts.given.opening().terms().nonce);
            let added = tokio::task::spawn_blocking(move || add_all(transcript, &payments, &key));
            transcript = added.await.map_err(|_| WalletError::SignerDied)??;
            progress(transcript.number().as_index());
        }
        Ok(transcript)
    }

    async fn row(&self, channel: ChannelId, first: PaymentNumber) -> Result<Vec<Payment>, WalletError> {
        let row = self.journal.batch_up_to(channel, first).await?.ok_or(replay::DamagedRow)?;
        if row.first != first {
            return Err(replay::DamagedRow.into());
        }
        Ok(replay::payments(&row)?)
    }
}

fn add_all(
    mut transcript: Transcript,
    payments: &[Payment],
    key: &SecretKey,
) -> Result<Transcript, TranscriptError> {
    for payment in payments {
        transcript.add(&Receipt::new(payment, key.sign(&payment.tx().as_digest())))?;
    }
    Ok(transcript)
}
