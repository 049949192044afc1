//! Keeps every channel moving: the bank itself cancels, refunds, freezes and resolves what is due, so that nothing
//! is stuck because somebody is gone [Spec §9].
//!
//! ```text
//! books (what is due) ──► next_step (pure) ──► ledger
//!        ▲                                       │ the event
//!        └────────────── settling ◄──────────────┘
//! ```
//!
//! **Decided, then logged, then signed, then submitted**: a restart between any two goes on with the same. The same again is
//! success on the ledger. A submission that fails is tried again, later each time; nothing here waits for
//! settling or holds it up. A channel with an alarm is left alone until a person has cleared it.

mod step;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{TryStreamExt, stream};
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::{Cancel, ChannelRecord, Freeze, Refund, Resolve};
use lockstep_protocol::posting::recheck;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::units::Units;

use self::step::backoff;
pub use self::step::{Step, View, next_step};
use super::Bank;
use super::books::{ApplyError, Case, Lookup, StoreError};
use super::decision::LogDecisionError;
use super::settling::SettlingError;
use crate::ledger::{Ledger, LedgerError};

/// How often the books are asked for what is due, unless the configuration says otherwise.
pub const PERIOD: Duration = Duration::from_secs(5);
/// Channels that are taken from the books at once.
const BATCH: u32 = 64;
/// Submissions at the same time.
const AT_ONCE: usize = 8;
/// A freeze is two steps for books that lag behind the ledger.
const STEPS: u32 = 3;

/// Why a step is not done.
#[derive(Debug, thiserror::Error)]
enum StepError {
    /// The ledger does not take it; it is tried again.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The own peer shows what the rules do not allow, or not yet what other peers have.
    #[error("{0}")]
    Record(&'static str),
    /// The books or the log fail.
    #[error(transparent)]
    Unsaved(#[from] SettlingError),
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::Unsaved(error.into())
    }
}

impl From<ApplyError> for StepError {
    fn from(error: ApplyError) -> Self {
        Self::Unsaved(error.into())
    }
}

impl From<LogDecisionError> for StepError {
    fn from(error: LogDecisionError) -> Self {
        Self::Unsaved(error.into())
    }
}

/// Does what is due every `period`, until `stop` resolves. A database that does not answer is asked again.
///
/// # Errors
/// The books or the log fail for good.
pub async fn run(
    bank: Arc<Bank>,
    ledger: Arc<dyn Ledger>,
    period: Duration,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), SettlingError> {
    let keep_for_ever = async {
        loop {
            match bank.keep_all(ledger.as_ref()).await {
                Err(error) if error.is_away() => {
                    tracing::warn!(%error, "the books cannot be read or written; trying again");
                }
                kept => kept?,
            }
            tokio::time::sleep(period).await;
        }
    };
    tokio::select! {
        // What is cut off stands in the books and is done after the next start.
        () = stop => Ok(()),
        ended = keep_for_ever => ended,
    }
}

impl Bank {
    /// Does everything that is due.
    ///
    /// # Errors
    /// The books or the log fail.
    pub async fn keep_all(&self, ledger: &dyn Ledger) -> Result<(), SettlingError> {
        // A verdict asks for nothing on the ledger, and is to survive the books all the same.
        self.log_decisions(None).await?;
        for lookup in self.books.lookups(self.clock.now(), BATCH).await? {
            self.look_up(ledger, &lookup).await?;
        }
        loop {
            let due = self.books.due(self.clock.now(), BATCH).await?;
            let full = u32::try_from(due.len()).is_ok_and(|count| count == BATCH);
            stream::iter(due.into_iter().map(Ok::<_, SettlingError>))
                .try_for_each_concurrent(AT_ONCE, |id| async move { self.keep(ledger, &id).await.map(drop) })
                .await?;
            if !full {
                return Ok(());
            }
        }
    }

    /// Posts what the ledger has of a channel that the books do not know, after its alarm was cleared; if it has
    /// nothing yet, it is asked again later.
    async fn look_up(&self, ledger: &dyn Ledger, lookup: &Lookup) -> Result<(), SettlingError> {
        let id = lookup.channel;
        let record = match ledger.channel(id).await {
            Ok(Some(record)) => record,
            Ok(None) => return self.look_up_later(lookup, "the own peer has no record").await,
            Err(error) => return self.look_up_later(lookup, &error.to_string()).await,
        };
        let applied = self.catch_up(&record).await?;
        tracing::info!(channel = %id, ?applied, "posted a channel whose alarm was cleared");
        Ok(self.books.end_lookup(&id).await?)
    }

