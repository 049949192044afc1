//! A journal with a fault: a change that is not stored as it should be, or a read that is not what is stored.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use lockstep::store::{
    Change, Journal, JournalError, Phase, SqliteJournal, StoredBatch, StoredChannel, StoredEvidence,
    StoredReceipts, Ticket,
};
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::units::PaymentNumber;

/// What goes wrong with a journal; nothing, unless it says so.
#[async_trait]
pub(crate) trait Fault: fmt::Debug + Send + Sync {
    /// Instead of storing a change.
    async fn submit(&self, inner: &SqliteJournal, change: Change) -> Result<Ticket, JournalError>;

    /// Instead of reading a channel.
    async fn channel(
        &self,
        inner: &SqliteJournal,
        id: ChannelId,
    ) -> Result<Option<StoredChannel>, JournalError> {
        inner.channel(id).await
    }
}

/// A journal with this fault.
#[derive(Debug)]
pub(crate) struct Faulty<F> {
    inner: SqliteJournal,
    fault: F,
}

impl<F: Fault> Faulty<F> {
    pub(crate) async fn open(path: &Path, fault: F) -> Arc<Self> {
        Arc::new(Self { inner: SqliteJournal::open(path).await.unwrap(), fault })
    }
}

#[async_trait]
impl<F: Fault> Journal for Faulty<F> {
    async fn submit(&self, change: Change) -> Result<Ticket, JournalError> {
        self.fault.submit(&self.inner, change).await
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<StoredChannel>, JournalError> {
        self.fault.channel(&self.inner, id).await
    }

    async fn channels(&self, after: i64, limit: u32) -> Result<Vec<StoredChannel>, JournalError> {
        self.inner.channels(after, limit).await
    }

    async fn channels_in(
        &self,
        phase: Phase,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredChannel>, JournalError> {
        self.inner.channels_in(phase, after, limit).await
    }

    async fn batch_up_to(
        &self,
        id: ChannelId,
        n: PaymentNumber,
    ) -> Result<Option<StoredBatch>, JournalError> {
        self.inner.batch_up_to(id, n).await
    }

    async fn receipts_from(
        &self,
        id: ChannelId,
        n: PaymentNumber,
    ) -> Result<Option<StoredReceipts>, JournalError> {
        self.inner.receipts_from(id, n).await
    }

    async fn evidence(&self, id: ChannelId) -> Result<Vec<StoredEvidence>, JournalError> {
        self.inner.evidence(id).await
    }
}
