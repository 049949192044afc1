//! The one writer of a journal: everything that waits shares the next flush.

use std::sync::Arc;

use lockstep_protocol::hash::ChannelId;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::{Advance, Append, Change, JournalError, NewChannel, Receipts};

/// Changes that may wait for the writer; a role that is faster than the disk waits here.
const QUEUE: usize = 256;
/// Changes in one flush. Bounds the time that the first of them waits for the last.
const GROUP: usize = 128;

/// A change that is queued.
#[derive(Debug)]
#[must_use = "a change is durable only when its ticket says so"]
pub struct Ticket(oneshot::Receiver<Result<(), JournalError>>, Arc<str>);

impl Ticket {
    /// Waits until the change is durable. May be cancelled and called again, but not after it has answered.
    ///
    /// # Errors
    /// [`JournalError::Conflict`] if it does not follow from what is stored; [`JournalError::Write`] if writing failed.
    pub async fn durable(&mut self) -> Result<(), JournalError> {
        match (&mut self.0).await {
            Ok(result) => result,
            Err(_) => Err(stopped(&self.1)),
        }
    }
}

type Waiting = (Change, oneshot::Sender<Result<(), JournalError>>);

/// Handle of the writer task; the task ends when the last handle is gone and everything queued is durable.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Waiting>,
    path: Arc<str>,
}

impl Writer {
    /// Starts the task on a connection of its own.
    pub(super) fn start(connection: SqliteConnection, path: Arc<str>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(run(connection, waiting, Arc::clone(&path)));
        Self { queue, path }
    }

    /// Queues a change.
    pub(super) async fn submit(&self, change: Change) -> Result<Ticket, JournalError> {
        let (done, ticket) = oneshot::channel();
        self.queue.send((change, done)).await.map_err(|_| stopped(&self.path))?;
        Ok(Ticket(ticket, Arc::clone(&self.path)))
    }
}

fn stopped(path: &str) -> JournalError {
    JournalError::Write { path: path.to_owned(), reason: "an earlier write failed".to_owned() }
}

async fn run(mut connection: SqliteConnection, mut waiting: mpsc::Receiver<Waiting>, path: Arc<str>) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.recv_many(&mut group, GROUP).await > 0 {
        let outcome = flush(&mut connection, &group).await;
        match outcome {
            Ok(results) => {
                for ((_, done), result) in group.drain(..).zip(results) {
                    // Nobody waits any more: a cancelled caller. The change is durable all the same.
                    let _ = done.send(result);
                }
            }
            Err(error) => {
                // What is on the disk is not known any more: nothing may be written on top of it.
                let failure = JournalError::Write { path: path.to_string(), reason: error.to_string() };
                tracing::error!(%failure, "journal stops");
                for (_, done) in group.drain(..) {
                    let _ = done.send(Err(failure.clone()));
                }
                return;
            }
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, %path, "journal did not close cleanly");
    }
}

/// Applies a group in one transaction; the result is durable when this returns.
async fn flush(
    connection: &mut SqliteConnection,
    group: &[Waiting],
) -> Result<Vec<Result<(), JournalError>>, sqlx::Error> {
    // IMMEDIATE: the conditions below are read under the write lock, so another process cannot write in between.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut results = Vec::with_capacity(group.len());
    for (change, _) in group {
        let applied = apply(&mut transaction, change).await?;
        results.push(if applied { Ok(()) } else { Err(JournalError::Conflict) });
    }
    transaction.commit().await?;
    Ok(results)
}

/// Applies one change, or tells that its condition does not hold; then it has written nothing.
async fn apply(transaction: &mut Transaction<'_, Sqlite>, change: &Change) -> Result<bool, sqlx::Error> {
    match change {
        Change::Create(new) => create(transaction, new).await,
        Change::Append(append) => self::append(transaction, append).await,
        Change::Advance(advance) => self::advance(transaction, advance).await,
        Change::Receipts(receipts) => self::receipts(transaction, receipts).await,
    }
}

