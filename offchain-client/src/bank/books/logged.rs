//! Decisions as they stand in the log outside the backup cycle: which of them the log lacks, and how books that a
//! restore has taken back learn them again, each once [Spec §9].

use std::fmt;

use lockstep_protocol::hash::{ChannelId, EvidenceHash};
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::FreezeReason;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::{Reputation, Units};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::decision::{Resolution, accusation_in, insert_freeze, keep_resolution, keep_verdict};
use super::entry::next_number;
use super::pending::{look_at, units_in};
use super::{Accusation, Books, StoreError, Tx, Verdict};
use super::{account, by_hand, channel, damaged, decision, flag_in, fraud, stored_time, text_in, time_in};

/// What the bank has decided about a channel or an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// The client is convicted of fraud.
    Conviction {
        /// The channel.
        channel: ChannelId,
        /// The proof's hash.
        evidence: EvidenceHash,
        /// Its 552 bytes in hexadecimal; '': the books know of it from the ledger's freeze alone.
        proof: String,
        /// When.
        at: Timestamp,
    },
    /// The channel is to be frozen.
    Freeze {
        /// The channel.
        channel: ChannelId,
        /// Why.
        reason: FreezeReason,
        /// What the freeze names.
        evidence: EvidenceHash,
        /// The operator's words, whose hash that is; '' for a fraud proof.
        words: String,
        /// When.
        at: Timestamp,
    },
    /// The vendor's total of a frozen channel.
    Units {
        /// The channel.
        channel: ChannelId,
        /// What the operator decided.
        decided: Option<Units>,
        /// What the bank signs.
        signed: Option<Units>,
        /// How often these two have changed.
        changes: u32,
        /// When they changed last.
        at: Timestamp,
    },
    /// The vendor is accused of not delivering.
    Accusation {
        /// The channel.
        channel: ChannelId,
        /// What the client says.
        statement: String,
        /// When.
        at: Timestamp,
        /// What the operator decided, and when.
        verdict: Option<(Verdict, Timestamp)>,
    },
    /// An account's reputation was set by hand.
    Reputation {
        /// The holder's key.
        account: PublicKey,
        /// What it was set to.
        points: Reputation,
        /// When.
        at: Timestamp,
    },
}

/// What a decision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A channel.
    Channel(ChannelId),
    /// A holder's account.
    Account(PublicKey),
}

impl Subject {
    /// Its key in the books.
    fn key(&self) -> String {
        match self {
            Self::Channel(id) => id.to_string(),
            Self::Account(key) => key.to_string(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(id) => write!(f, "channel {id}"),
            Self::Account(key) => write!(f, "account {key}"),
        }
    }
}

/// The kinds of decisions; the books have one of each kind for a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionKind {
    /// [`Decision::Conviction`].
    Conviction,
    /// [`Decision::Freeze`].
    Freeze,
    /// [`Decision::Units`].
    Units,
    /// [`Decision::Accusation`].
    Accusation,
    /// [`Decision::Reputation`].
    Reputation,
}

/// The statements on a kind's table.
struct Statements {
    find: &'static str,
    not_logged: &'static str,
    logged: &'static str,
    forget: &'static str,
}

macro_rules! statements {
    ($table:literal, $key:literal) => {
        Statements {
            find: concat!("SELECT * FROM ", $table, " WHERE ", $key, " = $1"),
            not_logged: concat!(
                "SELECT * FROM ",
                $table,
                " WHERE logged = 0 AND ($1 = '' OR ",
                $key,
                " = $1) ORDER BY ",
                $key,
                " LIMIT 500"
            ),
            logged: concat!(
                "SELECT * FROM ",
                $table,
                " WHERE logged = 1 AND ",
                $key,
                " > $1 ORDER BY ",
                $key,
                " LIMIT 500"
            ),
            forget: concat!("UPDATE ", $table, " SET logged = 0"),
        }
    };
}

