//! From the ledger's events into the books: re-check each change from the own peer's record, post it, move the
//! checkpoint [Spec §9].

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::{ChannelChange, ChannelRecord, ChannelState};
use lockstep_protocol::posting::{BankView, PostingError, movements};

use super::Bank;
use super::books::{Applied, ApplyError, Settlement, StoreError};
use crate::ledger::{EventStart, Ledger, LedgerError, LedgerEvent};

/// First and longest wait before the ledger is asked again after it failed.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20));
/// How often a record is read again that has not reached the event's state: peers of one organisation may be
/// some blocks apart.
const READS: u32 = 10;
const READ_PAUSE: Duration = Duration::from_millis(500);
/// An order in which states follow one another, whichever of them a channel goes through [Spec §8].
const ORDER: [ChannelState; 7] = [
    ChannelState::Open,
    ChannelState::Cancelled,
    ChannelState::Closed,
    ChannelState::Refunded,
    ChannelState::Frozen,
    ChannelState::Claimed,
    ChannelState::Resolved,
];

/// Why the settling of events has ended. Books that cannot be written end the bank: it must not go on as if
/// they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettlingError {
    /// The books fail.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An event cannot be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// Why one event is not applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The ledger does not answer; the event comes again.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The own peer has no record of a channel that it has announced; the event comes again.
    #[error("the own peer announced channel {0} and has no record of it")]
    NoRecord(ChannelId),
    /// The books do not take it.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// Applies events until `stop` resolves; a ledger that fails is asked again from the checkpoint.
///
/// # Errors
/// The books fail.
pub async fn run(
    bank: Arc<Bank>,
    ledger: Arc<dyn Ledger>,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), SettlingError> {
    let settle_for_ever = async {
        let mut pause = PAUSE.0;
        loop {
            let start = EventStart::from(bank.books.checkpoint().await?);
            let failed = match follow(&bank, ledger.as_ref(), start, &mut pause).await {
                Err(SettleError::Apply(error)) => return Err(SettlingError::from(error)),
                Err(SettleError::Ledger(error)) => error.to_string(),
                Err(error @ SettleError::NoRecord(_)) => error.to_string(),
                Ok(()) => "the stream of events ended".to_owned(),
            };
            tracing::warn!(reason = failed, "events cannot be read; trying again");
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(PAUSE.1);
        }
    };
    tokio::select! {
        // Between events only is there nothing to lose; a transaction that is cut off rolls back.
        () = stop => Ok(()),
        ended = settle_for_ever => ended,
    }
}

async fn follow(
    bank: &Bank,
    ledger: &dyn Ledger,
    start: EventStart,
    pause: &mut Duration,
) -> Result<(), SettleError> {
    let mut events = ledger.events(start).await?;
    while let Some(event) = events.next().await {
        let event = event?;
        let applied = bank.settle(ledger, &event).await?;
        *pause = PAUSE.0;
        tracing::info!(block = event.block, tx_id = %event.tx_id, ?applied, "applied {}", event.name);
    }
    Ok(())
}

impl Bank {
    /// Applies one event of the ledger. The same event again changes nothing.
    ///
    /// # Errors
    /// [`SettleError`]; nothing of the event has been applied then.
    pub async fn settle(&self, ledger: &dyn Ledger, event: &LedgerEvent) -> Result<Applied, SettleError> {
        let mut settlements = Vec::with_capacity(event.changes.len());
        for change in &event.changes {
            settlements.push(self.check(ledger, change).await?);
        }
        Ok(self.books.apply(event, &settlements, self.clock.now()).await?)
    }

    /// Checks a change from what the own peer's record keeps.
    async fn check(&self, ledger: &dyn Ledger, change: &ChannelChange) -> Result<Settlement, SettleError> {
        let record = read_reached(ledger, change).await?;
        Ok(self.judge(change, record).await?)
    }

    /// Posts what the books have missed of a channel, from its record on the ledger: after an alarm was cleared,
    /// or while an event is on its way. What was posted before is passed over.
    ///
    /// # Errors
    /// [`ApplyError`].
    pub async fn catch_up(&self, record: &ChannelRecord) -> Result<Applied, ApplyError> {
        let mut all = Applied::default();
        for state in ORDER.into_iter().filter(|state| record.reached(*state)) {
            let settlement = match record.change_to(state) {
                Ok(change) => self.judge(&change, record.clone()).await?,
                Err(refusal) => {
                    Settlement::Alarm { channel: record.channel_id(), reason: refusal.sentence().to_owned() }
                }
            };
            let applied = self.books.catch_up(&settlement, self.clock.now()).await?;
            all.posted += applied.posted;
            all.already_done += applied.already_done;
            all.alarms += applied.alarms;
            all.halted += applied.halted;
            if applied.alarms > 0 {
                break;
            }
        }
        Ok(all)
    }

    /// What the bank knows of itself when it checks a record.
    pub(super) fn view(&self) -> BankView<'_> {
        BankView {
            bank_key: self.key(),
            ledger: &self.ledger,
            drift: self.settings.max_drift,
            now: self.clock.now(),
        }
    }

    async fn judge(&self, change: &ChannelChange, record: ChannelRecord) -> Result<Settlement, ApplyError> {
        let alarm = |reason: String| {
            tracing::error!(channel = %change.channel_id, reason, "ALARM: posting stops for this channel");
            Settlement::Alarm { channel: change.channel_id, reason }
        };
        if record.channel_id() != change.channel_id {
            return Ok(alarm("the own peer's record is another channel's".to_owned()));
        }
        let posted_claim = self.books.claimed(&change.channel_id).await?;
        match movements(change, &record, posted_claim, self.view()) {
            Ok(movements) => {
                Ok(Settlement::Post { state: change.state, movements, record: Box::new(record) })
            }
            Err(PostingError::OtherBank) => Ok(Settlement::Foreign),
            Err(PostingError::Refused(refusal)) => {
                Ok(alarm(format!("{}: {}", PostingError::Refused(refusal), refusal.sentence())))
            }
            Err(error) => Ok(alarm(error.to_string())),
        }
    }
}

/// The record, read again for a while if it has not reached the state that the event announced.
async fn read_reached(ledger: &dyn Ledger, change: &ChannelChange) -> Result<ChannelRecord, SettleError> {
    let mut reads = 0;
    loop {
        let record = ledger.channel(change.channel_id).await?;
        reads += 1;
        match record {
            Some(record) if record.reached(change.state) || reads == READS => return Ok(record),
            None if reads == READS => return Err(SettleError::NoRecord(change.channel_id)),
            _ => tokio::time::sleep(READ_PAUSE).await,
        }
    }
}
