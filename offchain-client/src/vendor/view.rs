//! The vendor's view of one channel on the ledger: what its own organisation's peer said, and how long ago [Spec §6].

use std::sync::Arc;
use std::time::Duration;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::payee::LedgerView;
use lockstep_protocol::refusal::Refusal;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::ledger::{Ledger, LedgerError};
use crate::party::Clock;

/// What a look at the ledger shows: the channel's state, or that the ledger refuses this vendor's clock.
type Look = Result<LedgerView, Refusal>;

/// A view that is kept fresh. A failed look leaves the last view as it was, so it grows old and is refused then.
#[derive(Debug)]
pub(super) struct View {
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    channel: ChannelId,
    bank: PublicKey,
    /// The oldest view on which a payment is accepted: half of the safety margin.
    oldest: Duration,
    seen: Option<Look>,
    looking: Option<JoinHandle<Result<Look, LedgerError>>>,
    next_look: Instant,
}

impl View {
    /// A view that has not looked yet; the first look is due at once.
    pub(super) fn new(
        ledger: Arc<dyn Ledger>,
        clock: Clock,
        (channel, bank): (ChannelId, PublicKey),
        oldest: Duration,
    ) -> Self {
        Self { ledger, clock, channel, bank, oldest, seen: None, looking: None, next_look: Instant::now() }
    }

    /// Keeps the view fresh; to be polled beside everything else. Resolves when a look has ended, with what it showed; may be
    /// cancelled.
    pub(super) async fn keep_fresh(&mut self) -> Option<Look> {
        if self.looking.is_none() {
            tokio::time::sleep_until(self.next_look).await;
        }
        let looking = self.looking.get_or_insert_with(|| {
            let (ledger, clock) = (Arc::clone(&self.ledger), self.clock.clone());
            tokio::spawn(look(ledger, clock, self.channel, self.bank))
        });
        let looked = looking.await;
        self.looking = None;
        // Twice as often as the view grows too old, so that one failed look costs nothing.
        self.next_look = Instant::now() + self.oldest / 2;
        match looked {
            Ok(Ok(look)) => {
                self.seen = Some(look);
                return Some(look);
            }
            Ok(Err(error)) => tracing::warn!(channel = %self.channel, %error, "the ledger was not read"),
            Err(error) => tracing::error!(channel = %self.channel, %error, "a look at the ledger was lost"),
        }
        None
    }

    /// The view by which payments are judged; looks if the last view is too old, or was a refusal.
    ///
    /// # Errors
    /// The ledger refuses this vendor's clock, or has not answered for too long.
    pub(super) async fn current(&mut self) -> Look {
        if let Some(view) = self.fresh() {
            return Ok(view);
        }
        self.next_look = Instant::now();
        self.keep_fresh().await.unwrap_or(Err(Refusal::LedgerViewStale))
    }

    fn fresh(&self) -> Option<LedgerView> {
        let (now, view) = (self.clock.now(), self.seen?.ok()?);
        view.seen.checked_add(self.oldest).is_none_or(|end| end >= now).then_some(view)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Some(looking) = &self.looking {
            looking.abort();
        }
    }
}

async fn look(
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    channel: ChannelId,
    bank: PublicKey,
) -> Result<Look, LedgerError> {
    // The age counts from before the question was asked.
    let seen = clock.now();
    // `Bank` alone applies the clock check: a vendor that it refuses for its clock accepts nothing [Spec §8].
    if let Err(error) = ledger.bank(&bank).await {
        return match error.refusal() {
            Some(Refusal::ClockOff) => Ok(Err(Refusal::VendorClockOff)),
            _ => Err(error),
        };
    }
    let record = ledger.channel(channel).await?;
    Ok(record.map_or(Err(Refusal::NotOpenOnLedger), |record| Ok(LedgerView { state: record.state(), seen })))
}