impl DecisionKind {
    /// All of them, in the order in which they are logged.
    pub const ALL: [Self; 5] =
        [Self::Conviction, Self::Freeze, Self::Units, Self::Accusation, Self::Reputation];

    fn statements(self) -> Statements {
        match self {
            Self::Conviction => statements!("frauds", "channel"),
            Self::Freeze => statements!("freezes", "channel"),
            Self::Units => statements!("resolutions", "channel"),
            Self::Accusation => statements!("accusations", "channel"),
            Self::Reputation => statements!("set_reputations", "account"),
        }
    }

    fn read(self, row: &AnyRow) -> Result<Decision, StoreError> {
        let (channel, at) = (|| text_in(row, "channel"), time_in(row, "at")?);
        Ok(match self {
            Self::Conviction => Decision::Conviction {
                channel: channel()?,
                evidence: text_in(row, "evidence")?,
                proof: row.try_get("proof")?,
                at,
            },
            Self::Freeze => Decision::Freeze {
                channel: channel()?,
                reason: reason_in(row)?,
                evidence: text_in(row, "evidence")?,
                words: row.try_get("words")?,
                at,
            },
            Self::Units => Decision::Units {
                channel: channel()?,
                decided: units_in(row, "decided")?,
                signed: units_in(row, "signed")?,
                changes: changes_in(row)?,
                at,
            },
            Self::Accusation => {
                let verdict = match accusation_in(row)? {
                    Some(Accusation::Decided(verdict)) => Some((verdict, time_in(row, "decided")?)),
                    Some(Accusation::Undecided) | None => None,
                };
                let statement = row.try_get("statement")?;
                Decision::Accusation { channel: channel()?, statement, at, verdict }
            }
            Self::Reputation => Decision::Reputation {
                account: text_in(row, "account")?,
                points: account::reputation_in(row, "points")?,
                at,
            },
        })
    }
}

impl Decision {
    /// What it is about.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Conviction { channel, .. }
            | Self::Freeze { channel, .. }
            | Self::Units { channel, .. }
            | Self::Accusation { channel, .. } => Subject::Channel(*channel),
            Self::Reputation { account, .. } => Subject::Account(*account),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> DecisionKind {
        match self {
            Self::Conviction { .. } => DecisionKind::Conviction,
            Self::Freeze { .. } => DecisionKind::Freeze,
            Self::Units { .. } => DecisionKind::Units,
            Self::Accusation { .. } => DecisionKind::Accusation,
            Self::Reputation { .. } => DecisionKind::Reputation,
        }
    }
}

impl Books {
    /// Up to 500 decisions of a kind that are not known to stand in the log, of one channel or of all.
    ///
    /// # Errors
    /// The database fails.
    pub async fn not_logged_decisions(
        &self,
        kind: DecisionKind,
        only: Option<&ChannelId>,
    ) -> Result<Vec<Decision>, StoreError> {
        let only = only.map_or_else(String::new, ToString::to_string);
        let rows = sqlx::query(kind.statements().not_logged).bind(only).fetch_all(&self.pool).await?;
        rows.iter().map(|row| kind.read(row)).collect()
    }

    /// Up to 500 decisions of a kind that are known to stand in the log, those on subjects after `after`, in order.
    ///
    /// # Errors
    /// The database fails.
    pub async fn logged_decisions(
        &self,
        kind: DecisionKind,
        after: Option<&Subject>,
    ) -> Result<Vec<Decision>, StoreError> {
        let after = after.map_or_else(String::new, Subject::key);
        let rows = sqlx::query(kind.statements().logged).bind(after).fetch_all(&self.pool).await?;
        rows.iter().map(|row| kind.read(row)).collect()
    }

