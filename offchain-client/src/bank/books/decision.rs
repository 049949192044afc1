//! What the operator decides about a channel, and the units that the bank signs: kept before anything is logged, signed
//! or submitted, so that a restart goes on with the same [Spec §9].

use std::fmt;

use lockstep_protocol::hash::{ChannelId, EvidenceHash};
use lockstep_protocol::ledger::{ChannelState, FreezeReason};
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::{Reputation, Units};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::logged::changes_in;
use super::pending::{is_to_be_frozen, look_at, units_in};
use super::{Books, ChannelRow, StoreError, Tx, account, channel, damaged, flag_in, stored_time, time_in};

/// What the operator holds to be true about an accused vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It did not deliver: twenty points less.
    AtFault,
    /// It did, or nobody can tell: nothing changes.
    NotAtFault,
}

/// Where an accusation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accusation {
    /// Nothing has been decided.
    Undecided,
    /// The operator has decided.
    #[serde(untagged)]
    Decided(Verdict),
}

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::AtFault => "at_fault",
            Self::NotAtFault => "not_at_fault",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a decision is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It stands in the books from now on.
    Now,
    /// The same had been decided before; nothing was changed.
    Before,
}

/// Why a decision is not taken; nothing has been changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The books do not know the channel.
    #[error("the books know no channel {0}")]
    UnknownChannel(ChannelId),
    /// The channel's state does not allow it.
    #[error("the channel is {state}; this needs one that is {needs}")]
    State {
        /// The state in the books.
        state: String,
        /// The states that allow it.
        needs: &'static str,
    },
    /// Another freeze has been decided.
    #[error("another freeze of this channel has been decided already")]
    FrozenOtherwise,
    /// More units than the channel has.
    #[error("the channel has {most} units")]
    UnitsOutOfRange {
        /// How many it has.
        most: u32,
    },
    /// The bank has signed another value [Spec §9].
    #[error(
        "the bank has signed {units} units for this channel; it signs another value only after the ledger refused that one as below the claim"
    )]
    AlreadySigned {
        /// What it signed.
        units: u32,
    },
    /// Nobody has accused the vendor.
    #[error("nobody has accused this channel's vendor; `lockstep bank accuse` does")]
    NotAccused,
    /// The operator has decided otherwise before.
    #[error("it has been decided before that the vendor is {0}")]
    AlreadyDecided(Verdict),
}

impl From<sqlx::Error> for DecisionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Books {
    /// Decides that an open channel is to be frozen; `words` are what the evidence hash is of.
    ///
    /// # Errors
    /// [`DecisionError`].
    pub async fn decide_freeze(
        &self,
        id: &ChannelId,
        (reason, evidence): (FreezeReason, EvidenceHash),
        words: &str,
        now: Timestamp,
    ) -> Result<Recorded, DecisionError> {
        let mut tx = self.write().await?;
        let row = known(&mut tx, id).await?;
        if is_to_be_frozen(&mut tx, id).await? {
            let select = "SELECT 1 FROM freezes WHERE channel = $1 AND reason = $2 AND evidence = $3";
            let same = sqlx::query(select)
                .bind(id.to_string())
                .bind(i64::from(u16::from(reason)))
                .bind(evidence.to_string())
                .fetch_optional(&mut *tx)
                .await?;
            return same.map(|_| Recorded::Before).ok_or(DecisionError::FrozenOtherwise);
        }
        if row.state != ChannelState::Open.name() {
            return Err(DecisionError::State { state: row.state, needs: "open" });
        }
        insert_freeze(&mut tx, id, reason, &evidence, words, now).await?;
        look_at(&mut tx, id, 0).await?;
        tx.commit().await?;
        Ok(Recorded::Now)
    }

