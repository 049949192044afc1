//! The journal in an SQLite file: write-ahead log, one flush for each group of changes.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::units::PaymentNumber;
use sqlx::ConnectOptions;
use sqlx::Row;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};

use super::writer::{Writer, key};
use super::{
    Change, Journal, JournalError, Phase, StoredBatch, StoredChannel, StoredEvidence, StoredReceipts, Ticket,
};

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// Readers at once; each holds one row at a time.
const READERS: u32 = 4;
/// How long a writer waits for another process's flush.
const BUSY: Duration = Duration::from_secs(10);

/// A journal in one SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteJournal {
    readers: SqlitePool,
    writer: Writer,
    path: Arc<str>,
}

impl SqliteJournal {
    /// Opens the journal, making the file if there is none.
    ///
    /// # Errors
    /// [`JournalError::Read`] if the file cannot be opened, or was written by a later version.
    pub async fn open(path: &Path) -> Result<Self, JournalError> {
        let name: Arc<str> = path.display().to_string().into();
        Self::open_file(path, &name)
            .await
            .map_err(|reason| JournalError::Read { path: name.to_string(), reason })
    }

    async fn open_file(path: &Path, name: &Arc<str>) -> Result<Self, String> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: the log is flushed at every commit, so a commit survives a loss of power.
            .synchronous(SqliteSynchronous::Full);
        let mut connection = options.connect().await.map_err(|error| error.to_string())?;
        MIGRATIONS.run(&mut connection).await.map_err(|error| error.to_string())?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.create_if_missing(false))
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self { readers, writer: Writer::start(connection, Arc::clone(name)), path: Arc::clone(name) })
    }

    /// Runs a statement behind the writer's back.
    #[cfg(test)]
    pub(super) async fn execute_for_tests(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.readers).await.unwrap();
    }

    fn unreadable(&self, error: &sqlx::Error) -> JournalError {
        JournalError::Read { path: self.path.to_string(), reason: error.to_string() }
    }

    fn damaged(&self, what: &'static str) -> JournalError {
        JournalError::Damaged { path: self.path.to_string(), what }
    }

    fn number(&self, row: &SqliteRow, column: &str) -> Result<u32, JournalError> {
        let number: i64 = row.try_get(column).map_err(|error| self.unreadable(&error))?;
        u32::try_from(number).map_err(|_| self.damaged("a number is out of range"))
    }

    fn bytes(&self, row: &SqliteRow, column: &str) -> Result<Vec<u8>, JournalError> {
        row.try_get(column).map_err(|error| self.unreadable(&error))
    }

    fn text(&self, row: &SqliteRow, column: &str) -> Result<String, JournalError> {
        row.try_get(column).map_err(|error| self.unreadable(&error))
    }

    fn stored_channel(&self, row: &SqliteRow) -> Result<StoredChannel, JournalError> {
        let id: [u8; 32] = self
            .bytes(row, "channel_id")?
            .try_into()
            .map_err(|_| self.damaged("a channel id has another length than 32 bytes"))?;
        Ok(StoredChannel {
            place: row.try_get("id").map_err(|error| self.unreadable(&error))?,
            channel: ChannelId::from_bytes(id),
            phase: Phase::from_str(&self.text(row, "phase")?).map_err(|_| self.damaged("unknown phase"))?,
            n: PaymentNumber::from_index(self.number(row, "n")?),
            head: self.bytes(row, "head")?,
            facts: self.text(row, "facts")?,
            ending: self.text(row, "ending")?,
        })
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn submit(&self, change: Change) -> Result<Ticket, JournalError> {
        self.writer.submit(change).await
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<StoredChannel>, JournalError> {
        let row = sqlx::query("SELECT * FROM channels WHERE channel_id = $1")
            .bind(key(&id))
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.unreadable(&error))?;
        row.map(|row| self.stored_channel(&row)).transpose()
    }

    async fn channels(&self, after: i64, limit: u32) -> Result<Vec<StoredChannel>, JournalError> {
        let rows = sqlx::query("SELECT * FROM channels WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.unreadable(&error))?;
        rows.iter().map(|row| self.stored_channel(row)).collect()
    }

    async fn channels_in(
        &self,
        phase: Phase,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredChannel>, JournalError> {
        let rows = sqlx::query("SELECT * FROM channels WHERE phase = $1 AND id > $2 ORDER BY id LIMIT $3")
            .bind(phase.name())
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.unreadable(&error))?;
        rows.iter().map(|row| self.stored_channel(row)).collect()
    }

    async fn batch_up_to(
        &self,
        id: ChannelId,
        n: PaymentNumber,
    ) -> Result<Option<StoredBatch>, JournalError> {
        let row = sqlx::query(
            "SELECT first, count, before, records FROM batches
             WHERE channel = (SELECT id FROM channels WHERE channel_id = $1) AND first <= $2
             ORDER BY first DESC LIMIT 1",
        )
        .bind(key(&id))
        .bind(i64::from(n.as_index()))
        .fetch_optional(&self.readers)
        .await
        .map_err(|error| self.unreadable(&error))?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(StoredBatch {
            first: PaymentNumber::from_index(self.number(&row, "first")?),
            count: self.number(&row, "count")?,
            before: self.bytes(&row, "before")?,
            records: self.bytes(&row, "records")?,
        }))
    }

    async fn receipts_from(
        &self,
        id: ChannelId,
        n: PaymentNumber,
    ) -> Result<Option<StoredReceipts>, JournalError> {
        let row = sqlx::query(
            "SELECT first, count, signatures FROM receipts
             WHERE channel = (SELECT id FROM channels WHERE channel_id = $1) AND first >= $2
             ORDER BY first LIMIT 1",
        )
        .bind(key(&id))
        .bind(i64::from(n.as_index()))
        .fetch_optional(&self.readers)
        .await
        .map_err(|error| self.unreadable(&error))?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(StoredReceipts {
            first: PaymentNumber::from_index(self.number(&row, "first")?),
            count: self.number(&row, "count")?,
            signatures: self.bytes(&row, "signatures")?,
        }))
    }

    async fn evidence(&self, id: ChannelId) -> Result<Vec<StoredEvidence>, JournalError> {
        let rows = sqlx::query(
            "SELECT kind, bytes FROM evidence WHERE channel = (SELECT id FROM channels WHERE channel_id = $1)
             ORDER BY kind",
        )
        .bind(key(&id))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.unreadable(&error))?;
        rows.iter()
            .map(|row| Ok(StoredEvidence { kind: self.text(row, "kind")?, bytes: self.bytes(row, "bytes")? }))
            .collect()
    }
}
