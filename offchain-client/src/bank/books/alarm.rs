//! Alarms: what the bank has seen on the ledger that the rules do not allow.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::entry::next_number;
use super::{Books, StoreError, Tx, stored_time, text_in, time_in};

/// Most alarms that are shown at once.
const SHOWN: i64 = 1000;

/// Something that a person must look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The channel that nothing more is posted for.
    pub channel: ChannelId,
    /// What is wrong, as a sentence.
    pub reason: String,
    /// When it was seen.
    pub at: Timestamp,
}

impl Books {
    /// All alarms, the newest first, a thousand at most.
    ///
    /// # Errors
    /// The database fails.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        let select = "SELECT channel, reason, at FROM alarms ORDER BY alarm DESC LIMIT $1";
        let rows = sqlx::query(select).bind(SHOWN).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }
}

/// Keeps an alarm and stops the posting for its channel.
pub(super) async fn raise(
    tx: &mut Tx,
    channel: &ChannelId,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    note(tx, channel, reason, now).await?;
    sqlx::query("UPDATE channels SET halted = 1 WHERE channel = $1")
        .bind(channel.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Keeps an alarm; the posting for its channel goes on.
pub(super) async fn note(
    tx: &mut Tx,
    channel: &ChannelId,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let number = next_number(tx, "SELECT COALESCE(MAX(alarm), 0) + 1 FROM alarms").await?;
    sqlx::query("INSERT INTO alarms (alarm, channel, reason, at) VALUES ($1, $2, $3, $4)")
        .bind(number)
        .bind(channel.to_string())
        .bind(reason)
        .bind(stored_time(now)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whether an alarm stands for the channel.
pub(super) async fn stands(tx: &mut Tx, channel: &ChannelId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) FROM alarms WHERE channel = $1")
        .bind(channel.to_string())
        .fetch_one(&mut **tx)
        .await?;
    Ok(row.try_get::<i64, _>(0)? > 0)
}

pub(super) fn read(row: &AnyRow) -> Result<Alarm, StoreError> {
    Ok(Alarm { channel: text_in(row, "channel")?, reason: row.try_get("reason")?, at: time_in(row, "at")? })
}
