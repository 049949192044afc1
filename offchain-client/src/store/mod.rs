//! The journal of a payment role: what the wallet and the vendor must still know after a crash.
//!
//! Payments are kept as whole batches, and many writes share one flush: a write waits in a queue while the flush before it is
//! under way, and everything that waits goes into the next one. Every append is conditional on the payment before
//! it and on the channel being open, so two processes on one store cannot both go on from one payment [Spec §6].
//!
//! Readers get one row at a time; nothing here grows with the number of payments in a channel.

mod change;
mod phase;
mod reader;
mod sqlite;
mod stored;
mod writer;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::units::PaymentNumber;

pub use self::change::{Advance, Append, Change, Evidence, NewChannel, Receipts};
pub use self::phase::{Phase, UnknownPhase};
pub(crate) use self::reader::ChannelReader;
pub use self::sqlite::SqliteJournal;
pub use self::stored::{StoredBatch, StoredChannel, StoredEvidence, StoredReceipts};
pub use self::writer::Ticket;

/// Why the journal did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The change does not follow from what is stored: another process wrote first, or the channel is in another phase.
    /// Nothing was written. Read the channel again.
    #[error("the journal has moved on since it was read; read the channel again")]
    Conflict,
    /// Writing or flushing failed. Nothing after the last acknowledged write is certain; the role must stop.
    #[error(
        "the journal {path} cannot be written ({reason}); nothing more is done until it can: check the disk's space and health, then start again"
    )]
    Write {
        /// The file.
        path: String,
        /// What the database said.
        reason: String,
    },
    /// Opening or reading failed.
    #[error("the journal {path} cannot be read ({reason})")]
    Read {
        /// The file.
        path: String,
        /// What the database said.
        reason: String,
    },
    /// The journal holds something that this role never wrote.
    #[error(
        "the journal {path} is damaged: {what}; restore it from a copy, or settle the channel without it"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
}

impl JournalError {
    /// Whether the role must stop: what is durable is not known any more.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Write { .. })
    }
}

/// A durable journal of channels and their payments.
#[async_trait]
pub trait Journal: std::fmt::Debug + Send + Sync {
    /// Queues a change; changes are applied in the order in which they are queued. The ticket resolves when it is durable.
    /// Waits while too many changes are queued.
    ///
    /// # Errors
    /// [`JournalError::Write`] if an earlier write failed: the journal takes nothing any more.
    async fn submit(&self, change: Change) -> Result<Ticket, JournalError>;

    /// One channel.
    ///
    /// # Errors
    /// [`JournalError::Read`], [`JournalError::Damaged`].
    async fn channel(&self, id: ChannelId) -> Result<Option<StoredChannel>, JournalError>;

    /// Up to `limit` channels after the given place in the order of creation; a channel's place is in [`StoredChannel::place`].
    ///
    /// # Errors
    /// [`JournalError::Read`], [`JournalError::Damaged`].
    async fn channels(&self, after: i64, limit: u32) -> Result<Vec<StoredChannel>, JournalError>;

    /// As [`Journal::channels`], only those in one phase.
    ///
    /// # Errors
    /// [`JournalError::Read`], [`JournalError::Damaged`].
    async fn channels_in(
        &self,
        phase: Phase,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredChannel>, JournalError>;

    /// The batch with the highest first number that is not above `n`: the one that holds payment `n`, if there is such a payment.
    ///
    /// # Errors
    /// [`JournalError::Read`], [`JournalError::Damaged`].
    async fn batch_up_to(&self, id: ChannelId, n: PaymentNumber)
    -> Result<Option<StoredBatch>, JournalError>;

    /// The stored receipts with the lowest first number that is not below `n`.
    ///
    /// # Errors
    /// [`JournalError::Read`], [`JournalError::Damaged`].
    async fn receipts_from(
        &self,
        id: ChannelId,
        n: PaymentNumber,
    ) -> Result<Option<StoredReceipts>, JournalError>;

    /// What was found wrong in a channel.
    ///
    /// # Errors
    /// [`JournalError::Read`], [`JournalError::Damaged`].
    async fn evidence(&self, id: ChannelId) -> Result<Vec<StoredEvidence>, JournalError>;

    /// Queues a change and waits until it is durable.
    ///
    /// # Errors
    /// [`JournalError::Conflict`], [`JournalError::Write`].
    async fn save(&self, change: Change) -> Result<(), JournalError> {
        let mut ticket = self.submit(change).await?;
        ticket.durable().await
    }
}
