//! Closing on the ledger: by the client's release while there is time, then by token [Spec §6, §7].
//!
//! Commands are the same bytes whenever they are made, and the same again is success, so an outcome that is not known is simply
//! asked for again: after L at the latest, since a transaction that an orderer lost is never heard of. Behind the close by release the
//! margin has room for two token closes of that length [Spec §6]; no attempt and no pause takes any of it.

use lockstep_protocol::ledger::{ChannelRecord, ChannelState, CloseByRelease};
use lockstep_protocol::payee::Claiming;
use lockstep_protocol::payment::Head;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::units::Units;
use tokio::time::timeout;

use super::dates::Dates;
use super::repeats::{self, RepeatError};
use super::schedule::Place;
use super::settle::{Pauses, SettleError};
use super::shared::Shared;
use super::{Ending, Facts};
use crate::ledger::{LedgerError, Submitted};
use crate::party::replay;
use crate::store::{Advance, Change, Phase, StoredChannel};
use crate::stream::Settled;

/// Closes by release. From the first refusal on, or when the time is needed for it, only token closes are left. A channel whose
/// receipts are not recovered yet is walked afterwards.
pub(super) async fn by_release(
    shared: &Shared,
    stored: &StoredChannel,
    mut ending: Ending,
) -> Result<(), SettleError> {
    ending.walk_due = stored.phase == Phase::Released;
    let Some(command) = release(shared, stored, &ending).await? else {
        return claim(shared, stored, ending, None).await;
    };
    let head = replay::decode_head(&stored.head)?;
    let facts: Facts = replay::decode_note(&stored.facts)?;
    let mut pauses = Pauses::new(shared);
    loop {
        let limit = shared.times(&facts.record).for_a_release();
        if limit.is_zero() {
            break;
        }
        let attempt = in_turn(shared, stored, shared.ledger.close_by_release(&command));
        let error = match timeout(limit, attempt).await.unwrap_or(Err(LedgerError::Unheard { limit })) {
            Ok(submitted) if is_this_release(&submitted.record, &head) => {
                return settled(shared, stored, ending, &submitted, head.released()).await;
            }
            Ok(_) => LedgerError::Violation { what: "the record holds another close".to_owned() },
            Err(error) => error,
        };
        // A clock that is off is no word about the close.
        let refused = error.refusal().copied().filter(|refusal| *refusal != Refusal::ClockOff);
        tracing::warn!(channel = %stored.channel, %error, "the close by release is not taken");
        if refused.is_some() {
            return claim(shared, stored, ending, refused).await;
        }
        pauses.pause_at_most(shared.times(&facts.record).for_a_release()).await;
    }
    tracing::warn!(channel = %stored.channel, "there is no time for a close by release");
    claim(shared, stored, ending, None).await
}

/// Closes by token, or claims on a frozen channel, until the ledger has it or another ending.
pub(super) async fn by_token(
    shared: &Shared,
    stored: &StoredChannel,
    ending: Ending,
) -> Result<(), SettleError> {
    let head = replay::decode_head(&stored.head)?;
    let units = head.released();
    let command = Claiming::resume(head).command(&shared.key);
    // A channel whose record cannot be read back is claimed by the clock alone.
    let facts = replay::decode_note::<Facts>(&stored.facts);
    let mut dates = facts.ok().map(|Facts { record }| Dates::of(&record));
    let mut pauses = Pauses::new(shared);
    loop {
        let latest = dates.as_mut().and_then(|dates| dates.next(shared.clock.now()));
        let error = match in_turn(shared, stored, shared.ledger.close_by_token(&command, latest)).await {
            Ok(submitted) if submitted.record.claim().is_some_and(|claim| claim.units == units) => {
                return settled(shared, stored, ending, &submitted, units).await;
            }
            Ok(_) => LedgerError::Violation { what: "the record holds another claim".to_owned() },
            Err(error) => error,
        };
        tracing::warn!(channel = %stored.channel, %error, "the token is not taken yet");
        // A date that is refused is no word about the claim.
        let refusal = match (error.refusal().copied(), &mut dates) {
            (Some(Refusal::ClockOff), Some(dates)) if latest.is_some() => {
                dates.refused();
                None
            }
            (refusal, _) => refusal,
        };
        if let Some(refusal) = refusal
            && let Ok(Some(record)) = shared.ledger.channel(stored.channel).await
        {
            if is_this_release(&record, &head)
                && let Some(command) = release(shared, stored, &ending).await?
            {
                // The close by release came through after all; the same again tells its transaction.
                let submitted = shared.ledger.close_by_release(&command).await?;
                return settled(shared, stored, ending, &submitted, units).await;
            }
            if is_over(record.state()) {
                return lost(shared, stored, ending, (record.state(), refusal)).await;
            }
        }
        // One that was not heard of for L has waited long enough.
        if !matches!(error, LedgerError::Unheard { .. }) {
            pauses.pause().await;
        }
    }
}

