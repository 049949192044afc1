//! A journal and a ledger that take as long as they are told to.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lockstep::ledger::{
    ChannelPage, EventStart, HistoryEntry, Ledger, LedgerError, LedgerEvents, PageRequest, Party, Submitted,
};
use lockstep::store::{
    Change, Journal, JournalError, Phase, StoredBatch, StoredChannel, StoredEvidence, StoredReceipts, Ticket,
};
use lockstep_protocol::hash::{ChannelId, LedgerId};
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::{
    BankRegistration, Cancel, ChannelRecord, CloseByRelease, CloseByToken, Freeze, Open, Refund,
    RegisterBank, Resolve,
};
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::PaymentNumber;
use tokio::time::{Instant, sleep, sleep_until};

use crate::ledger::MemLedger;

/// What one flush of the journal takes.
const FLUSH: Duration = Duration::from_millis(3);

/// A journal in memory. What is saved at one time shares a flush.
#[derive(Debug)]
pub(crate) struct Memory {
    rows: Mutex<BTreeMap<i64, (StoredChannel, StoredBatch)>>,
    start: Instant,
}

impl Memory {
    pub(crate) fn new(rows: impl IntoIterator<Item = (StoredChannel, StoredBatch)>) -> Self {
        let rows = rows.into_iter().map(|row| (row.0.place, row)).collect();
        Self { rows: Mutex::new(rows), start: Instant::now() }
    }

    fn find<T>(&self, id: ChannelId, take: impl FnOnce(&(StoredChannel, StoredBatch)) -> T) -> Option<T> {
        self.rows.lock().unwrap().values().find(|row| row.0.channel == id).map(take)
    }

    fn page(&self, after: i64, limit: u32, is_it: impl Fn(&StoredChannel) -> bool) -> Vec<StoredChannel> {
        let rows = self.rows.lock().unwrap();
        let behind = rows.range(after + 1..).map(|(_, row)| &row.0).filter(|stored| is_it(stored));
        behind.take(usize::try_from(limit).unwrap()).cloned().collect()
    }
}

#[async_trait]
impl Journal for Memory {
    async fn submit(&self, _: Change) -> Result<Ticket, JournalError> {
        unimplemented!("no payment comes")
    }