    /// Whether a decision stands in the books as it is, and is known to stand in the log.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has_logged(&self, decision: &Decision) -> Result<bool, StoreError> {
        let kind = decision.kind();
        let find = sqlx::query(kind.statements().find).bind(decision.subject().key());
        let Some(row) = find.fetch_optional(&self.pool).await? else { return Ok(false) };
        Ok(flag_in(&row, "logged")? && kind.read(&row)? == *decision)
    }

    /// Keeps that a decision stands in the log, unless it has changed since it was read.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_decision_logged(&self, decision: &Decision) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        mark_logged(&mut tx, decision).await?;
        Ok(tx.commit().await?)
    }

    /// Takes a decision of the log back into books that have lost it or a step of it; `false`: they had it. Of a
    /// channel that they do not know it is kept until they do. The bank's signature on it has been checked.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_back(&self, decision: &Decision, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let taken = match decision.subject() {
            Subject::Channel(id) if channel::find(&mut tx, &id).await?.is_none() => {
                keep_awaited(&mut tx, &id, decision).await?;
                false
            }
            Subject::Channel(_) | Subject::Account(_) => take_back(&mut tx, decision, now).await?,
        };
        tx.commit().await?;
        Ok(taken)
    }
}

/// Forgets which decisions stand in the log.
pub(super) async fn forget(tx: &mut Tx) -> Result<(), StoreError> {
    for kind in DecisionKind::ALL {
        sqlx::query(kind.statements().forget).execute(&mut **tx).await?;
    }
    Ok(())
}

/// A channel has come into the books: what the log has decided about it counts from now on.
pub(super) async fn take_back_awaited(tx: &mut Tx, id: &ChannelId, now: Timestamp) -> Result<(), StoreError> {
    let select = "SELECT decision FROM awaited_decisions WHERE channel = $1 ORDER BY number";
    let rows = sqlx::query(select).bind(id.to_string()).fetch_all(&mut **tx).await?;
    if rows.is_empty() {
        return Ok(());
    }
    for row in &rows {
        let stored: String = row.try_get("decision")?;
        let decision = serde_json::from_str(&stored).map_err(|_| damaged("decision", &stored))?;
        take_back(tx, &decision, now).await?;
    }
    let delete = "DELETE FROM awaited_decisions WHERE channel = $1";
    sqlx::query(delete).bind(id.to_string()).execute(&mut **tx).await?;
    Ok(())
}

