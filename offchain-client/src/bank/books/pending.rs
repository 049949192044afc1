//! What is still to be done for a channel, and when it is to be looked at again [Spec §9].

use lockstep_protocol::hash::{ChannelId, EvidenceHash};
use lockstep_protocol::ledger::FreezeReason;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::Units;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Accusation, Books, ChannelRow, StoreError, Tx};
use super::{alarm, channel, damaged, decision, flag_in, optional_text_in, stored_time, text_in};

/// The column `due` of a channel that nothing is to be done for any more.
pub(super) const NEVER: i64 = i64::MAX;
/// Most channels that [`Books::cases`] gives at once.
const PAGE: i64 = 500;

macro_rules! select_cases {
    ($rest:literal) => {
        concat!(
            "SELECT c.*, COALESCE(f.reason, 0) AS reason, COALESCE(f.evidence, '') AS evidence, ",
            "COALESCE(r.decided, -1) AS decided, COALESCE(r.signed, -1) AS signed, ",
            "COALESCE(a.verdict, '-') AS verdict, ",
            "CAST(CASE WHEN p.channel IS NULL THEN 0 ELSE 1 END AS BIGINT) AS fraud ",
            "FROM channels c LEFT JOIN freezes f ON f.channel = c.channel ",
            "LEFT JOIN resolutions r ON r.channel = c.channel ",
            "LEFT JOIN accusations a ON a.channel = c.channel ",
            "LEFT JOIN frauds p ON p.channel = c.channel ",
            $rest
        )
    };
}

/// A channel with what the bank has decided about it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The channel.
    pub row: ChannelRow,
    /// What has been decided.
    pub decisions: Decisions,
    /// When it is to be looked at next; `None`: never.
    pub due: Option<Timestamp>,
    /// How often in a row looking at it has come to nothing.
    pub tries: u32,
    /// Whether the client has been convicted of fraud on it.
    pub fraud: bool,
    /// Whether the vendor is, or was, accused of not delivering.
    pub accusation: Option<Accusation>,
    turn: i64,
}

/// What the bank has decided about a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// It is to be frozen, or was.
    pub freeze: Option<(FreezeReason, EvidenceHash)>,
    /// The vendor's total that the operator decided.
    pub decided: Option<Units>,
    /// The vendor's total that the bank has signed, or was about to sign, last.
    pub signed: Option<Units>,
}

/// How far the books have followed a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last state that was posted; `None`: the books do not know the channel.
    pub state: Option<String>,
    /// Whether posting has stopped.
    pub halted: bool,
}

impl Books {
    /// How far the books have followed a channel.
    ///
    /// # Errors
    /// The database fails.
    pub async fn progress(&self, id: &ChannelId) -> Result<Progress, StoreError> {
        let select = "SELECT state, halted FROM channels WHERE channel = $1";
        let row = sqlx::query(select).bind(id.to_string()).fetch_optional(&self.pool).await?;
        match row {
            Some(row) => {
                Ok(Progress { state: Some(row.try_get("state")?), halted: flag_in(&row, "halted")? })
            }
            None => Ok(Progress { state: None, halted: alarm::stands(&mut self.read().await?, id).await? }),
        }
    }

    /// Keeps whether the bank is still posting what the ledger had when it was started.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_catching_up(&self, catching_up: bool) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let update = sqlx::query("UPDATE owner SET catching_up = $1").bind(i64::from(catching_up));
        update.execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// Whether the bank is still posting what the ledger had when it was started, or was stopped while it did.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_catching_up(&self) -> Result<bool, StoreError> {
        is_catching_up(&mut self.read().await?).await
    }

    /// Channels that are to be looked at by `now`, at most `limit`, those due longest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ChannelId>, StoreError> {
        let select =
            "SELECT channel FROM channels WHERE halted = 0 AND due <= $1 ORDER BY due, channel LIMIT $2";
        let rows =
            sqlx::query(select).bind(stored_time(now)?).bind(i64::from(limit)).fetch_all(&self.pool).await?;
        rows.iter().map(|row| text_in(row, "channel")).collect()
    }

    /// A channel with what has been decided about it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn case(&self, id: &ChannelId) -> Result<Option<Case>, StoreError> {
        let select = select_cases!("WHERE c.channel = $1");
        let row = sqlx::query(select).bind(id.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// Up to 500 channels in the order of their ids, those after `after`; `ended`: also those that have ended.
    ///
    /// # Errors
    /// The database fails.
    pub async fn cases(&self, after: Option<&ChannelId>, ended: bool) -> Result<Vec<Case>, StoreError> {
        let select = select_cases!(
            "WHERE c.channel > $1 AND (c.state IN ('reserved', 'open', 'frozen', 'claimed') OR $2 = 1) \
             ORDER BY c.channel LIMIT $3"
        );
        let rows = sqlx::query(select)
            .bind(after.map_or_else(String::new, ToString::to_string))
            .bind(i64::from(ended))
            .bind(PAGE)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Looks at the channel again at `due` (`None`: when something happens), unless something has happened since
    /// the case was read.
    ///
    /// # Errors
    /// The database fails.
    pub async fn postpone(&self, case: &Case, due: Option<Timestamp>, tries: u32) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query("UPDATE channels SET due = $1, tries = $2 WHERE channel = $3 AND turn = $4")
            .bind(due.map_or(Ok(NEVER), stored_time)?)
            .bind(i64::from(tries))
            .bind(case.row.channel.to_string())
            .bind(case.turn)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }
}

/// As [`Books::is_catching_up`].
pub(super) async fn is_catching_up(tx: &mut Tx) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT catching_up FROM owner").fetch_optional(&mut **tx).await?;
    row.map_or(Ok(false), |row| flag_in(&row, "catching_up"))
}

/// Something has happened: the channel is looked at from `due` on, whatever was thought before.
pub(super) async fn look_at(tx: &mut Tx, id: &ChannelId, due: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE channels SET due = $1, tries = 0, turn = turn + 1 WHERE channel = $2")
        .bind(due)
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whether the channel is to be frozen.
pub(super) async fn is_to_be_frozen(tx: &mut Tx, id: &ChannelId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM freezes WHERE channel = $1")
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.is_some())
}

/// A column with a count of units, -1 for none.
pub(super) fn units_in(row: &AnyRow, column: &'static str) -> Result<Option<Units>, StoreError> {
    let stored: i64 = row.try_get(column)?;
    if stored == -1 {
        return Ok(None);
    }
    u32::try_from(stored).map(|count| Some(Units::from_count(count))).map_err(|_| damaged(column, stored))
}

fn read(row: &AnyRow) -> Result<Case, StoreError> {
    let reason: i64 = row.try_get("reason")?;
    let evidence: Option<EvidenceHash> = optional_text_in(row, "evidence")?;
    let known =
        |reason: i64| u16::try_from(reason).ok().and_then(|number| FreezeReason::try_from(number).ok());
    let freeze = match evidence {
        None => None,
        Some(evidence) => Some((known(reason).ok_or_else(|| damaged("reason", reason))?, evidence)),
    };
    let due: i64 = row.try_get("due")?;
    let due = if due == NEVER { None } else { Some(super::time_in(row, "due")?) };
    let tries: i64 = row.try_get("tries")?;
    Ok(Case {
        row: channel::read(row)?,
        decisions: Decisions { freeze, decided: units_in(row, "decided")?, signed: units_in(row, "signed")? },
        due,
        tries: u32::try_from(tries).map_err(|_| damaged("tries", tries))?,
        fraud: flag_in(row, "fraud")?,
        accusation: decision::accusation_in(row)?,
        turn: row.try_get("turn")?,
    })
}