    async fn save(&self, change: Change) -> Result<(), JournalError> {
        let flushes = self.start.elapsed().as_millis() / FLUSH.as_millis() + 2;
        sleep_until(self.start + FLUSH * u32::try_from(flushes).unwrap()).await;
        let Change::Advance(advance) = change else { return Ok(()) };
        let mut rows = self.rows.lock().unwrap();
        let stored = rows.values_mut().map(|row| &mut row.0).find(|stored| stored.channel == advance.channel);
        let stored = stored.filter(|stored| {
            stored.phase == advance.from && advance.at.is_none_or(|number| stored.n == number)
        });
        let stored = stored.ok_or(JournalError::Conflict)?;
        stored.phase = advance.to;
        stored.ending = advance.ending.unwrap_or_else(|| stored.ending.clone());
        Ok(())
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<StoredChannel>, JournalError> {
        Ok(self.find(id, |row| row.0.clone()))
    }

    async fn channels(&self, after: i64, limit: u32) -> Result<Vec<StoredChannel>, JournalError> {
        Ok(self.page(after, limit, |_| true))
    }

    async fn channels_in(
        &self,
        phase: Phase,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredChannel>, JournalError> {
        Ok(self.page(after, limit, |stored| stored.phase == phase))
    }

    async fn batch_up_to(
        &self,
        id: ChannelId,
        _: PaymentNumber,
    ) -> Result<Option<StoredBatch>, JournalError> {
        Ok(self.find(id, |row| row.1.clone()))
    }

    async fn receipts_from(
        &self,
        _: ChannelId,
        _: PaymentNumber,
    ) -> Result<Option<StoredReceipts>, JournalError> {
        Ok(None)
    }

    async fn evidence(&self, _: ChannelId) -> Result<Vec<StoredEvidence>, JournalError> {
        Ok(Vec::new())
    }
}

/// A ledger that commits so many closes a second, one after the other, and not a moment earlier.
#[derive(Debug)]
pub(crate) struct Bounded {
    inner: Arc<MemLedger>,
    /// From one commit to the next.
    between: Duration,
    free_at: Mutex<Instant>,
    /// The first close of every channel is never heard of again, except of these.
    spared: Mutex<HashSet<ChannelId>>,
}

impl Bounded {
    pub(crate) fn new(inner: Arc<MemLedger>, closes_per_second: u32) -> Self {
        let (free_at, spared) = (Mutex::new(Instant::now()), Mutex::default());
        Self { inner, between: Duration::from_secs(1) / closes_per_second, free_at, spared }
    }

    /// No channel's first close is lost.
    pub(crate) fn spare(&self, channel: ChannelId) {
        self.spared.lock().unwrap().insert(channel);
    }

    /// Waits in line. Who goes away keeps its place there, as a transaction in an orderer's queue does.
    async fn commit(&self, channel: ChannelId) {
        if self.spared.lock().unwrap().insert(channel) {
            std::future::pending::<()>().await;
        }
        let at = {
            let mut free_at = self.free_at.lock().unwrap();
            *free_at = (*free_at).max(Instant::now()) + self.between;
            *free_at
        };
        sleep_until(at).await;
    }
}

#[async_trait]
impl Ledger for Bounded {
    fn ledger_id(&self) -> LedgerId {
        self.inner.ledger_id()
    }

    async fn close_by_release(
        &self,
        command: &CloseByRelease,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.commit(command.channel_id()).await;
        self.inner.close_by_release(command).await
    }

    async fn close_by_token(
        &self,
        command: &CloseByToken,
        latest: Option<Timestamp>,
    ) -> Result<Submitted<ChannelRecord>, LedgerError> {
        self.commit(command.channel_id()).await;
        self.inner.close_by_token(command, latest).await
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRecord>, LedgerError> {
        sleep(Duration::from_millis(5)).await;
        self.inner.channel(id).await
    }

    async fn bank(&self, key: &PublicKey) -> Result<Option<BankRegistration>, LedgerError> {
        self.inner.bank(key).await
    }

    async fn register_bank(&self, _: &RegisterBank) -> Result<Submitted<BankRegistration>, LedgerError> {
        unimplemented!("a vendor registers no bank")
    }

    async fn open(&self, _: &Open) -> Result<Submitted<ChannelRecord>, LedgerError> {
        unimplemented!("a vendor opens nothing")
    }

    async fn cancel(&self, _: &Cancel) -> Result<Submitted<ChannelRecord>, LedgerError> {
        unimplemented!("a vendor cancels nothing")
    }

    async fn refund(&self, _: &Refund) -> Result<Submitted<ChannelRecord>, LedgerError> {
        unimplemented!("a vendor refunds nothing")
    }

    async fn freeze(&self, _: &Freeze) -> Result<Submitted<ChannelRecord>, LedgerError> {
        unimplemented!("a vendor freezes nothing")
    }

    async fn resolve(&self, _: &Resolve) -> Result<Submitted<ChannelRecord>, LedgerError> {
        unimplemented!("a vendor resolves nothing")
    }

    async fn channels(&self, _: Party, _: PageRequest) -> Result<ChannelPage, LedgerError> {
        unimplemented!("a vendor lists no channels")
    }

    async fn history(&self, _: ChannelId) -> Result<Vec<HistoryEntry>, LedgerError> {
        unimplemented!("a vendor reads no histories")
    }

    async fn events(&self, _: EventStart) -> Result<LedgerEvents, LedgerError> {
        unimplemented!("a vendor follows no events")
    }
}
