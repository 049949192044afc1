//! A wallet that was restored from a copy: it refunds and reads, and never pays or releases on the channels that it finds [Spec §4].

use lockstep_protocol::hash::ChannelId;

use super::request::AskError;
use super::{Wallet, WalletError};
use crate::store::{Advance, Change, Phase};

impl Wallet {
    /// Marks every channel on which this wallet could sign something new as stopped, and forgets a request that waits for the bank's
    /// answer: the wallet of which this is a copy may have gone on with all of them. Tells which channels it stopped; the same again
    /// stops none. A channel that was released stays so: nothing but the stored release is ever given on it.
    ///
    /// # Errors
    /// [`AskError`]; what was stopped before stays stopped.
    pub async fn restored(&self) -> Result<Vec<ChannelId>, AskError> {
        // First, since what the bank answers to it would be a channel that can be paid on.
        if self.asked()?.is_some() {
            self.forget_request()?;
        }
        let mut stopped = Vec::new();
        for phase in [Phase::Granted, Phase::Open] {
            while let Some(channel) = self.first_in(phase).await? {
                let mark = Change::Advance(Advance::new(channel, phase, Phase::Stopped));
                self.journal.save(mark).await.map_err(WalletError::from)?;
                stopped.push(channel);
            }
        }
        Ok(stopped)
    }

    async fn first_in(&self, phase: Phase) -> Result<Option<ChannelId>, WalletError> {
        let first = self.journal.channels_in(phase, 0, 1).await?;
        Ok(first.first().map(|stored| stored.channel))
    }
}
