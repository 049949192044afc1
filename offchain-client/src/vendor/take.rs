//! Taking a channel: the opening is checked on the vendor's own organisation's peer, before the first payment [Spec §6].

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::payee::Receiving;
use lockstep_protocol::refusal::Refusal;

use super::Facts;
use super::schedule::{Place, millis};
use super::shared::Shared;
use crate::party::replay::{self, DamagedRow};
use crate::store::{Change, JournalError, NewChannel, Phase, StoredChannel};

/// Why a channel was not taken.
#[derive(Debug)]
pub(super) enum NotTaken {
    Refused(Refusal),
    Journal(JournalError),
    Damaged(DamagedRow),
}

impl From<Refusal> for NotTaken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Takes a channel that the journal does not have.
pub(super) async fn take(shared: &Shared, channel: ChannelId) -> Result<StoredChannel, NotTaken> {
    let record = match shared.ledger.channel(channel).await {
        Ok(Some(record)) if record.channel_id() == channel => record,
        Ok(_) => return Err(Refusal::ChannelNotSeen.into()),
        Err(error) => {
            tracing::warn!(%channel, %error, "a channel cannot be looked up");
            return Err(Refusal::VendorUnavailable.into());
        }
    };
    let now = shared.clock.now();
    let receiving = Receiving::take(&record, shared.rules.clone(), now)?;
    // Each channel that is taken has its least life, however many are to be closed around one time. That may change: others go.
    let floor = now.as_unix_millis().saturating_add(millis(shared.rules.least_life));
    if !shared.schedule.admit(Place::of(&shared.rules, &record), floor) {
        tracing::warn!(%channel, "too many channels expire around one time for another one");
        return Err(Refusal::VendorUnavailable.into());
    }
    let new = NewChannel {
        channel,
        phase: Phase::Open,
        head: replay::encode_state(*receiving.head()),
        facts: replay::encode_note(&Facts { record }),
    };
    shared.journal.save(Change::Create(new)).await.map_err(NotTaken::Journal)?;
    let stored = shared.journal.channel(channel).await.map_err(NotTaken::Journal)?;
    stored.ok_or(NotTaken::Damaged(DamagedRow))
}
