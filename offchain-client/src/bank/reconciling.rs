//! After a start: log and books are brought together. What a crash has kept out of the log is written into it, what a
//! restore has taken out of the books comes back [Spec §4, §9].

use std::collections::BTreeSet;

use lockstep_protocol::hash::{ChannelId, Digest};
use lockstep_protocol::refusal::Refusal;

use super::Bank;
use super::books::{DecisionKind, NewChannel, StoreError, Subject};
use super::decision::{LogDecisionError, SignedDecision, digest};
use super::log::{LogError, LogLine};

/// What came back into the books from the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Openings.
    pub openings: u64,
    /// Decisions, and steps of them.
    pub decisions: u64,
}

/// Why log and books cannot be brought together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The log holds what this bank has not signed on this ledger.
    #[error("the bank's log has a line for {subject} which is not this bank's")]
    NotOurs {
        /// What the line is about.
        subject: Box<Subject>,
        /// What is wrong with it.
        #[source]
        refusal: Refusal,
    },
    /// The log lacks what stood in it: it is another file, or an older copy.
    #[error("the bank's log lacks a line for {0}, which stood in it: this is another log, or an older copy")]
    NotInLog(Box<Subject>),
    /// The books fail.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log fails.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<LogDecisionError> for ReconcileError {
    fn from(error: LogDecisionError) -> Self {
        match error {
            LogDecisionError::Store(error) => Self::Store(error),
            LogDecisionError::Log(error) => Self::Log(error),
        }
    }
}

/// What has been read in the log.
#[derive(Debug, Default)]
struct Seen {
    openings: BTreeSet<ChannelId>,
    decisions: BTreeSet<Digest>,
}

impl Bank {
    /// Brings log and books together. What comes back is checked: the log is a file, and whoever writes a line into it
    /// spends a client's money. A log that lacks what it had is not used: it may lack what the books have lost too.
    ///
    /// # Errors
    /// Log or books cannot be used; the bank must not serve then.
    pub async fn reconcile(&self) -> Result<Reconciled, ReconcileError> {
        loop {
            let missing = self.books.not_logged().await?;
            if missing.is_empty() {
                break;
            }
            for channel in &missing {
                self.log.append_opening(channel).await?;
                self.books.set_logged(&channel.opening.opening().channel_id()).await?;
            }
        }
        let (mut back, mut seen) = (Reconciled::default(), Seen::default());
        for line in self.log.read()? {
            match line? {
                LogLine::Opening(channel) => {
                    seen.openings.insert(channel.opening.opening().channel_id());
                    back.openings += u64::from(self.take_back_opening(&channel).await?);
                }
                LogLine::Decision(signed) => {
                    seen.decisions.insert(self.digest_of(&signed)?);
                    back.decisions += u64::from(self.take_back_decision(&signed).await?);
                }
            }
        }
        self.check_nothing_lacks(&seen).await?;
        // Only now: what restored books have not logged is older than the log's last word on it.
        self.log_decisions(None).await?;
        Ok(back)
    }

    /// Whether the books had lost it.
    async fn take_back_opening(&self, channel: &NewChannel) -> Result<bool, ReconcileError> {
        let id = channel.opening.opening().channel_id();
        // Asked without the write lock: a log of years is read at every start.
        let known = self.books.channel(&id).await?;
        if known.as_ref().is_some_and(|row| row.account.is_some()) {
            return Ok(false);
        }
        self.check_logged(channel).map_err(|refusal| ReconcileError::NotOurs {
            subject: Box::new(Subject::Channel(id)),
            refusal,
        })?;
        if known.is_some() {
            // The ledger told of it while the log was away; now it is known whose it is.
            if self.books.adopt(&id, &channel.request, self.clock.now()).await? {
                self.books.set_logged(&id).await?;
            }
            return Ok(false);
        }
        Ok(self.books.restore(channel, self.clock.now()).await?)
    }

    /// Whether the books had lost it.
    async fn take_back_decision(&self, signed: &SignedDecision) -> Result<bool, ReconcileError> {
        if self.books.has_logged(&signed.decision).await? {
            return Ok(false);
        }
        signed.check(&self.ledger, self.key()).map_err(|refusal| ReconcileError::NotOurs {
            subject: Box::new(signed.decision.subject()),
            refusal,
        })?;
        Ok(self.books.take_back(&signed.decision, self.clock.now()).await?)
    }

    fn digest_of(&self, signed: &SignedDecision) -> Result<Digest, ReconcileError> {
        Ok(digest(&signed.decision, &self.ledger).map_err(|error| self.log.failed(error.into()))?)
    }

    /// The books name everything that they have put into the log.
    async fn check_nothing_lacks(&self, seen: &Seen) -> Result<(), ReconcileError> {
        let mut after = None;
        loop {
            let page = self.books.logged(after.as_ref()).await?;
            if let Some(lost) = page.iter().find(|id| !seen.openings.contains(id)) {
                return Err(ReconcileError::NotInLog(Box::new(Subject::Channel(*lost))));
            }
            let Some(last) = page.last() else { break };
            after = Some(*last);
        }
        for kind in DecisionKind::ALL {
            let mut after = None;
            loop {
                let page = self.books.logged_decisions(kind, after.as_ref()).await?;
                for decision in &page {
                    let digest =
                        digest(decision, &self.ledger).map_err(|error| self.log.failed(error.into()))?;
                    if !seen.decisions.contains(&digest) {
                        return Err(ReconcileError::NotInLog(Box::new(decision.subject())));
                    }
                }
                let Some(last) = page.last() else { break };
                after = Some(last.subject());
            }
        }
        Ok(())
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