    async fn look_up_later(&self, lookup: &Lookup, reason: &str) -> Result<(), SettlingError> {
        tracing::warn!(channel = %lookup.channel, reason, "its alarm was cleared; asking again");
        let now = self.clock.now();
        let later = now.checked_add(backoff(lookup.tries)).unwrap_or(now);
        Ok(self.books.postpone_lookup(lookup, later).await?)
    }

    /// Does what is due for one channel; the answer is the last step, done or tried.
    ///
    /// # Errors
    /// The books fail.
    pub async fn keep(&self, ledger: &dyn Ledger, id: &ChannelId) -> Result<Step, SettlingError> {
        let mut step = Step::Wait(None);
        for _ in 0..STEPS {
            let Some(case) = self.books.case(id).await?.filter(|case| !case.row.halted) else { break };
            step = self.keep_once(ledger, &case).await?;
            if step != Step::CatchUp {
                break;
            }
        }
        Ok(step)
    }

    async fn keep_once(&self, ledger: &dyn Ledger, case: &Case) -> Result<Step, SettlingError> {
        let now = self.clock.now();
        let id = &case.row.channel;
        let later = now.checked_add(backoff(case.tries));
        let record = match ledger.channel(*id).await {
            Ok(record) => record,
            Err(error) => {
                tracing::warn!(channel = %id, %error, "the channel's record cannot be read; trying again");
                self.books.postpone(case, later, case.tries.saturating_add(1)).await?;
                return Ok(Step::Wait(later));
            }
        };
        let view = View {
            opening: case.row.opening.opening(),
            booked: if case.row.is_unseen() { None } else { Some(&case.row.state) },
            record: record.as_ref(),
            decisions: case.decisions,
        };
        let step = next_step(view, self.settings.max_drift, now);
        if let Step::Wait(until) = step {
            let (until, tries) = match until {
                Some(until) if until <= now => (later, case.tries.saturating_add(1)),
                until => (until, 0),
            };
            self.books.postpone(case, until, tries).await?;
            return Ok(step);
        }
        match self.take_step(ledger, case, record, step).await {
            Ok(()) => tracing::info!(channel = %id, ?step, "kept a channel moving"),
            Err(StepError::Unsaved(error)) => return Err(error),
            Err(error) => tracing::warn!(channel = %id, ?step, %error, "a step failed; trying again"),
        }
        // The event that this causes asks for the next look; should it not come, look again.
        self.books.postpone(case, later, case.tries.saturating_add(1)).await?;
        Ok(step)
    }

    async fn take_step(
        &self,
        ledger: &dyn Ledger,
        case: &Case,
        record: Option<ChannelRecord>,
        step: Step,
    ) -> Result<(), StepError> {
        let id = case.row.channel;
        match (step, record) {
            (Step::CatchUp, Some(record)) => {
                self.catch_up(&record).await?;
            }
            (Step::Cancel, _) => {
                ledger.cancel(&Cancel::new(case.row.opening.clone())).await?;
            }
            (Step::Refund, _) => {
                ledger.refund(&Refund::new(id)).await?;
            }
            (Step::Freeze(reason, evidence), _) => {
                self.log_decisions(Some(&id)).await?;
                ledger.freeze(&Freeze::sign(id, reason, evidence, &self.secret)).await?;
            }
            (Step::Resolve(units), _) => self.resolve(ledger, &id, units).await?,
            (Step::CatchUp | Step::Wait(_), _) => {}
        }
        Ok(())
    }

    /// Resolves with the units that are fixed for the channel, or fixes `units`. A second value is signed only after
    /// the ledger has refused the first as below the claim [Spec §9].
    async fn resolve(&self, ledger: &dyn Ledger, id: &ChannelId, units: Units) -> Result<(), StepError> {
        let first = self.books.fix_units(id, units, None, self.clock.now()).await?;
        self.log_decisions(Some(id)).await?;
        match ledger.resolve(&Resolve::sign(*id, first, &self.secret)).await {
            Err(LedgerError::Refused(Refusal::UnitsBelowClaim)) => {}
            other => return Ok(other.map(drop)?),
        }
        let record = ledger.channel(*id).await?.ok_or(StepError::Record("the own peer has no record"))?;
        let record = recheck(record, self.view())
            .map_err(|_| StepError::Record("the own peer's record is not what the rules allow"))?
            .into_record();
        let claimed = record.claim().map(|claim| claim.units).filter(|claimed| *claimed > first);
        let claimed = claimed.ok_or(StepError::Record("the own peer has not seen the claim yet"))?;
        let second = self.books.fix_units(id, claimed, Some(first), self.clock.now()).await?;
        self.log_decisions(Some(id)).await?;
        ledger.resolve(&Resolve::sign(*id, second, &self.secret)).await?;
        Ok(())
    }
}
