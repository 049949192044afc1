//! The refund: after the time lock the client takes everything back that no close has taken [Spec §8].

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState, Refund};
use lockstep_protocol::time::Timestamp;

use super::{Ending, Wallet, WalletError};
use crate::ledger::{LedgerError, Submitted, TransactionId};
use crate::party::replay;
use crate::store::{Advance, Change, Phase, StoredChannel};

/// A channel that is refunded.
#[derive(Clone, Debug)]
pub struct Refunded {
    /// The record as the own peer has it.
    pub record: ChannelRecord,
    /// The refunding transaction and its block; `None` if the channel was refunded before.
    pub transaction: Option<(TransactionId, u64)>,
}

/// From when a channel can be refunded: its expiry, and D behind it, because a refund needs ts − D ≥ expiry [Spec §8].
#[must_use]
pub fn refundable_from(record: &ChannelRecord) -> Option<Timestamp> {
    record.opening().terms().expiry.checked_add(record.max_drift().as_duration())
}

impl Wallet {
    /// Refunds an expired channel and writes down that it is over. The same again is success. Needs nothing of the vendor, and
    /// signs nothing: a channel that is stopped, or that this journal does not have, is refunded all the same.
    ///
    /// # Errors
    /// [`WalletError::TooEarly`] says from when; [`WalletError::Ended`] if the channel ended otherwise.
    pub async fn refund(&self, channel: ChannelId) -> Result<Refunded, WalletError> {
        let stored = self.journal.channel(channel).await?;
        let Some(record) = self.ledger.channel(channel).await? else {
            return Err(match stored.map(|stored| stored.phase) {
                None => WalletError::UnknownChannel(channel),
                Some(Phase::Granted) => WalletError::NeverOpened(channel),
                Some(_) => WalletError::NotOnLedger(channel),
            });
        };
        let submitted = match record.state() {
            ChannelState::Refunded => None,
            ChannelState::Open => self.submit_refund(&record).await?,
            state => return Err(WalletError::Ended { channel, state }),
        };
        // Read from the own peer, and not taken from the answer.
        let record = self.ledger.channel(channel).await?.ok_or(WalletError::NotOnLedger(channel))?;
        if record.state() != ChannelState::Refunded {
            return Err(WalletError::Ended { channel, state: record.state() });
        }
        if let Some(stored) = stored {
            self.write_end(&stored, record.state()).await?;
        }
        Ok(Refunded { record, transaction: submitted.map(|done| (done.tx_id, done.block)) })
    }

    /// Submits, if it is time; `None` if the peers refuse because the channel has ended meanwhile: the bank refunds as well.
    async fn submit_refund(
        &self,
        record: &ChannelRecord,
    ) -> Result<Option<Submitted<ChannelRecord>>, WalletError> {
        let channel = record.channel_id();
        let from = refundable_from(record).filter(|from| *from <= self.clock.now());
        if from.is_none() {
            let expiry = record.opening().terms().expiry;
            return Err(WalletError::TooEarly { channel, from: refundable_from(record).unwrap_or(expiry) });
        }
        match self.ledger.refund(&Refund::new(channel)).await {
            Ok(submitted) => Ok(Some(submitted)),
            Err(error @ LedgerError::Refused(_)) => match self.ledger.channel(channel).await? {
                Some(now) if now.state() != ChannelState::Open => Ok(None),
                _ => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn write_end(&self, stored: &StoredChannel, state: ChannelState) -> Result<(), WalletError> {
        if stored.phase == Phase::Closed {
            return Ok(());
        }
        let ending = Ending { ended: Some(state), ..replay::decode_note(&stored.ending)? };
        let advance = Advance {
            at: Some(stored.n),
            ending: Some(replay::encode_note(&ending)),
            ..Advance::new(stored.channel, stored.phase, Phase::Closed)
        };
        Ok(self.journal.save(Change::Advance(advance)).await?)
    }
}
