//! Channels that the books do not know and whose alarm was cleared: what the ledger has of them has gone by, and is
//! asked for again until it is posted.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::time::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::pending::look_at;
use super::{Books, StoreError, Tx, damaged, stored_time, text_in};

/// A channel whose record the ledger is to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The channel.
    pub channel: ChannelId,
    /// How often in a row there was no record.
    pub tries: u32,
}

impl Books {
    /// Up to `limit` channels whose records the ledger is to be asked for by `now`, those due longest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lookups(&self, now: Timestamp, limit: u32) -> Result<Vec<Lookup>, StoreError> {
        let select = "SELECT channel, tries FROM lookups WHERE due <= $1 ORDER BY due, channel LIMIT $2";
        let rows =
            sqlx::query(select).bind(stored_time(now)?).bind(i64::from(limit)).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// Asks again at `due`: there was no record.
    ///
    /// # Errors
    /// The database fails.
    pub async fn postpone_lookup(&self, lookup: &Lookup, due: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query("UPDATE lookups SET due = $1, tries = $2 WHERE channel = $3")
            .bind(stored_time(due)?)
            .bind(i64::from(lookup.tries.saturating_add(1)))
            .bind(lookup.channel.to_string())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// The record has been posted: from now on the channel is followed as any other.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_lookup(&self, id: &ChannelId) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query("DELETE FROM lookups WHERE channel = $1").bind(id.to_string()).execute(&mut *tx).await?;
        // The record may have been a peer's that is behind the events.
        look_at(&mut tx, id, 0).await?;
        Ok(tx.commit().await?)
    }
}

/// The ledger is to be asked for the channel's record at once.
pub(super) async fn ask(tx: &mut Tx, id: &ChannelId) -> Result<(), StoreError> {
    let upsert = "INSERT INTO lookups (channel, due, tries) VALUES ($1, 0, 0) \
                  ON CONFLICT (channel) DO UPDATE SET due = 0, tries = 0";
    sqlx::query(upsert).bind(id.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// Whether the ledger is still to be asked for the channel's record.
pub(super) async fn is_asked(tx: &mut Tx, id: &ChannelId) -> Result<bool, StoreError> {
    let select = sqlx::query("SELECT 1 FROM lookups WHERE channel = $1").bind(id.to_string());
    Ok(select.fetch_optional(&mut **tx).await?.is_some())
}

fn read(row: &AnyRow) -> Result<Lookup, StoreError> {
    let tries: i64 = row.try_get("tries")?;
    let tries = u32::try_from(tries).map_err(|_| damaged("tries", tries))?;
    Ok(Lookup { channel: text_in(row, "channel")?, tries })
}
