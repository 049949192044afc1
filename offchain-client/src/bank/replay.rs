//! Before the bank serves: what the ledger has and the books have not is posted, from the records of the own peer.
//!
//! Books that are older than the ledger, as after a restore, would else grant a request again whose channel is on the
//! ledger already, or show money that is not there any more. The events that come afterwards find it done.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState};

use super::Bank;
use super::books::{Applied, ApplyError};
use crate::ledger::{Ledger, LedgerError, PageRequest, Party};

/// What a start has found on the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Channels that the ledger has of this bank.
    pub channels: u64,
    /// Changes that were posted.
    pub posted: u64,
    /// Changes that raised an alarm.
    pub alarms: u64,
}

/// Why the bank cannot catch up with the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The own peer does not answer; start again when it does.
    #[error("the bank cannot catch up with the ledger")]
    Ledger(#[from] LedgerError),
    /// The books fail.
    #[error(transparent)]
    Books(#[from] ApplyError),
}

impl Replayed {
    fn add(&mut self, applied: Applied) {
        self.posted += u64::from(applied.posted);
        self.alarms += u64::from(applied.alarms);
    }
}

impl Bank {
    /// Posts everything that the own peer has of this bank's channels and the books have not. Openings come first, all
    /// of them, as they did on the ledger: one may take over a reserve that a cancellation would free. Records that
    /// cannot be read are left to the events, which set their channels aside.
    ///
    /// # Errors
    /// [`ReplayError`]; what has been posted stays posted.
    pub async fn replay(&self, ledger: &dyn Ledger) -> Result<Replayed, ReplayError> {
        self.books.set_catching_up(true).await.map_err(ApplyError::from)?;
        let mut replayed = Replayed::default();
        let mut behind = Vec::new();
        let mut page = PageRequest::default();
        loop {
            let listed = match ledger.channels(Party::Bank(*self.key()), page.clone()).await {
                Ok(listed) => listed,
                Err(error) if error.is_temporary() => return Err(error.into()),
                Err(error) => {
                    tracing::error!(%error, "the ledger's channels cannot be listed; the events will tell");
                    break;
                }
            };
            for record in &listed.channels {
                replayed.channels += 1;
                if self.open_if_missed(record, &mut replayed).await? {
                    behind.push(record.channel_id());
                }
            }
            if listed.bookmark.is_empty() {
                break;
            }
            page.bookmark = listed.bookmark;
        }
        for id in behind {
            self.post_if_missed(ledger, id, &mut replayed).await?;
        }
        self.books.set_catching_up(false).await.map_err(ApplyError::from)?;
        Ok(replayed)
    }

    /// Whether something else than the opening is to be posted too.
    async fn open_if_missed(
        &self,
        record: &ChannelRecord,
        replayed: &mut Replayed,
    ) -> Result<bool, ApplyError> {
        let known = self.books.progress(&record.channel_id()).await?;
        if known.halted || known.state.as_deref() == Some(record.state().name()) {
            return Ok(false);
        }
        replayed.add(self.catch_up_in(record, &[ChannelState::Open]).await?);
        Ok(record.state() != ChannelState::Open)
    }

    async fn post_if_missed(
        &self,
        ledger: &dyn Ledger,
        id: ChannelId,
        replayed: &mut Replayed,
    ) -> Result<(), ReplayError> {
        match ledger.channel(id).await {
            Ok(Some(record)) => replayed.add(self.catch_up(&record).await?),
            Ok(None) => {}
            Err(error) if error.is_temporary() => return Err(error.into()),
            Err(error) => {
                tracing::error!(%error, channel = %id, "the record cannot be read; the events will tell")
            }
        }
        Ok(())
    }
}
