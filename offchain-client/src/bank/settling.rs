//! From the ledger's events into the books: re-check each change from the own peer's record, post it, move the
//! checkpoint [Spec §9].

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::{ChannelChange, ChannelRecord, ChannelState};
use lockstep_protocol::posting::{BankView, PostingError, recheck};

use super::Bank;
use super::books::{Applied, ApplyError, Settlement, StoreError};
use super::decision::LogDecisionError;
use super::log::LogError;
use crate::ledger::{EventCheckpoint, EventStart, Ledger, LedgerError, LedgerEvent};

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

/// How long the bank waits for its own peers, which may be some blocks apart and now and then away.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// First and longest wait before the ledger is asked again.
    pub pause: (Duration, Duration),
    /// How often an event is looked at that the own peer does not bear out, before its channels are set aside so
    /// that all others go on. Nothing is lost by it: once the alarm is cleared, the channel is posted from its
    /// record.
    pub looks: u32,
}

impl Patience {
    /// About ten minutes: no peer of an organisation that works is so far behind.
    pub const DEFAULT: Self =
        Self { pause: (Duration::from_millis(500), Duration::from_secs(20)), looks: 35 };
}

/// Why the settling of events, or the keeping of channels, has ended. Books that cannot be written end the bank: it must not go on as if
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
    /// A decision cannot be put into the log.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<LogDecisionError> for SettlingError {
    fn from(error: LogDecisionError) -> Self {
        match error {
            LogDecisionError::Store(error) => Self::Store(error),
            LogDecisionError::Log(error) => Self::Log(error),
        }
    }
}

impl SettlingError {
    /// Whether the database does not answer at present, so that the same may succeed later.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Store(error) | Self::Apply(ApplyError::Store(error)) if error.is_away())
    }
}

/// Why one event is not applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The ledger does not answer; the event comes again.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The own peer has no record of a channel that it has announced; it may be behind.
    #[error("the own peer announced channel {0} and has no record of it")]
    NoRecord(ChannelId),
    /// The own peer's record has not reached the state that was announced; it may be behind.
    #[error("the own peer announced channel {channel} as {announced} and has it as {found}")]
    NotReached {
        /// The channel.
        channel: ChannelId,
        /// The state that the event says.
        announced: ChannelState,
        /// The state of the record.
        found: ChannelState,
    },
    /// The own peer's record of a channel cannot be read.
    #[error("the own peer's record of channel {channel} cannot be read")]
    Unreadable {
        /// The channel.
        channel: ChannelId,
        /// What the peer answered.
        source: LedgerError,
    },
    /// The books do not take it.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

impl SettleError {
    /// Whether it is one channel's trouble and not the whole ledger's.
    fn is_of_one_channel(&self) -> bool {
        matches!(self, Self::NoRecord(_) | Self::NotReached { .. } | Self::Unreadable { .. })
    }
}

/// Applies events until `stop` resolves; a ledger or a database that does not answer is asked again from the
/// checkpoint.
///
/// # Errors
/// The books fail.
pub async fn run(
    bank: Arc<Bank>,
    ledger: Arc<dyn Ledger>,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), SettlingError> {
    run_with(bank, ledger, Patience::DEFAULT, stop).await
}

/// As [`run`], with another patience.
///
/// # Errors
/// The books fail.
pub async fn run_with(
    bank: Arc<Bank>,
    ledger: Arc<dyn Ledger>,
    patience: Patience,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), SettlingError> {
    let mut following = Following { bank: &bank, ledger: ledger.as_ref(), patience, pause: patience.pause.0 };
    tokio::select! {
        // Between events only is there nothing to lose; a transaction that is cut off rolls back.
        () = stop => Ok(()),
        Err(error) = following.for_ever() => Err(error),
    }
}

/// The reader of the ledger's events.
struct Following<'a> {
    bank: &'a Bank,
    ledger: &'a dyn Ledger,
    patience: Patience,
    /// The wait before the ledger is asked again; shortest again after every event that was applied.
    pause: Duration,
}