async fn keep_awaited(tx: &mut Tx, id: &ChannelId, decision: &Decision) -> Result<(), StoreError> {
    let stored = serde_json::to_string(decision).map_err(|error| damaged("decision", error))?;
    let same = sqlx::query("SELECT 1 FROM awaited_decisions WHERE channel = $1 AND decision = $2")
        .bind(id.to_string())
        .bind(&stored)
        .fetch_optional(&mut **tx)
        .await?;
    if same.is_some() {
        return Ok(());
    }
    let number = next_number(tx, "SELECT COALESCE(MAX(number), 0) + 1 FROM awaited_decisions").await?;
    sqlx::query("INSERT INTO awaited_decisions (number, channel, decision) VALUES ($1, $2, $3)")
        .bind(number)
        .bind(id.to_string())
        .bind(&stored)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Of a channel that the books know, or of an account; `false`: they had it.
async fn take_back(tx: &mut Tx, decision: &Decision, now: Timestamp) -> Result<bool, StoreError> {
    let taken = match decision {
        Decision::Conviction { channel: id, evidence, proof, at } => {
            let row = channel::find(tx, id).await?.ok_or_else(|| damaged("channels", id))?;
            fraud::convict(tx, &row, evidence, proof, *at).await?.is_none()
        }
        Decision::Freeze { channel, reason, evidence, words, at } => {
            insert_freeze(tx, channel, *reason, evidence, words, *at).await?
        }
        Decision::Units { channel, decided, signed, changes, at } => {
            let line =
                Resolution { decided: *decided, signed: *signed, changes: *changes, logged: true, at: *at };
            take_back_units(tx, channel, line).await?
        }
        Decision::Accusation { channel: id, statement, at, verdict } => {
            let accused = decision::insert_accusation(tx, id, statement, *at).await?;
            let decided = match verdict {
                Some((verdict, at))
                    if decision::accusation_of(tx, id).await? == Some(Accusation::Undecided) =>
                {
                    let row = channel::find(tx, id).await?.ok_or_else(|| damaged("channels", id))?;
                    keep_verdict(tx, &row, *verdict, *at).await?;
                    true
                }
                _ => false,
            };
            accused || decided
        }
        Decision::Reputation { account, points, at } => by_hand::take_back(tx, account, *points, *at).await?,
    };
    if let (true, Subject::Channel(id)) = (taken, decision.subject()) {
        look_at(tx, &id, stored_time(now)?).await?;
    }
    let kind = decision.kind();
    let find = sqlx::query(kind.statements().find).bind(decision.subject().key());
    let row = find.fetch_one(&mut **tx).await?;
    if kind.read(&row)? == *decision {
        mark_logged(tx, decision).await?;
    }
    Ok(taken)
}

/// What was decided or signed after the books' last word counts, and what was signed is never forgotten: a second value
/// is signed only after the ledger refused the first [Spec §9].
async fn take_back_units(tx: &mut Tx, id: &ChannelId, line: Resolution) -> Result<bool, StoreError> {
    let books = decision::resolution(tx, id).await?;
    let newer = books
        .is_none_or(|books| line.changes > books.changes || (line.changes == books.changes && !books.logged));
    let known = books.unwrap_or(line);
    let merged = if newer {
        line
    } else if known.signed.is_none() && line.signed.is_some() {
        let changes = known.changes.saturating_add(1);
        Resolution { signed: line.signed, changes, logged: false, ..known }
    } else {
        known
    };
    keep_resolution(tx, id, merged).await?;
    Ok(books.is_none_or(|books| (books.decided, books.signed) != (merged.decided, merged.signed)))
}

async fn mark_logged(tx: &mut Tx, decision: &Decision) -> Result<(), StoreError> {
    let subject = decision.subject().key();
    let update = match decision {
        Decision::Conviction { evidence, .. } => {
            let update = "UPDATE frauds SET logged = 1 WHERE channel = $1 AND evidence = $2";
            sqlx::query(update).bind(subject).bind(evidence.to_string())
        }
        Decision::Freeze { evidence, .. } => {
            let update = "UPDATE freezes SET logged = 1 WHERE channel = $1 AND evidence = $2";
            sqlx::query(update).bind(subject).bind(evidence.to_string())
        }
        Decision::Units { changes, .. } => {
            let update = "UPDATE resolutions SET logged = 1 WHERE channel = $1 AND changes = $2";
            sqlx::query(update).bind(subject).bind(i64::from(*changes))
        }
        Decision::Accusation { verdict, .. } => {
            let update = "UPDATE accusations SET logged = 1 WHERE channel = $1 AND verdict = $2";
            sqlx::query(update).bind(subject).bind(verdict.map_or("", |(verdict, _)| verdict.as_str()))
        }
        Decision::Reputation { at, .. } => {
            let update = "UPDATE set_reputations SET logged = 1 WHERE account = $1 AND at = $2";
            sqlx::query(update).bind(subject).bind(stored_time(*at)?)
        }
    };
    update.execute(&mut **tx).await?;
    Ok(())
}

pub(super) fn changes_in(row: &AnyRow) -> Result<u32, StoreError> {
    let stored: i64 = row.try_get("changes")?;
    u32::try_from(stored).map_err(|_| damaged("changes", stored))
}

fn reason_in(row: &AnyRow) -> Result<FreezeReason, StoreError> {
    let stored: i64 = row.try_get("reason")?;
    let reason = u16::try_from(stored).ok().and_then(|number| FreezeReason::try_from(number).ok());
    reason.ok_or_else(|| damaged("reason", stored))
}