    /// Decides the vendor's total of a frozen channel. The vendor gets its claim at least, whatever is decided.
    ///
    /// # Errors
    /// [`DecisionError`].
    pub async fn decide_units(
        &self,
        id: &ChannelId,
        units: Units,
        now: Timestamp,
    ) -> Result<Recorded, DecisionError> {
        let mut tx = self.write().await?;
        let row = known(&mut tx, id).await?;
        let most = row.opening.opening().terms().token_count;
        if units > most {
            return Err(DecisionError::UnitsOutOfRange { most: most.as_count() });
        }
        let before = resolution(&mut tx, id).await?;
        let (decided, signed) = before.map_or((None, None), |before| (before.decided, before.signed));
        if decided == Some(units) || signed == Some(units) {
            return Ok(Recorded::Before);
        }
        if let Some(signed) = signed {
            return Err(DecisionError::AlreadySigned { units: signed.as_count() });
        }
        let frozen =
            [ChannelState::Frozen.name(), ChannelState::Claimed.name()].contains(&row.state.as_str());
        if !frozen && !is_to_be_frozen(&mut tx, id).await? {
            return Err(DecisionError::State { state: row.state, needs: "frozen" });
        }
        keep_resolution(&mut tx, id, Resolution::after(before, (Some(units), None), now)).await?;
        look_at(&mut tx, id, 0).await?;
        tx.commit().await?;
        Ok(Recorded::Now)
    }

    /// Fixes the units that the bank signs for a channel, before it signs them: `units`, if nothing was fixed
    /// before or what was fixed is `refused`, else what was fixed. The answer is what may be signed once it stands in
    /// the log as well [Spec §9].
    ///
    /// # Errors
    /// The database fails; then nothing must be signed.
    pub async fn fix_units(
        &self,
        id: &ChannelId,
        units: Units,
        refused: Option<Units>,
        now: Timestamp,
    ) -> Result<Units, StoreError> {
        let mut tx = self.write().await?;
        let before = resolution(&mut tx, id).await?;
        let (decided, signed) = before.map_or((None, None), |before| (before.decided, before.signed));
        if let Some(fixed) = signed.filter(|_| signed != refused) {
            return Ok(fixed);
        }
        keep_resolution(&mut tx, id, Resolution::after(before, (decided, Some(units)), now)).await?;
        tx.commit().await?;
        Ok(units)
    }

    /// Keeps that a channel's vendor is accused of not delivering. One accusation a channel.
    ///
    /// # Errors
    /// [`DecisionError`].
    pub async fn accuse(
        &self,
        id: &ChannelId,
        statement: &str,
        now: Timestamp,
    ) -> Result<Recorded, DecisionError> {
        let mut tx = self.write().await?;
        known(&mut tx, id).await?;
        let inserted = insert_accusation(&mut tx, id, statement, now).await?;
        tx.commit().await?;
        Ok(if inserted { Recorded::Now } else { Recorded::Before })
    }

    /// Decides on an accused vendor, once: twenty points less, or nothing [Spec §9].
    ///
    /// # Errors
    /// [`DecisionError`].
    pub async fn judge(
        &self,
        id: &ChannelId,
        verdict: Verdict,
        now: Timestamp,
    ) -> Result<Recorded, DecisionError> {
        let mut tx = self.write().await?;
        let row = known(&mut tx, id).await?;
        let accusation = accusation_of(&mut tx, id).await?.ok_or(DecisionError::NotAccused)?;
        match accusation {
            Accusation::Undecided => {}
            Accusation::Decided(before) if before == verdict => return Ok(Recorded::Before),
            Accusation::Decided(before) => return Err(DecisionError::AlreadyDecided(before)),
        }
        keep_verdict(&mut tx, &row, verdict, now).await?;
        tx.commit().await?;
        Ok(Recorded::Now)
    }
}

/// Keeps that a vendor is accused; `false`: it was already.
pub(super) async fn insert_accusation(
    tx: &mut Tx,
    id: &ChannelId,
    statement: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let insert = "INSERT INTO accusations (channel, statement, at, verdict, decided) \
                  VALUES ($1, $2, $3, '', 0) ON CONFLICT (channel) DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(id.to_string())
        .bind(statement)
        .bind(stored_time(at)?)
        .execute(&mut **tx)
        .await?;
    Ok(inserted.rows_affected() > 0)
}

/// Where the accusation of a channel's vendor stands; `None`: there is none.
pub(super) async fn accusation_of(tx: &mut Tx, id: &ChannelId) -> Result<Option<Accusation>, StoreError> {
    let row = sqlx::query("SELECT verdict FROM accusations WHERE channel = $1")
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    row.map_or(Ok(None), |row| accusation_in(&row))
}

