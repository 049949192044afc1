//! From the release, or without one, to the close on the ledger. Every step is durable before the next begins, so a restart goes
//! on where it was.
//!
//! A settlement does not give up: what was accepted is the vendor's, and only an ending on the ledger ends its claim. Nor does the
//! close wait for the receipts, of which there may be a million, once its own time has come: they are recovered behind it then.

use std::time::Duration;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::refusal::Refusal;
use tokio::sync::watch;

use super::settlements::Step;
use super::shared::Shared;
use super::unlock::{self, UnlockError};
use super::{Ending, Facts, accuse, close, repeats};
use crate::ledger::LedgerError;
use crate::party::replay::{self, DamagedRow};
use crate::store::{Advance, Change, JournalError, Phase, StoredChannel};

/// First pause before something is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How often a walk looks at the clock, which may be set meanwhile.
const LOOK: Duration = Duration::from_millis(250);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Pauses between attempts, each twice as long as the one before it, up to a bound.
#[derive(Debug)]
pub(super) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// Pauses of at most L: there must be time for several attempts before a channel expires.
    pub(super) fn new(shared: &Shared) -> Self {
        let longest = LONGEST_PAUSE.min(shared.rules.commit_bound).max(FIRST_PAUSE);
        Self { next: FIRST_PAUSE, longest }
    }

    /// Waits.
    pub(super) async fn pause(&mut self) {
        self.pause_at_most(Duration::MAX).await;
    }

    /// Waits, but not longer than that.
    pub(super) async fn pause_at_most(&mut self, longest: Duration) {
        tokio::time::sleep(self.next.min(longest)).await;
        self.next = (self.next * 2).min(self.longest);
    }
}

/// Why a step of a settlement failed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettleError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Damaged(#[from] DamagedRow),
    #[error(transparent)]
    Unlock(UnlockError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<UnlockError> for SettleError {
    fn from(error: UnlockError) -> Self {
        match error {
            UnlockError::Journal(error) => Self::Journal(error),
            error => Self::Unlock(error),
        }
    }
}

impl From<repeats::RepeatError> for SettleError {
    fn from(error: repeats::RepeatError) -> Self {
        match error {
            repeats::RepeatError::Journal(error) => Self::Journal(error),
            // Nothing is compared here, so nothing is refused.
            repeats::RepeatError::Damaged(_) | repeats::RepeatError::Refused(_) => Self::Damaged(DamagedRow),
        }
    }
}

/// Settles a channel, publishing what it reaches. Ends with the ending on the ledger, or with a journal that cannot be written.
pub(super) async fn run(shared: &Shared, channel: ChannelId, publish: &watch::Sender<Vec<Step>>) {
    let mut told = Told { publish, unlocked: false, disputed: false };
    let mut pauses = Pauses::new(shared);
    loop {
        match settle(shared, channel, &mut told).await {
            Ok(()) => return,
            Err(SettleError::Journal(error)) if error.is_fatal() => {
                shared.fail(error);
                return told.say(Step::Failed(Refusal::VendorUnavailable));
            }
            // Another process moved the channel, or nothing can be read now: look again.
            Err(error) => tracing::error!(%channel, %error, "a settlement is interrupted, and goes on"),
        }
        pauses.pause().await;
    }
}

/// What those who follow a settlement were told.
struct Told<'a> {
    publish: &'a watch::Sender<Vec<Step>>,
    unlocked: bool,
    disputed: bool,
}

impl Told<'_> {
    fn say(&self, step: Step) {
        self.publish.send_modify(|steps| steps.push(step));
    }
}

async fn settle(shared: &Shared, channel: ChannelId, told: &mut Told<'_>) -> Result<(), SettleError> {
    loop {
        let stored = shared.journal.channel(channel).await?.ok_or(DamagedRow)?;
        let mut ending: Ending = replay::decode_note(&stored.ending)?;
        if let Some(unlocked) = ending.unlocked
            && !told.unlocked
        {
            told.say(Step::Unlocked(unlocked));
            told.unlocked = true;
        }
        match stored.phase {
            Phase::Released => {
                if !walk_in_time(shared, &stored).await? {
                    tracing::warn!(%channel, "the receipts take too long: the channel is closed before them");
                    close::by_release(shared, &stored, ending).await?;
                }
            }
            Phase::Disputed => {
                if !told.disputed {
                    told.say(Step::Failed(Refusal::BadRelease));
                    told.disputed = true;
                }
                accuse::before_the_close(shared, &stored, &mut ending).await?;
                close::by_release(shared, &stored, ending).await?;
            }
            Phase::Unlocked => close::by_release(shared, &stored, ending).await?,
            Phase::Claiming => close::by_token(shared, &stored, ending).await?,
            Phase::Closed if ending.walk_due => walk(shared, &stored).await?,
            Phase::Closed => {
                if ending.proof_due {
                    told.say(Step::Failed(Refusal::BadRelease));
                }
                told.say(match (ending.settled.clone(), ending.refused) {
                    (Some(settled), _) => Step::Settled(settled),
                    (None, refused) => Step::Failed(refused.unwrap_or(Refusal::ChannelClosing)),
                });
                return accuse::after_the_close(shared, &stored, ending).await;
            }
            Phase::Granted | Phase::Open | Phase::Closing | Phase::Stopped => return Ok(()),
        }
    }
}

/// Walks until the close can wait no longer; tells whether the walk came to its end.
async fn walk_in_time(shared: &Shared, stored: &StoredChannel) -> Result<bool, SettleError> {
    let Facts { record } = replay::decode_note(&stored.facts)?;
    let time_is_up = async {
        loop {
            let left = shared.times(&record).until_the_close();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
    };
    tokio::select! {
        biased;
        () = time_is_up => Ok(false),
        // What it has stored stays stored, and the walk behind the close goes on from there.
        walked = walk(shared, stored) => walked.map(|()| true),
    }
}

/// Recovers the receipts. The release is good, so the vendor is paid whatever the walk finds; a journal whose payments cannot be
/// read back costs the receipts and nothing else.
async fn walk(shared: &Shared, stored: &StoredChannel) -> Result<(), SettleError> {
    match unlock::unlock(shared, stored).await {
        Err(error @ (UnlockError::Damaged(_) | UnlockError::Order(_) | UnlockError::Release(_))) => {
            tracing::error!(channel = %stored.channel, %error, "the receipts below are lost");
            let (_, lost) = unlock::destinations(stored.phase);
            let ending = Ending { walk_due: false, ..replay::decode_note(&stored.ending)? };
            let ending = Some(replay::encode_note(&ending));
            let advance = Advance { ending, ..Advance::new(stored.channel, stored.phase, lost) };
            Ok(shared.journal.save(Change::Advance(advance)).await?)
        }
        walked => Ok(walked?),
    }
}
