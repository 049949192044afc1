//! The vendor's view of one channel on the ledger: what its own organisation's peer said, and how long ago [Spec §6].

use std::sync::Arc;
use std::time::Duration;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::refusal::Refusal;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::ledger::{Ledger, LedgerError};

/// What a look at the ledger showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Open, and the ledger's clock is not too far off ours.
    Open,
    /// Payments on it are refused for this reason.
    Not(Refusal),
}

/// A view that is kept fresh. A failed look leaves the last view as it was, so it grows old and is refused then.
#[derive(Debug)]
pub(super) struct View {
    ledger: Arc<dyn Ledger>,
    channel: ChannelId,
    bank: PublicKey,
    /// Half of the safety margin.
    oldest: Duration,
    seen: Option<(Instant, Standing)>,
    looking: Option<JoinHandle<(Instant, Result<Standing, LedgerError>)>>,
    next_look: Instant,
}

impl View {
    /// A view of an open channel that has just been seen.
    pub(super) fn seen_open(ledger: Arc<dyn Ledger>, channel: ChannelId, bank: PublicKey, margin: Duration) -> Self {
        // Nothing is known of the bank's clock yet, so the first look is due at once.
        let now = Instant::now();
        Self { ledger, channel, bank, oldest: margin / 2, seen: None, looking: None, next_look: now }
    }

    /// Keeps the view fresh; to be polled beside everything else. Resolves when a look has ended; may be cancelled.
    pub(super) async fn keep_fresh(&mut self) {
        if self.looking.is_none() {
            tokio::time::sleep_until(self.next_look).await;
            self.looking = Some(tokio::spawn(look(Arc::clone(&self.ledger), self.channel, self.bank)));
        }
        if let Some(looking) = &mut self.looking {
            let looked = looking.await;
            self.looking = None;
            match looked {
                Ok((began, Ok(standing))) => self.seen = Some((began, standing)),
                Ok((_, Err(error))) => tracing::warn!(channel = %self.channel, %error, "the ledger was not read"),
                Err(error) => tracing::error!(channel = %self.channel, %error, "a look at the ledger was lost"),
            }
            // Twice as often as the view grows too old, so that one failed look costs nothing.
            self.next_look = Instant::now() + self.oldest / 2;
        }
    }

    /// Whether payments may be accepted by this view. Waits for one look if there is no view that is fresh enough.
    ///
    /// # Errors
    /// Why not.
    pub(super) async fn check(&mut self) -> Result<(), Refusal> {
        if self.fresh().is_none() {
            self.next_look = Instant::now();
            self.keep_fresh().await;
        }
        match self.fresh() {
            Some(Standing::Open) => Ok(()),
            Some(Standing::Not(refusal)) => Err(refusal),
            None => Err(Refusal::LedgerViewStale),
        }
    }

    fn fresh(&self) -> Option<Standing> {
        // The age counts from before the question was asked.
        self.seen.filter(|(at, _)| at.elapsed() <= self.oldest).map(|(_, standing)| standing)
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
    channel: ChannelId,
    bank: PublicKey,
) -> (Instant, Result<Standing, LedgerError>) {
    let began = Instant::now();
    (began, look_now(&*ledger, channel, bank).await)
}

async fn look_now(ledger: &dyn Ledger, channel: ChannelId, bank: PublicKey) -> Result<Standing, LedgerError> {
    // `Bank` alone applies the clock check: a vendor that it refuses for its clock accepts nothing [Spec §8].
    if let Err(error) = ledger.bank(&bank).await {
        return match error.refusal() {
            Some(Refusal::ClockOff) => Ok(Standing::Not(Refusal::VendorClockOff)),
            _ => Err(error),
        };
    }
    let record = ledger.channel(channel).await?;
    let open = record.is_some_and(|record| record.state() == ChannelState::Open);
    Ok(if open { Standing::Open } else { Standing::Not(Refusal::NotOpenOnLedger) })
}
