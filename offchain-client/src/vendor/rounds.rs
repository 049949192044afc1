//! The vendor's rounds: what is to be done with its channels without anybody asking. Channels that run out or that another process
//! marked are closed, releases are waited for, and settlements go on, after a restart from the journal alone.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::units::PaymentNumber;
use tokio::time::{Instant, MissedTickBehavior};

use super::shared::Shared;
use super::times::Times;
use super::{Ending, Facts};
use crate::party::replay;
use crate::store::{Advance, Change, JournalError, Phase, StoredChannel};

/// How often the rounds are made.
const ROUND: Duration = Duration::from_millis(500);
/// How often the ledger is asked what it thinks of this vendor's clock, at most.
const CLOCK_LOOK: Duration = Duration::from_secs(5);
/// Channels in one page of the journal.
const PAGE: u32 = 100;

/// What the rounds remember; all of it comes from the journal.
#[derive(Debug)]
pub(super) struct Rounds {
    shared: Arc<Shared>,
    /// Channels that were taken, by the Unix millisecond at which they must be closed.
    open: BTreeSet<(u64, ChannelId)>,
    /// Place of the last channel in `open` in the journal.
    place: i64,
    /// Since when releases are waited for.
    waiting: HashMap<ChannelId, Instant>,
}

impl Rounds {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, open: BTreeSet::new(), place: 0, waiting: HashMap::new() }
    }

    /// Makes the rounds until the vendor stops.
    pub(super) async fn run(mut self) {
        let mut ticks = tokio::time::interval(ROUND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.shared.stop.clone();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.make().await {
                if error.is_fatal() {
                    return self.shared.fail(error);
                }
                tracing::warn!(%error, "a round is made again");
            }
        }
    }

    /// Makes one round.
    pub(super) async fn make(&mut self) -> Result<(), JournalError> {
        self.see_new_channels().await?;
        self.close_what_runs_out().await?;
        self.wait_for_releases().await?;
        for phase in [Phase::Released, Phase::Unlocked, Phase::Disputed, Phase::Claiming] {
            for stored in in_phase(&self.shared, phase).await? {
                self.shared.seats.ask_to_close(stored.channel);
                // Perhaps nobody follows it; it runs all the same.
                drop(self.shared.settlements.follow(&self.shared, stored.channel));
            }
        }
        Ok(())
    }

    async fn see_new_channels(&mut self) -> Result<(), JournalError> {
        loop {
            let page = self.shared.journal.channels(self.place, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            self.place = last.place;
            let now = self.shared.clock.now();
            for stored in page.iter().filter(|stored| stored.phase == Phase::Closed) {
                let ending = replay::decode_note::<Ending>(&stored.ending);
                if ending.is_ok_and(|ending| ending.walk_due || ending.proof_due) {
                    drop(self.shared.settlements.follow(&self.shared, stored.channel));
                }
            }
            for stored in page.iter().filter(|stored| stored.phase == Phase::Open) {
                let Ok(Facts { record }) = replay::decode_note(&stored.facts) else {
                    tracing::error!(channel = %stored.channel, "a channel's note cannot be read");
                    continue;
                };
                let left = Times::new(&self.shared.rules, &record, now).until_closing();
                let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
                self.open.insert((now.as_unix_millis().saturating_add(left), stored.channel));
            }
        }
    }

    async fn close_what_runs_out(&mut self) -> Result<(), JournalError> {
        while let Some(due @ (at, channel)) = self.open.first().copied() {
            if at > self.shared.clock.now().as_unix_millis() {
                break;
            }
            if self.shared.mark_closing(channel).await? {
                tracing::info!(%channel, "the channel expires soon and is closed");
            }
            self.open.remove(&due);
        }
        Ok(())
    }

    /// Tells streams that their channel is to be closed, and gives releases up that do not come within R, or in time.
    async fn wait_for_releases(&mut self) -> Result<(), JournalError> {
        let mut waiting = HashMap::new();
        for stored in in_phase(&self.shared, Phase::Closing).await? {
            let since = self.waiting.get(&stored.channel).copied().unwrap_or_else(Instant::now);
            if since.elapsed() < self.shared.rules.release_wait && self.can_be_released(&stored) {
                self.shared.seats.ask_to_close(stored.channel);
                waiting.insert(stored.channel, since);
                continue;
            }
            let claim = Advance::new(stored.channel, Phase::Closing, Phase::Claiming);
            match self.shared.journal.save(Change::Advance(claim)).await {
                Ok(()) => {
                    tracing::info!(channel = %stored.channel, "no release: the channel is closed by token")
                }
                Err(JournalError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        self.waiting = waiting;
        Ok(())
    }

    /// Whether there is a payment to release, and time to wait for it.
    fn can_be_released(&self, stored: &StoredChannel) -> bool {
        let facts = replay::decode_note::<Facts>(&stored.facts);
        stored.n > PaymentNumber::OPENING
            && facts.is_ok_and(|Facts { record }| self.shared.times(&record).close_can_wait())
    }
}

/// Watches this vendor's clock: one that the ledger refuses accepts nothing and closes what it has [Spec §8]. Streams look for
/// themselves; this is for channels without one.
pub(super) async fn watch_clock(shared: Arc<Shared>) {
    let period = shared.rules.oldest_view(shared.rules.largest_drift) / 2;
    let mut ticks = tokio::time::interval(period.max(CLOCK_LOOK));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for bank in &shared.rules.pinned_banks {
            let Err(error) = shared.ledger.bank(bank).await else { continue };
            if error.refusal() != Some(&Refusal::ClockOff) {
                tracing::debug!(%error, "the ledger says nothing about this vendor's clock");
                continue;
            }
            tracing::error!(%bank, "the ledger refuses this vendor's clock: its channels are closed");
            let closed = async {
                for stored in in_phase(&shared, Phase::Open).await? {
                    let facts = replay::decode_note::<Facts>(&stored.facts);
                    if facts.is_ok_and(|facts| facts.record.opening().terms().bank_key == *bank) {
                        shared.mark_closing(stored.channel).await?;
                    }
                }
                Ok::<_, JournalError>(())
            };
            match closed.await {
                Err(error) if error.is_fatal() => return shared.fail(error),
                Err(error) => tracing::warn!(%error, "channels are not closed yet"),
                Ok(()) => {}
            }
        }
    }
}

/// Every channel in one phase.
async fn in_phase(shared: &Shared, phase: Phase) -> Result<Vec<StoredChannel>, JournalError> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = shared.journal.channels_in(phase, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = last.place;
        found.extend(page);
    }
}