/// Waits for the channel's turn, and then for the close for L at most: the margin has room for two that long.
async fn in_turn(
    shared: &Shared,
    stored: &StoredChannel,
    close: impl Future<Output = Result<Submitted<ChannelRecord>, LedgerError>>,
) -> Result<Submitted<ChannelRecord>, LedgerError> {
    let _turn = shared.turn(stored).await;
    let limit = shared.rules.commit_bound;
    timeout(limit, close).await.unwrap_or(Err(LedgerError::Unheard { limit }))
}

/// Whether a channel in this state pays the vendor nothing more on the vendor's word.
fn is_over(state: ChannelState) -> bool {
    !matches!(state, ChannelState::Open | ChannelState::Frozen)
}

fn is_this_release(record: &ChannelRecord, head: &Head) -> bool {
    record.release().is_some_and(|release| release.fields.tx() == head.tx())
}

/// The close by release, if the journal still has what it takes.
async fn release(
    shared: &Shared,
    stored: &StoredChannel,
    ending: &Ending,
) -> Result<Option<CloseByRelease>, SettleError> {
    let Some(signature) = ending.release else { return Ok(None) };
    match repeats::payment(&*shared.journal, stored.channel, stored.n).await {
        Ok(last) => Ok(Some(CloseByRelease::sign(*last.fields(), signature, &shared.key))),
        Err(RepeatError::Journal(error)) => Err(error.into()),
        Err(_) => {
            tracing::error!(channel = %stored.channel, "the last payment cannot be read back");
            Ok(None)
        }
    }
}

/// From here on only token closes.
async fn claim(
    shared: &Shared,
    stored: &StoredChannel,
    mut ending: Ending,
    refused: Option<Refusal>,
) -> Result<(), SettleError> {
    ending.refused = refused;
    let ending = Some(replay::encode_note(&ending));
    let advance = Advance { ending, ..Advance::new(stored.channel, stored.phase, Phase::Claiming) };
    Ok(shared.journal.save(Change::Advance(advance)).await?)
}

async fn settled(
    shared: &Shared,
    stored: &StoredChannel,
    mut ending: Ending,
    submitted: &Submitted<ChannelRecord>,
    units: Units,
) -> Result<(), SettleError> {
    ending.settled = Some(Settled {
        tx_id: submitted.tx_id.clone(),
        block: submitted.block,
        micros: u64::try_from(submitted.timing.total().as_micros()).unwrap_or(u64::MAX),
        units,
    });
    closed(shared, stored, &ending).await
}

/// The ledger holds an ending that is not the vendor's.
async fn lost(
    shared: &Shared,
    stored: &StoredChannel,
    mut ending: Ending,
    (state, refusal): (ChannelState, Refusal),
) -> Result<(), SettleError> {
    tracing::error!(channel = %stored.channel, ?state, "the channel ended without this vendor's close");
    ending.refused = Some(refusal);
    closed(shared, stored, &ending).await
}

async fn closed(shared: &Shared, stored: &StoredChannel, ending: &Ending) -> Result<(), SettleError> {
    let ending = Some(replay::encode_note(ending));
    let advance = Advance { ending, ..Advance::new(stored.channel, stored.phase, Phase::Closed) };
    shared.journal.save(Change::Advance(advance)).await?;
    shared.schedule.remove(&Place::of_stored(&shared.rules, stored));
    Ok(())
}
