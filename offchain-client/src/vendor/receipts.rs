//! A channel's stored receipts, put together from payments and signatures and checked forward.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::receipt::Receipt;
use lockstep_protocol::signature::Signature;
use lockstep_protocol::units::PaymentNumber;

use super::Facts;
use crate::party::replay::{self, DamagedRow};
use crate::store::{Journal, JournalError};

/// Why receipts cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptsError {
    /// The vendor has no such channel.
    #[error("this vendor has no channel {0}")]
    UnknownChannel(ChannelId),
    /// They are not recovered, or not all.
    #[error(
        "the receipts of channel {0} are not recovered: it is not released, or `lockstep vendor serve` is still at work on them"
    )]
    NotUnlocked(ChannelId),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A row of it is damaged.
    #[error(transparent)]
    Damaged(#[from] DamagedRow),
}

/// The receipts of one channel, a row of the journal at a time.
#[derive(Debug)]
pub struct ReceiptReader<'a> {
    journal: &'a dyn Journal,
    channel: ChannelId,
    opening: SignedOpening,
    next: PaymentNumber,
    last: PaymentNumber,
}

impl<'a> ReceiptReader<'a> {
    /// Begins with the first receipt of a channel that is unlocked.
    ///
    /// # Errors
    /// [`ReceiptsError`].
    pub async fn open(journal: &'a dyn Journal, channel: ChannelId) -> Result<Self, ReceiptsError> {
        let stored = journal.channel(channel).await?.ok_or(ReceiptsError::UnknownChannel(channel))?;
        let ending: super::Ending = replay::decode_note(&stored.ending)?;
        if ending.unlocked.is_none() {
            return Err(ReceiptsError::NotUnlocked(channel));
        }
        let facts: Facts = replay::decode_note(&stored.facts)?;
        let opening = facts.record.signed_opening().clone();
        Ok(Self { journal, channel, opening, next: PaymentNumber::FIRST, last: stored.n })
    }

    /// The opening with the bank's σ₀.
    #[must_use]
    pub fn opening(&self) -> &SignedOpening {
        &self.opening
    }

    /// How many receipts there are in all.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.last.as_index()
    }

    /// The next receipts, in order; empty behind the last one.
    ///
    /// # Errors
    /// [`ReceiptsError`].
    pub async fn next_row(&mut self) -> Result<Vec<Receipt>, ReceiptsError> {
        if self.next > self.last {
            return Ok(Vec::new());
        }
        let row = self.journal.batch_up_to(self.channel, self.next).await?.ok_or(DamagedRow)?;
        let signed = self.journal.receipts_from(self.channel, self.next).await?.ok_or(DamagedRow)?;
        let payments = replay::payments(&row)?;
        let (signatures, rest) = signed.signatures.as_chunks::<64>();
        let whole = row.first == self.next && signed.first == self.next && rest.is_empty();
        if !whole || signatures.len() != payments.len() {
            return Err(DamagedRow.into());
        }
        self.next = row.last().next().ok_or(DamagedRow)?;
        let receipt = |(payment, bytes): (_, &[u8; 64])| Receipt::new(payment, Signature::from_bytes(*bytes));
        Ok(payments.iter().zip(signatures).map(receipt).collect())
    }
}
