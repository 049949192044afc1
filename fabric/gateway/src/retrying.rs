//! Trying again, by the rules that the errors carry.

use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::commit::Commit;
use crate::deadlines::bounded;
use crate::error::{CommitStatusError, EvaluateError, Retry, SubmitError, TransactionError};
use crate::proposal_builder::{Committed, ProposalBuilder};
use crate::status::Status;
use crate::transaction::Transaction;

/// How often, and for how long, to try again.
///
/// What is tried again is what [`Retry`] says after each failure: a transaction that may be ordered is submitted again or
/// asked for, never replaced; one that lost against another (an MVCC conflict) or was not endorsed is proposed afresh, with
/// a new transaction id; a chaincode's refusal is final.
///
/// ```no_run
/// # async fn example(contract: hlf_gateway::Contract) -> Result<(), Box<dyn std::error::Error>> {
/// use hlf_gateway::Retrying;
///
/// let proposal = contract.proposal("TransferAsset").arguments(["asset1", "Alice"]);
/// let committed = proposal.submit_retrying(Retrying::default()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retrying {
    /// Most attempts at each stage, the first included; 6.
    pub attempts: u32,
    /// No new attempt is made when this has passed; 30 s.
    pub patience: Duration,
    /// The wait before each further attempt, of which a random part is taken, so that those who collided part ways.
    pub backoff: Backoff,
}

impl Retrying {
    /// These, but so many attempts at each stage, the first included.
    #[must_use]
    pub const fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// These, but no new attempt after this time.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// These, but other waits.
    #[must_use]
    pub const fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

impl Default for Retrying {
    fn default() -> Self {
        Self { attempts: 6, patience: Duration::from_secs(30), backoff: Backoff::default() }
    }
}

impl ProposalBuilder {
    /// Evaluates as [`Self::evaluate`] does, and again where that is safe and may help.
    ///
    /// # Errors
    /// The last attempt's [`EvaluateError`].
    pub async fn evaluate_retrying(self, retrying: Retrying) -> Result<Vec<u8>, EvaluateError> {
        let mut turns = Turns::new(retrying);
        loop {
            let error = match self.clone().evaluate().await {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            if error.retry() == Retry::Never || !turns.next().await {
                return Err(error);
            }
            tracing::debug!(%error, "evaluating again");
        }
    }

    /// Submits as [`Self::submit`] does, and goes on by the rules of [`Retrying`] when a stage fails. A proposal with a
    /// [nonce](Self::nonce) of the caller's is never made anew.
    ///
    /// # Errors
    /// The last attempt's [`TransactionError`]. When its [`outcome_unknown`](TransactionError::outcome_unknown), it is
    /// about the one transaction of these attempts that may be in the ledger.
    pub async fn submit_retrying(self, retrying: Retrying) -> Result<Committed, TransactionError> {
        let mut turns = Turns::new(retrying);
        loop {
            let attempt = self.clone().through_all_stages(
                async |transaction| hand_in(transaction, turns.inner()).await,
                async |commit| end_of(commit, turns.inner()).await,
            );
            let error = match attempt.await {
                Ok(committed) => return Ok(committed),
                Err(error) => error,
            };
            let again = error.retry() == Retry::NewProposal && self.makes_fresh_proposals();
            if !again || !turns.next().await {
                return Err(error);
            }
            tracing::debug!(%error, "proposing again");
        }
    }
}

/// Hands the transaction to the orderers until one has surely got it, or surely not.
async fn hand_in(transaction: &Transaction, mut turns: Turns) -> Result<Commit, SubmitError> {
    let mut may_be_ordered = false;
    loop {
        let error = match transaction.submit().await {
            Ok(commit) => return Ok(commit),
            Err(error) => error,
        };
        // A later answer speaks of a later call: it takes nothing back.
        may_be_ordered |= error.outcome_unknown();
        if error.retry() != Retry::SameTransaction || !turns.next().await {
            // What became of it can still be asked.
            return if may_be_ordered { Ok(transaction.commit()) } else { Err(error) };
        }
        tracing::debug!(%error, "submitting the same transaction again");
    }
}

/// Asks how the transaction ended until there is an answer.
async fn end_of(commit: &Commit, mut turns: Turns) -> Result<Status, CommitStatusError> {
    loop {
        let error = match commit.status().await {
            Ok(status) => return Ok(status),
            Err(error) => error,
        };
        if error.retry() == Retry::Never || !turns.next().await {
            return Err(error);
        }
        tracing::debug!(%error, "asking for the commit again");
    }
}

/// What is left of the attempts at one stage.
struct Turns {
    retrying: Retrying,
    started: Instant,
    failures: u32,
}

impl Turns {
    fn new(retrying: Retrying) -> Self {
        Self { retrying, started: Instant::now(), failures: 0 }
    }

    /// As many attempts for a stage within this one, and the time that is left.
    fn inner(&self) -> Self {
        Self { failures: 0, ..*self }
    }

    /// Waits for the next attempt, if there is one.
    async fn next(&mut self) -> bool {
        self.failures = self.failures.saturating_add(1);
        let longest = bounded(self.retrying.backoff.after(self.failures));
        let wait = longest.mul_f64(rand::random_range(0.5..=1.0));
        let waited = self.started.elapsed().saturating_add(wait);
        if self.failures >= self.retrying.attempts || waited >= self.retrying.patience {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }
}
