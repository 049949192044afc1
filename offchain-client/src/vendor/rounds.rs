//! The vendor's rounds: what is to be done with its channels without anybody asking. Channels whose time has come or that another process
//! marked are closed, releases are waited for, and settlements go on, after a restart from the journal alone.
//!
//! What a round saves it hands in together, so that it shares the journal's flushes: thousands of channels may be marked in one round.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::units::PaymentNumber;
use tokio::time::{Instant, MissedTickBehavior};

use super::rows::in_phase;
use super::schedule::Place;
use super::shared::Shared;
use super::{Ending, Facts};
use crate::party::replay;
use crate::store::{Advance, Change, ChannelReader, JournalError, Phase, StoredChannel};

/// How often the rounds are made.
const ROUND: Duration = Duration::from_millis(500);
/// How often the ledger is asked what it thinks of this vendor's clock, at most.
const CLOCK_LOOK: Duration = Duration::from_secs(5);
/// Changes handed in at a time: the journal takes as many into one flush.
const AT_ONCE: usize = 128;

/// What the rounds remember; all of it comes from the journal.
#[derive(Debug)]
pub(super) struct Rounds {
    shared: Arc<Shared>,
    reader: ChannelReader,
    /// Since when releases are waited for.
    waiting: HashMap<ChannelId, Instant>,
}

impl Rounds {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, reader: ChannelReader::default(), waiting: HashMap::new() }
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
        self.close_what_is_due().await?;
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
            let page = self.reader.next(self.shared.journal.as_ref()).await?;
            if page.is_empty() {
                return Ok(());
            }
            let (closed, live): (Vec<_>, Vec<_>) =
                page.into_iter().partition(|stored| stored.phase == Phase::Closed);
            for stored in closed {
                let ending = replay::decode_note::<Ending>(&stored.ending);
                if ending.is_ok_and(|ending| ending.walk_due || ending.proof_due) {
                    drop(self.shared.settlements.follow(&self.shared, stored.channel));
                }
            }
            let places = live.iter().map(|stored| Place::of_stored(&self.shared.rules, stored));
            self.shared.schedule.extend(places);
        }
    }

    async fn close_what_is_due(&self) -> Result<(), JournalError> {
        let due = self.shared.schedule.due(self.shared.clock.now().as_unix_millis());
        stream::iter(due).map(|place| self.close(place)).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn close(&self, place: Place) -> Result<(), JournalError> {
        let channel = place.channel;
        if self.shared.mark_closing(channel).await? {
            tracing::info!(%channel, "the channel's time has come and it is closed");
        } else if let Ok(Some(stored)) = self.shared.journal.channel(channel).await
            && stored.phase == Phase::Closed
        {
            // It was closed between its row's being read and its being taken into the schedule.
            self.shared.schedule.remove(&place);
        }
        self.shared.schedule.mark(&place);
        Ok(())
    }

    /// Tells streams that their channel is to be closed, and gives releases up that do not come within R, or in time.
    async fn wait_for_releases(&mut self) -> Result<(), JournalError> {
        let (mut waiting, mut given_up) = (HashMap::new(), Vec::new());
        for stored in in_phase(&self.shared, Phase::Closing).await? {
            let since = self.waiting.get(&stored.channel).copied().unwrap_or_else(Instant::now);
            if since.elapsed() < self.shared.rules.release_wait && self.can_be_released(&stored) {
                self.shared.seats.ask_to_close(stored.channel);
                waiting.insert(stored.channel, since);
            } else {
                given_up.push(stored.channel);
            }
        }
        self.waiting = waiting;
        let claims = stream::iter(given_up).map(|channel| self.claim(channel));
        claims.buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn claim(&self, channel: ChannelId) -> Result<(), JournalError> {
        let claim = Advance::new(channel, Phase::Closing, Phase::Claiming);
        match self.shared.journal.save(Change::Advance(claim)).await {
            Ok(()) => tracing::info!(%channel, "no release: the channel is closed by token"),
            Err(JournalError::Conflict) => {}
            Err(error) => return Err(error),
        }
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
            match close_all_of(&shared, bank).await {
                Err(error) if error.is_fatal() => return shared.fail(error),
                Err(error) => tracing::warn!(%error, "channels are not closed yet"),
                Ok(()) => {}
            }
        }
    }
}

/// Marks all open channels of one bank.
async fn close_all_of(shared: &Shared, bank: &PublicKey) -> Result<(), JournalError> {
    let is_its = |stored: &StoredChannel| {
        let facts = replay::decode_note::<Facts>(&stored.facts);
        facts.is_ok_and(|facts| facts.record.opening().terms().bank_key == *bank)
    };
    let open = in_phase(shared, Phase::Open).await?.into_iter().filter(is_its);
    let marks = stream::iter(open).map(|stored| async move { shared.mark_closing(stored.channel).await });
    marks.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await
}