impl Following<'_> {
    async fn for_ever(&mut self) -> Result<Infallible, SettlingError> {
        let mut looks = 0;
        loop {
            let reason = match self.run_to_the_end().await {
                Ok(()) => "the stream of events ended".to_owned(),
                Err(SettleError::Apply(ApplyError::Store(error))) if error.is_away() => error.to_string(),
                Err(SettleError::Apply(error)) => return Err(error.into()),
                Err(SettleError::Ledger(LedgerError::UnreadableEvent { at, channels, what })) => {
                    looks += 1;
                    if looks >= self.patience.looks {
                        looks = 0;
                        self.bank.pass_over(&at, &channels, &what).await?;
                    }
                    what
                }
                Err(error) => error.to_string(),
            };
            tracing::warn!(reason, "events cannot be read; trying again");
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = self.pause.saturating_mul(2).min(self.patience.pause.1);
    }

    async fn run_to_the_end(&mut self) -> Result<(), SettleError> {
        let checkpoint = self.bank.books.checkpoint().await.map_err(ApplyError::from)?;
        let mut events = self.ledger.events(EventStart::from(checkpoint)).await?;
        while let Some(event) = events.next().await {
            let event = event?;
            let applied = self.settle(&event).await?;
            self.pause = self.patience.pause.0;
            tracing::info!(block = event.block, tx_id = %event.tx_id, ?applied, "applied {}", event.name);
        }
        Ok(())
    }

    /// Applies one event, looking again for a while if the own peer does not bear it out.
    async fn settle(&mut self, event: &LedgerEvent) -> Result<Applied, SettleError> {
        for _ in 1..self.patience.looks {
            match self.bank.settle(self.ledger, event).await {
                Err(error) if error.is_of_one_channel() => {
                    tracing::warn!(%error, "looking again");
                    self.wait().await;
                }
                settled => return settled,
            }
        }
        self.bank.settle_or_set_aside(self.ledger, event).await
    }
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

    /// As [`Bank::settle`], with an alarm for each channel that the own peer does not bear out, so that the others
    /// go on.
    ///
    /// # Errors
    /// [`SettleError`]; nothing of the event has been applied then.
    pub async fn settle_or_set_aside(
        &self,
        ledger: &dyn Ledger,
        event: &LedgerEvent,
    ) -> Result<Applied, SettleError> {
        let mut settlements = Vec::with_capacity(event.changes.len());
        for change in &event.changes {
            let settlement = match self.check(ledger, change).await {
                Err(error) if error.is_of_one_channel() => alarm(change.channel_id, error.to_string()),
                checked => checked?,
            };
            settlements.push(settlement);
        }
        Ok(self.books.apply(event, &settlements, self.clock.now()).await?)
    }

    /// Moves the checkpoint over an event that cannot be read, with an alarm for each channel that it names.
    pub(super) async fn pass_over(
        &self,
        at: &EventCheckpoint,
        channels: &[ChannelId],
        what: &str,
    ) -> Result<Applied, ApplyError> {
        tracing::error!(block = at.block, tx_id = %at.tx_id, what, "ALARM: an event cannot be read");
        let alarms: Vec<_> = channels.iter().map(|channel| alarm(*channel, what.to_owned())).collect();
        let event = LedgerEvent {
            block: at.block,
            tx_id: at.tx_id.clone(),
            name: String::new(),
            changes: Vec::new(),
        };
        self.books.apply(&event, &alarms, self.clock.now()).await
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
        self.catch_up_in(record, &ORDER).await
    }

    /// As [`Bank::catch_up`], for these states alone.
    pub(super) async fn catch_up_in(
        &self,
        record: &ChannelRecord,
        states: &[ChannelState],
    ) -> Result<Applied, ApplyError> {
        let mut all = Applied::default();
        for state in states.iter().copied().filter(|state| record.reached(*state)) {
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
        let alarm = |reason| alarm(change.channel_id, reason);
        if record.channel_id() != change.channel_id {
            return Ok(alarm("the own peer's record is another channel's".to_owned()));
        }
        let posted_claim = self.books.claimed(&change.channel_id).await?;
        let posted = recheck(record, self.view())
            .and_then(|record| Ok((record.movements(change, posted_claim)?, record.into_record())));
        match posted {
            Ok((movements, record)) => {
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

fn alarm(channel: ChannelId, reason: String) -> Settlement {
    tracing::error!(%channel, reason, "ALARM: posting stops for this channel");
    Settlement::Alarm { channel, reason }
}

/// The record, which must have reached the state that the event announced.
async fn read_reached(ledger: &dyn Ledger, change: &ChannelChange) -> Result<ChannelRecord, SettleError> {
    let channel = change.channel_id;
    let record = ledger.channel(channel).await.map_err(|error| match error {
        source @ (LedgerError::Refused(_) | LedgerError::Violation { .. }) => {
            SettleError::Unreadable { channel, source }
        }
        other => other.into(),
    })?;
    let record = record.ok_or(SettleError::NoRecord(channel))?;
    let (announced, found) = (change.state, record.state());
    // A cancelled channel was never open and an open one never cancelled: waiting changes neither.
    let may_come = found == ChannelState::Open || record.freeze().is_some();
    if record.channel_id() == channel && !record.reached(announced) && may_come {
        return Err(SettleError::NotReached { channel, announced, found });
    }
    Ok(record)
}
