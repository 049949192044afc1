//! A submission through its stages: endorse, order, commit.
//!
//! Every function of the contract may be said again, so a submission that lost against another is proposed afresh, and one
//! whose answer was lost is handed in again or asked for; never is a second transaction started while the end of the first
//! one is open.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hlf_gateway::{Contract, EndorseError, Origin, Retry, StageCause, Status, Transaction, TxValidationCode};
use lockstep_protocol::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DEADLINES, FabricLedger, answer};
use crate::ledger::{LedgerError, Submitted, Timing, TransactionId};

/// Most proposals for one submission.
const ATTEMPTS: u32 = 6;
/// No new proposal is made when this has passed: the caller is told instead.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often the same transaction is handed to the orderers when their answer was lost.
const HAND_INS: u32 = 3;
/// How often a commit is asked for.
const STATUS_QUESTIONS: u32 = 2;
/// Wait before the second attempt; doubled for each one after it.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Why an attempt failed, and whether another proposal may do better.
enum Failure {
    /// A new proposal is safe, and may help.
    Again(LedgerError),
    /// It is not, or cannot.
    Final(LedgerError),
}

impl FabricLedger {
    /// Submits one JSON document to a function and reads the record that it answers.
    pub(super) async fn submit<T: DeserializeOwned>(
        &self,
        function: &'static str,
        document: &(impl Serialize + Sync),
    ) -> Result<Submitted<T>, LedgerError> {
        self.submit_dated(function, document, None).await
    }

    /// The same; no transaction is dated later than `latest`.
    pub(super) async fn submit_dated<T: DeserializeOwned>(
        &self,
        function: &'static str,
        document: &(impl Serialize + Sync),
        latest: Option<Timestamp>,
    ) -> Result<Submitted<T>, LedgerError> {
        let latest = latest.map(|latest| UNIX_EPOCH + Duration::from_millis(latest.as_unix_millis()));
        let document = serde_json::to_string(document).map_err(|error| LedgerError::Violation {
            what: format!("the argument of {function}: {error}"),
        })?;
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            let error = match self.attempt(function, &document, latest).await {
                Ok(submitted) => return Ok(submitted),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Again(error)) => error,
            };
            if attempt == ATTEMPTS || started.elapsed() > PATIENCE {
                return Err(error);
            }
            tracing::debug!(function, attempt, %error, "proposing again");
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }

    async fn attempt<T: DeserializeOwned>(
        &self,
        function: &'static str,
        document: &str,
        latest: Option<SystemTime>,
    ) -> Result<Submitted<T>, Failure> {
        let started = Instant::now();
        let transaction = self.endorsed(function, document, latest).await?;
        let endorsed = Instant::now();
        self.hand_in(&transaction).await?;
        let ordered = Instant::now();
        let status = self.end_of(&transaction).await?;
        let committed = Instant::now();

        if !status.code().is_valid() {
            return Err(not_committed(&status));
        }
        let record = answer::decode(function, transaction.result()).map_err(Failure::Final)?;
        Ok(Submitted {
            record,
            tx_id: TransactionId::new(status.transaction_id().as_str()),
            block: status.block_number(),
            timing: Timing {
                endorse: endorsed - started,
                order: ordered - endorsed,
                commit: committed - ordered,
            },
        })
    }

    /// Has a fresh proposal endorsed, through another organisation's peers if none of the own can be reached or answers in time:
    /// nothing has been handed in before then, so nothing happens twice.
    async fn endorsed(
        &self,
        function: &'static str,
        document: &str,
        latest: Option<SystemTime>,
    ) -> Result<Transaction, Failure> {
        let proposal = |contract: &Contract| {
            let deadlines = DEADLINES.with_endorse(self.endorse);
            let proposal = contract.proposal(function).argument(document).deadlines(deadlines);
            match latest {
                Some(latest) => proposal.timestamp(latest.min(SystemTime::now())).build(),
                None => proposal.build(),
            }
        };
        let error = match proposal(&self.contract).endorse().await {
            Ok(transaction) => return Ok(transaction),
            Err(error) => error,
        };
        let Some(elsewhere) = self.elsewhere.as_ref().filter(|_| nobody_answered(&error)) else {
            return Err(self.not_endorsed(&error));
        };
        tracing::warn!(function, %error, "no own peer answers; asking another organisation's");
        proposal(elsewhere).endorse().await.map_err(|there| {
            tracing::warn!(function, error = %there, "not endorsed there either");
            // What another organisation's peer refuses is its word alone: the own peers will say it themselves.
            Failure::Final(answer::of_endorse(&error, &self.organization))
        })
    }

    fn not_endorsed(&self, error: &EndorseError) -> Failure {
        let meaning = answer::of_endorse(error, &self.organization);
        // An unreachable or silent peer has used up the gateway's failover or its deadline already.
        let answered = matches!(error.cause(), StageCause::Call(call) if call.origin() == Origin::Peer);
        let may_help = answer::is_lagging_peer(error, &self.organization)
            || (error.retry() == Retry::NewProposal && answered);
        if may_help { Failure::Again(meaning) } else { Failure::Final(meaning) }
    }

    /// Hands the transaction to the orderers until one has surely got it, or surely not.
    async fn hand_in(&self, transaction: &Transaction) -> Result<(), Failure> {
        let mut attempt = 1;
        let mut may_be_ordered = false;
        loop {
            let error = match transaction.submit().await {
                Ok(_commit) => return Ok(()),
                Err(error) => error,
            };
            // A later answer speaks of a later call: it takes nothing back.
            may_be_ordered |= error.outcome_unknown();
            if error.retry() != Retry::SameTransaction || attempt == HAND_INS {
                // What became of it can still be asked.
                return if may_be_ordered {
                    Ok(())
                } else {
                    Err(Failure::Final(answer::of_submit(&error, &self.organization)))
                };
            }
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }

    /// How the transaction ended.
    async fn end_of(&self, transaction: &Transaction) -> Result<Status, Failure> {
        // Of the own peers, whoever handed it in.
        let commit = self.network.commit(transaction.transaction_id().clone());
        let mut question = 1;
        loop {
            match commit.status().await {
                Ok(status) => return Ok(status),
                Err(error) if error.retry() == Retry::Never || question == STATUS_QUESTIONS => {
                    return Err(Failure::Final(answer::of_commit_status(&error)));
                }
                Err(error) => tracing::debug!(%error, "asking for the commit again"),
            }
            question += 1;
        }
    }
}

/// Whether no peer has answered. One that has endorsed all the same has changed nothing: only a transaction that is handed in does.
fn nobody_answered(error: &EndorseError) -> bool {
    error.chaincode_message().is_none()
        && matches!(error.cause(), StageCause::Call(call) if call.origin() != Origin::Peer)
}

fn not_committed(status: &Status) -> Failure {
    let code = status.code();
    let meaning = LedgerError::NotCommitted {
        code: code.known().map_or_else(|| code.to_string(), |known| known.as_str_name().to_owned()),
        tx_id: TransactionId::new(status.transaction_id().as_str()),
    };
    match code.known() {
        // Somebody was faster: the next endorsement sees it.
        Some(TxValidationCode::MvccReadConflict | TxValidationCode::PhantomReadConflict) => {
            Failure::Again(meaning)
        }
        _ => Failure::Final(meaning),
    }
}

/// The wait after an attempt, counted from 1.
fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)))
}
