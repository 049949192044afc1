//! Granting an opening: reserve, sign, log, answer, in that order [Spec §4].

use lockstep_protocol::account::ProvenAccount;
use lockstep_protocol::opening::{SignedOpening, SignedRequest};
use lockstep_protocol::refusal::Refusal;

use super::Bank;
use super::books::{Limits, ReserveError, StoreError};
use super::opening_log::OpeningLogError;

/// Why an opening is not handed out. Asking the same again is always safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// The request itself is not good.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The books do not grant it.
    #[error(transparent)]
    Reserve(#[from] ReserveError),
    /// The log outside the backup cycle cannot be written; F stays reserved, and no signature has left.
    #[error(transparent)]
    Log(#[from] OpeningLogError),
}

impl Bank {
    /// Answers an opening request. The same request again gets the same answer [Spec §4].
    ///
    /// # Errors
    /// [`OpeningError`].
    pub async fn grant(
        &self,
        by: &ProvenAccount,
        signed: SignedRequest,
    ) -> Result<SignedOpening, OpeningError> {
        if signed.request().account_key != *by.key() {
            return Err(Refusal::BadAccountSignature.into());
        }
        let now = self.clock.now();
        let request = signed.verify(self.key(), &self.ledger)?;
        let limits = Limits { drift: self.settings.max_drift, max_life: self.settings.max_life };
        let sign = |opening| SignedOpening::sign(opening, &self.secret);
        let granted = self.books.reserve(&request, limits, now, sign).await?;
        if !granted.logged {
            self.log.append(&granted.channel).await?;
            self.books
                .set_logged(&granted.channel.opening.opening().channel_id())
                .await
                .map_err(ReserveError::Store)?;
        }
        Ok(granted.channel.opening)
    }

    /// After a start: puts into the log what a crash kept out of it, and into the books what a restore has
    /// taken out of them. The answer is how many openings came back into the books.
    ///
    /// # Errors
    /// Log or books cannot be used; the bank must not serve then.
    pub async fn reconcile_openings(&self) -> Result<u64, ReconcileError> {
        loop {
            let missing = self.books.not_logged().await?;
            if missing.is_empty() {
                break;
            }
            for channel in &missing {
                self.log.append(channel).await?;
                self.books.set_logged(&channel.opening.opening().channel_id()).await?;
            }
        }
        let mut restored = 0;
        for channel in self.log.read()? {
            let channel = channel?;
            // Asked without the write lock: a log of years is read at every start.
            let known = self.books.channel(&channel.opening.opening().channel_id()).await?.is_some();
            if !known && self.books.restore(&channel, self.clock.now()).await? {
                restored += 1;
            }
        }
        Ok(restored)
    }
}

/// Why log and books cannot be brought together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The books fail.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log fails.
    #[error(transparent)]
    Log(#[from] OpeningLogError),
}