async fn create(transaction: &mut Transaction<'_, Sqlite>, new: &NewChannel) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "INSERT INTO channels (channel_id, phase, n, head, facts, ending) VALUES ($1, $2, 0, $3, $4, '{}')
         ON CONFLICT (channel_id) DO NOTHING",
    )
    .bind(key(&new.channel))
    .bind(new.phase.name())
    .bind(&new.head)
    .bind(&new.facts)
    .execute(&mut **transaction)
    .await?;
    Ok(true)
}

async fn append(transaction: &mut Transaction<'_, Sqlite>, append: &Append) -> Result<bool, sqlx::Error> {
    let Some(prev) = append.first.previous() else { return Ok(false) };
    // The number alone is not enough: of two writers that sign ahead, one may come upon the very number at which the other
    // gave way, with payments that do not follow on what is stored.
    let moved = sqlx::query(
        "UPDATE channels SET n = $1, head = $2 WHERE channel_id = $3 AND n = $4 AND head = $5 AND phase = 'open'",
    )
    .bind(i64::from(append.n.as_index()))
    .bind(&append.head)
    .bind(key(&append.channel))
    .bind(i64::from(prev.as_index()))
    .bind(&append.before)
    .execute(&mut **transaction)
    .await?;
    if moved.rows_affected() != 1 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO batches (channel, first, count, before, records)
         SELECT id, $1, $2, $3, $4 FROM channels WHERE channel_id = $5",
    )
    .bind(i64::from(append.first.as_index()))
    .bind(i64::from(append.n.as_index().saturating_sub(prev.as_index())))
    .bind(&append.before)
    .bind(&append.records)
    .bind(key(&append.channel))
    .execute(&mut **transaction)
    .await?;
    Ok(true)
}

async fn advance(transaction: &mut Transaction<'_, Sqlite>, advance: &Advance) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query(
        "UPDATE channels SET phase = $1, ending = COALESCE($2, ending)
         WHERE channel_id = $3 AND phase = $4 AND n = COALESCE($5, n)",
    )
    .bind(advance.to.name())
    .bind(advance.ending.as_deref())
    .bind(key(&advance.channel))
    .bind(advance.from.name())
    .bind(advance.at.map(|n| i64::from(n.as_index())))
    .execute(&mut **transaction)
    .await?;
    if moved.rows_affected() != 1 {
        return Ok(false);
    }
    if let Some(evidence) = &advance.evidence {
        sqlx::query(
            "INSERT INTO evidence (channel, kind, bytes) SELECT id, $1, $2 FROM channels WHERE channel_id = $3
             ON CONFLICT (channel, kind) DO NOTHING",
        )
        .bind(evidence.kind)
        .bind(&evidence.bytes)
        .bind(key(&advance.channel))
        .execute(&mut **transaction)
        .await?;
    }
    if let Some(receipts) = &advance.receipts {
        insert_receipts(transaction, receipts).await?;
    }
    Ok(true)
}

async fn receipts(
    transaction: &mut Transaction<'_, Sqlite>,
    receipts: &Receipts,
) -> Result<bool, sqlx::Error> {
    let released =
        sqlx::query("SELECT 1 FROM channels WHERE channel_id = $1 AND phase IN ('released', 'closed')")
            .bind(key(&receipts.channel))
            .fetch_optional(&mut **transaction)
            .await?;
    if released.is_none() {
        return Ok(false);
    }
    insert_receipts(transaction, receipts).await?;
    Ok(true)
}

async fn insert_receipts(
    transaction: &mut Transaction<'_, Sqlite>,
    receipts: &Receipts,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO receipts (channel, first, count, signatures)
         SELECT id, $1, $2, $3 FROM channels WHERE channel_id = $4
         ON CONFLICT (channel, first) DO UPDATE SET count = excluded.count, signatures = excluded.signatures",
    )
    .bind(i64::from(receipts.first.as_index()))
    .bind(i64::from(receipts.count))
    .bind(&receipts.signatures)
    .bind(key(&receipts.channel))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// A channel's key in the database.
pub(super) fn key(channel: &ChannelId) -> &[u8] {
    channel.as_bytes()
}
