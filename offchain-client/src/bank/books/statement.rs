//! The statement of an account: every movement with its cause, and what it left.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::Reputation;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::account::{find, reputation_in};
use super::{Account, Alarm, Books, Bucket, Cause, SignedMicros, StoreError, Tx};
use super::{alarm, optional_text_in, text_in, time_in};

/// Most lines of one statement; the next one goes on after the last.
pub const MAX_LINES: u32 = 500;

/// What happened on an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The account as it stands now.
    pub account: Account,
    /// Movements of money, oldest first.
    pub lines: Vec<Line>,
    /// The number to ask for the rest after; `None` if this is all.
    pub next: Option<u64>,
    /// The newest changes of the reputation, oldest first.
    pub reputation_changes: Vec<ReputationChange>,
    /// Alarms on the account's channels: nothing more is posted for these.
    pub alarms: Vec<Alarm>,
}

/// One movement, as this account sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The entry's number.
    pub entry: u64,
    /// When it was entered.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
    /// For which channel.
    pub channel: Option<ChannelId>,
    /// The reference of a deposit or a withdrawal; the other channel of a reserve that was taken over.
    pub reference: Option<String>,
    /// What it changed in this account.
    pub movements: Vec<Movement>,
}

/// The change of one part of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// Which part.
    pub bucket: Bucket,
    /// By how much.
    pub amount: SignedMicros,
    /// What that part held afterwards.
    pub standing: SignedMicros,
}

/// A change of the account's reputation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReputationChange {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: String,
    /// For which channel.
    pub channel: Option<ChannelId>,
    /// The reputation before it.
    pub before: Reputation,
    /// The reputation after it.
    pub after: Reputation,
}

impl Books {
    /// The statement of an account from the entry after `after`, with `limit` lines (500 at most).
    /// `None`: there is no such account.
    ///
    /// # Errors
    /// The database fails.
    pub async fn statement(
        &self,
        key: &PublicKey,
        after: u64,
        limit: u32,
    ) -> Result<Option<Statement>, StoreError> {
        let mut tx = self.read().await?;
        let Some(account) = find(&mut tx, key).await? else {
            return Ok(None);
        };
        let limit = limit.clamp(1, MAX_LINES);
        let mut lines = lines(&mut tx, key, after, limit).await?;
        let full = usize::try_from(limit).is_ok_and(|limit| lines.len() > limit);
        if full {
            lines.pop();
        }
        let next = if full { lines.last().map(|line| line.entry) } else { None };
        let reputation_changes = reputation_changes(&mut tx, key).await?;
        let alarms = alarms(&mut tx, key).await?;
        Ok(Some(Statement { account, lines, next, reputation_changes, alarms }))
    }
}

/// One line more than `limit`, so that the caller sees whether there are more.
async fn lines(tx: &mut Tx, key: &PublicKey, after: u64, limit: u32) -> Result<Vec<Line>, StoreError> {
    let select = "SELECT e.entry, e.at, e.cause, e.channel, e.reference, p.bucket, p.amount, p.standing \
                  FROM postings p JOIN entries e ON e.entry = p.entry \
                  WHERE p.account = $1 AND p.entry IN (SELECT DISTINCT entry FROM postings \
                      WHERE account = $1 AND entry > $2 ORDER BY entry LIMIT $3) \
                  ORDER BY p.entry, p.line";
    let rows = sqlx::query(select)
        .bind(key.to_string())
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut **tx)
        .await?;
    let mut lines: Vec<Line> = Vec::new();
    for row in &rows {
        let stored: i64 = row.try_get("entry")?;
        let entry = u64::try_from(stored).map_err(|_| super::damaged("entry", stored))?;
        let movement = Movement {
            bucket: text_in(row, "bucket")?,
            amount: SignedMicros::from_micros(row.try_get("amount")?),
            standing: SignedMicros::from_micros(row.try_get("standing")?),
        };
        match lines.last_mut().filter(|line| line.entry == entry) {
            Some(line) => line.movements.push(movement),
            None => lines.push(line(row, entry, movement)?),
        }
    }
    Ok(lines)
}

fn line(row: &AnyRow, entry: u64, first: Movement) -> Result<Line, StoreError> {
    Ok(Line {
        entry,
        at: time_in(row, "at")?,
        cause: text_in(row, "cause")?,
        channel: optional_text_in(row, "channel")?,
        reference: optional_text_in(row, "reference")?,
        movements: vec![first],
    })
}

async fn reputation_changes(tx: &mut Tx, key: &PublicKey) -> Result<Vec<ReputationChange>, StoreError> {
    let select = "SELECT at, cause, channel, before, after FROM reputation_changes \
                  WHERE account = $1 ORDER BY change DESC LIMIT $2";
    let rows =
        sqlx::query(select).bind(key.to_string()).bind(i64::from(MAX_LINES)).fetch_all(&mut **tx).await?;
    let changes = rows.iter().rev().map(|row| {
        Ok(ReputationChange {
            at: time_in(row, "at")?,
            cause: row.try_get("cause")?,
            channel: optional_text_in(row, "channel")?,
            before: reputation_in(row, "before")?,
            after: reputation_in(row, "after")?,
        })
    });
    changes.collect()
}

async fn alarms(tx: &mut Tx, key: &PublicKey) -> Result<Vec<Alarm>, StoreError> {
    let select = "SELECT a.* FROM alarms a JOIN channels c ON c.channel = a.channel \
                  WHERE a.cleared = 0 AND (c.account = $1 OR c.vendor = $1) ORDER BY a.alarm DESC LIMIT $2";
    let rows =
        sqlx::query(select).bind(key.to_string()).bind(i64::from(MAX_LINES)).fetch_all(&mut **tx).await?;
    rows.iter().map(alarm::read).collect()
}