/// Keeps what was decided about an accused vendor, and takes the points.
pub(super) async fn keep_verdict(
    tx: &mut Tx,
    row: &ChannelRow,
    verdict: Verdict,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE accusations SET verdict = $1, decided = $2, logged = 0 WHERE channel = $3")
        .bind(verdict.as_str())
        .bind(stored_time(at)?)
        .bind(row.channel.to_string())
        .execute(&mut **tx)
        .await?;
    if verdict == Verdict::AtFault {
        // A restore may have taken the vendor's account out of the books.
        if account::find(tx, &row.vendor).await?.is_none() {
            account::insert(tx, &row.vendor, at).await?;
        }
        let cut = Reputation::after_failed_delivery;
        account::change_reputation(tx, &row.vendor, "failed_delivery", Some(&row.channel), at, cut).await?;
    }
    Ok(())
}

/// Keeps that a channel is to be frozen; `false`: that was so already.
pub(super) async fn insert_freeze(
    tx: &mut Tx,
    id: &ChannelId,
    reason: FreezeReason,
    evidence: &EvidenceHash,
    words: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let insert = "INSERT INTO freezes (channel, reason, evidence, words, at) VALUES ($1, $2, $3, $4, $5) \
                  ON CONFLICT (channel) DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(id.to_string())
        .bind(i64::from(u16::from(reason)))
        .bind(evidence.to_string())
        .bind(words)
        .bind(stored_time(now)?)
        .execute(&mut **tx)
        .await?;
    Ok(inserted.rows_affected() > 0)
}

/// The column `verdict`: '-' where there is no accusation, '' where nothing is decided.
pub(super) fn accusation_in(row: &AnyRow) -> Result<Option<Accusation>, StoreError> {
    let stored: String = row.try_get("verdict")?;
    Ok(match stored.as_str() {
        "-" => None,
        "" => Some(Accusation::Undecided),
        "at_fault" => Some(Accusation::Decided(Verdict::AtFault)),
        "not_at_fault" => Some(Accusation::Decided(Verdict::NotAtFault)),
        other => return Err(damaged("verdict", other)),
    })
}

async fn known(tx: &mut Tx, id: &ChannelId) -> Result<ChannelRow, DecisionError> {
    channel::find(tx, id).await?.ok_or(DecisionError::UnknownChannel(*id))
}

/// The vendor's total of a frozen channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resolution {
    /// What the operator decided.
    pub(super) decided: Option<Units>,
    /// What the bank signs.
    pub(super) signed: Option<Units>,
    /// How often these two have changed.
    pub(super) changes: u32,
    /// Whether it is known to stand in the log as it is.
    pub(super) logged: bool,
    /// When it changed last.
    pub(super) at: Timestamp,
}

impl Resolution {
    fn after(before: Option<Self>, (decided, signed): (Option<Units>, Option<Units>), at: Timestamp) -> Self {
        let changes = before.map_or(0, |before| before.changes).saturating_add(1);
        Self { decided, signed, changes, logged: false, at }
    }
}

pub(super) async fn resolution(tx: &mut Tx, id: &ChannelId) -> Result<Option<Resolution>, StoreError> {
    let row = sqlx::query("SELECT * FROM resolutions WHERE channel = $1")
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    let read = |row: AnyRow| {
        Ok(Resolution {
            decided: units_in(&row, "decided")?,
            signed: units_in(&row, "signed")?,
            changes: changes_in(&row)?,
            logged: flag_in(&row, "logged")?,
            at: time_in(&row, "at")?,
        })
    };
    row.map(read).transpose()
}

pub(super) async fn keep_resolution(
    tx: &mut Tx,
    id: &ChannelId,
    resolution: Resolution,
) -> Result<(), StoreError> {
    let stored = |units: Option<Units>| units.map_or(-1, |units| i64::from(units.as_count()));
    let upsert = "INSERT INTO resolutions (channel, decided, signed, at, changes, logged) \
                  VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (channel) DO UPDATE SET \
                  decided = excluded.decided, signed = excluded.signed, at = excluded.at, \
                  changes = excluded.changes, logged = excluded.logged";
    sqlx::query(upsert)
        .bind(id.to_string())
        .bind(stored(resolution.decided))
        .bind(stored(resolution.signed))
        .bind(stored_time(resolution.at)?)
        .bind(i64::from(resolution.changes))
        .bind(i64::from(resolution.logged))
        .execute(&mut **tx)
        .await?;
    Ok(())
}
