//! Granting an opening: reserve, sign, log, answer, in that order [Spec §4].

use lockstep_protocol::account::ProvenAccount;
use lockstep_protocol::opening::{SignedOpening, SignedRequest};
use lockstep_protocol::refusal::Refusal;

use super::Bank;
use super::books::{Limits, ReserveError};
use super::log::LogError;

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
    Log(#[from] LogError),
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
            self.log.append_opening(&granted.channel).await?;
            self.books
                .set_logged(&granted.channel.opening.opening().channel_id())
                .await
                .map_err(ReserveError::Store)?;
        }
        Ok(granted.channel.opening)
    }
}
