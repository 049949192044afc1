//! Alarms: what the bank has seen on the ledger that the rules do not allow.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::entry::next_number;
use super::pending::look_at;
use super::{Books, StoreError, Tx, damaged, lookup, stored_time, text_in, time_in};

/// Most alarms that are shown at once.
const SHOWN: i64 = 1000;

/// Of a channel for which the suspense account stands in, since nobody is known who asked for it.
pub(super) const IN_SUSPENSE: &str =
    "opened on the ledger and unknown to the books; the suspense account pays";
/// Of a channel for whose client the suspense account stands in.
pub(super) const MONEY_LACKS: &str = "restored from the log; the client's account lacks the money";

/// Something that a person must look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its number.
    pub id: u64,
    /// The channel that nothing more is posted for.
    pub channel: ChannelId,
    /// What is wrong, as a sentence.
    pub reason: String,
    /// When it was seen.
    pub at: Timestamp,
    /// When and why a person cleared it; `None`: it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared: Option<Cleared>,
}

/// That a person has dealt with an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleared {
    /// When.
    pub at: Timestamp,
    /// Why, in the person's words.
    pub because: String,
}

impl Books {
    /// The alarms that stand, the newest first, a thousand at most.
    ///
    /// # Errors
    /// The database fails.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        let select = "SELECT * FROM alarms WHERE cleared = 0 ORDER BY alarm DESC LIMIT $1";
        let rows = sqlx::query(select).bind(SHOWN).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// All alarms, cleared ones too, the newest first, a thousand at most.
    ///
    /// # Errors
    /// The database fails.
    pub async fn all_alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        let select = "SELECT * FROM alarms ORDER BY alarm DESC LIMIT $1";
        let rows = sqlx::query(select).bind(SHOWN).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// Clears an alarm. When none stands for its channel any more, posting goes on there, from what the ledger's
    /// record shows, also of a channel that the books do not know. One that was cleared stays as it is; `None`: there
    /// is no such alarm.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_alarm(
        &self,
        id: u64,
        because: &str,
        now: Timestamp,
    ) -> Result<Option<Alarm>, StoreError> {
        let number = i64::try_from(id).map_err(|_| StoreError::TooLarge)?;
        let mut tx = self.write().await?;
        sqlx::query("UPDATE alarms SET cleared = $1, because = $2 WHERE alarm = $3 AND cleared = 0")
            .bind(stored_time(now)?)
            .bind(because)
            .bind(number)
            .execute(&mut *tx)
            .await?;
        let row = sqlx::query("SELECT * FROM alarms WHERE alarm = $1").bind(number);
        let Some(row) = row.fetch_optional(&mut *tx).await? else {
            return Ok(None);
        };
        let alarm = read(&row)?;
        if !stands(&mut tx, &alarm.channel).await? {
            let known = sqlx::query("UPDATE channels SET halted = 0 WHERE channel = $1")
                .bind(alarm.channel.to_string())
                .execute(&mut *tx)
                .await?;
            if known.rows_affected() > 0 {
                look_at(&mut tx, &alarm.channel, 0).await?;
            } else {
                lookup::ask(&mut tx, &alarm.channel).await?;
            }
        }
        tx.commit().await?;
        Ok(Some(alarm))
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

/// Keeps an alarm, once while it stands; the posting for its channel goes on.
pub(super) async fn note(
    tx: &mut Tx,
    channel: &ChannelId,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let same = sqlx::query("SELECT 1 FROM alarms WHERE channel = $1 AND reason = $2 AND cleared = 0")
        .bind(channel.to_string())
        .bind(reason)
        .fetch_optional(&mut **tx)
        .await?;
    if same.is_some() {
        return Ok(());
    }
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

/// The suspense account bears nothing more for the channel: what was noted of that is answered.
pub(super) async fn borne_no_more(
    tx: &mut Tx,
    channel: &ChannelId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let update = "UPDATE alarms SET cleared = $1, because = 'the account bears it all' \
                  WHERE channel = $2 AND cleared = 0 AND reason IN ($3, $4)";
    sqlx::query(update)
        .bind(stored_time(now)?)
        .bind(channel.to_string())
        .bind(IN_SUSPENSE)
        .bind(MONEY_LACKS)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whether an alarm stands for the channel.
pub(super) async fn stands(tx: &mut Tx, channel: &ChannelId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) FROM alarms WHERE channel = $1 AND cleared = 0")
        .bind(channel.to_string())
        .fetch_one(&mut **tx)
        .await?;
    Ok(row.try_get::<i64, _>(0)? > 0)
}

pub(super) fn read(row: &AnyRow) -> Result<Alarm, StoreError> {
    let stored: i64 = row.try_get("alarm")?;
    let cleared: i64 = row.try_get("cleared")?;
    let cleared = match cleared {
        0 => None,
        _ => Some(Cleared { at: time_in(row, "cleared")?, because: row.try_get("because")? }),
    };
    Ok(Alarm {
        id: u64::try_from(stored).map_err(|_| damaged("alarm", stored))?,
        channel: text_in(row, "channel")?,
        reason: row.try_get("reason")?,
        at: time_in(row, "at")?,
        cleared,
    })
}
