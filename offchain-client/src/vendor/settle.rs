//! From the release to the close on the ledger. Every step is durable before the next begins, so a restart goes on where it was.

use std::time::Duration;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::CloseByRelease;
use lockstep_protocol::refusal::Refusal;
use tokio::sync::watch;

use super::settlements::Step;
use super::shared::Shared;
use super::unlock::{self, UnlockError};
use super::{Ending, repeats};
use crate::ledger::LedgerError;
use crate::party::replay::{self, DamagedRow};
use crate::store::{Advance, Change, JournalError, Phase, StoredChannel};
use crate::stream::Settled;

/// First pause before the ledger is asked again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Settles a channel that is released, publishing what it reaches.
pub(super) async fn run(shared: &Shared, channel: ChannelId, publish: &watch::Sender<Vec<Step>>) {
    let failed = match settle(shared, channel, publish).await {
        Ok(()) => return,
        Err(failed) => failed,
    };
    tracing::error!(%channel, error = %failed, "a settlement does not go on");
    let refusal = match failed {
        SettleError::Journal(error) | SettleError::Unlock(UnlockError::Journal(error))
            if error.is_fatal() =>
        {
            shared.fail(error);
            Refusal::VendorUnavailable
        }
        SettleError::Ledger(LedgerError::Refused(refusal)) => refusal,
        SettleError::Unlock(UnlockError::Release(_)) => Refusal::BadRelease,
        _ => Refusal::VendorUnavailable,
    };
    publish.send_modify(|steps| steps.push(Step::Failed(refusal)));
}

#[derive(Debug, thiserror::Error)]
enum SettleError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Damaged(#[from] DamagedRow),
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("{0}")]
    Last(&'static str),
}

impl From<repeats::RepeatError> for SettleError {
    fn from(error: repeats::RepeatError) -> Self {
        match error {
            repeats::RepeatError::Journal(error) => Self::Journal(error),
            repeats::RepeatError::Damaged(error) => Self::Damaged(error),
            repeats::RepeatError::Refused(_) => Self::Last("a stored payment was refused"),
        }
    }
}

async fn settle(
    shared: &Shared,
    channel: ChannelId,
    publish: &watch::Sender<Vec<Step>>,
) -> Result<(), SettleError> {
    let mut told_unlocked = false;
    loop {
        let stored = shared.journal.channel(channel).await?.ok_or(DamagedRow)?;
        let ending: Ending = replay::decode_note(&stored.ending)?;
        if let Some(unlocked) = ending.unlocked
            && !told_unlocked
        {
            publish.send_modify(|steps| steps.push(Step::Unlocked(unlocked)));
            told_unlocked = true;
        }
        match stored.phase {
            Phase::Released => unlock::unlock(shared, &stored).await?,
            Phase::Unlocked => close(shared, &stored, ending).await?,
            Phase::Closed => {
                if let Some(settled) = ending.settled {
                    publish.send_modify(|steps| steps.push(Step::Settled(settled)));
                }
                return Ok(());
            }
            Phase::Disputed => {
                publish.send_modify(|steps| steps.push(Step::Failed(Refusal::BadRelease)));
                return Ok(());
            }
            Phase::Granted | Phase::Open | Phase::Closing | Phase::Stopped => return Ok(()),
        }
    }
}

/// Submits the close by release until the ledger has it. The command is the same bytes whenever it is made, and the same again is
/// success, so an outcome that is not known is simply asked for again.
async fn close(shared: &Shared, stored: &StoredChannel, mut ending: Ending) -> Result<(), SettleError> {
    let release = ending.release.ok_or(DamagedRow)?;
    let last = repeats::payment(&*shared.journal, stored.channel, stored.n).await?;
    let command = CloseByRelease::sign(*last.fields(), release, &shared.key);
    let mut pause = FIRST_PAUSE;
    let submitted = loop {
        match shared.ledger.close_by_release(&command).await {
            Ok(submitted) => break submitted,
            Err(error) if error.is_temporary() => {
                tracing::warn!(channel = %stored.channel, %error, "the close is submitted again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    };
    // The answer is the record as it stands: it must hold this very close.
    if submitted.record.release().map(|release| release.fields.tx()) != Some(last.tx()) {
        return Err(SettleError::Last("the ledger's record holds another close"));
    }
    ending.settled = Some(Settled {
        tx_id: submitted.tx_id,
        block: submitted.block,
        micros: u64::try_from(submitted.timing.total().as_micros()).unwrap_or(u64::MAX),
        units: last.fields().released,
    });
    let ending = Some(replay::encode_note(&ending));
    let advance = Advance { ending, ..Advance::new(stored.channel, Phase::Unlocked, Phase::Closed) };
    Ok(shared.journal.save(Change::Advance(advance)).await?)
}
