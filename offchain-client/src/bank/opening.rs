//! Granting an opening: reserve, sign, log, answer, in that order [Spec §4].

use std::collections::BTreeSet;

use lockstep_protocol::account::ProvenAccount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::opening::{SignedOpening, SignedRequest};
use lockstep_protocol::refusal::Refusal;

use super::Bank;
use super::books::{Limits, NewChannel, ReserveError, StoreError};
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
    /// taken out of them. The answer is how many openings came back into the books. What comes back is checked: the
    /// log is a file, and whoever writes a line into it spends a client's money. A log that lacks what it had is not
    /// used: it may lack what the books have lost too.
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
        let (mut restored, mut in_log) = (0, BTreeSet::new());
        for channel in self.log.read()? {
            let channel = channel?;
            let id = channel.opening.opening().channel_id();
            in_log.insert(id);
            // Asked without the write lock: a log of years is read at every start.
            let known = self.books.channel(&id).await?;
            if known.as_ref().is_some_and(|row| row.account.is_some()) {
                continue;
            }
            self.check_logged(&channel)
                .map_err(|refusal| ReconcileError::NotOurs { channel: id, refusal })?;
            if known.is_some() {
                // The ledger told of it while the log was away; now it is known whose it is.
                if self.books.adopt(&id, &channel.request, self.clock.now()).await? {
                    self.books.set_logged(&id).await?;
                }
                continue;
            }
            if self.books.restore(&channel, self.clock.now()).await? {
                restored += 1;
            }
        }
        let mut after = None;
        loop {
            let page = self.books.logged(after.as_ref()).await?;
            if let Some(lost) = page.iter().find(|id| !in_log.contains(id)) {
                return Err(ReconcileError::NotInLog(*lost));
            }
            match page.last() {
                Some(last) => after = Some(*last),
                None => return Ok(restored),
            }
        }
    }

    /// Whether a line of the log is a request of its account and this bank's answer to it.
    fn check_logged(&self, channel: &NewChannel) -> Result<(), Refusal> {
        let (request, opening) = (channel.request.clone(), &channel.opening);
        let terms = opening.opening().terms();
        if terms.bank_key != *self.key() {
            return Err(Refusal::OtherBank);
        }
        if terms.ledger != self.ledger {
            return Err(Refusal::OtherLedger);
        }
        opening.check_signature()?;
        request.verify(self.key(), &self.ledger)?;
        let asked = channel.request.request();
        if (asked.nonce, asked.payment_key, asked.token_root)
            == (terms.nonce, terms.client_key, terms.token_root)
        {
            Ok(())
        } else {
            Err(Refusal::UnknownRequest)
        }
    }
}

/// Why log and books cannot be brought together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The log holds what this bank has not signed for a request on this ledger.
    #[error("the log of openings has channel {channel}, which is not this bank's answer to a request")]
    NotOurs {
        /// The channel.
        channel: ChannelId,
        /// What is wrong with it.
        #[source]
        refusal: Refusal,
    },
    /// The log lacks an opening that stood in it: it is another file, or an older copy.
    #[error(
        "the log of openings lacks channel {0}, which stood in it: this is another log, or an older copy"
    )]
    NotInLog(ChannelId),
    /// The books fail.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log fails.
    #[error(transparent)]
    Log(#[from] OpeningLogError),
}
