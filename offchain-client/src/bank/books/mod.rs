//! The bank's double-entry books, in SQLite or PostgreSQL.
//!
//! **No money is made or lost**: every movement is an entry whose postings sum to zero, so all buckets of all
//! accounts sum to zero at any time; [`audit`](Books::audit) recomputes it. **Writers take turns**: a
//! transaction that writes holds the database's one write lock from its start, so what it has read stays true
//! until it commits. Amounts are stored as `i64`; one that does not fit is refused.

mod account;
mod alarm;
mod attribute;
mod audit;
mod backup;
mod by_hand;
mod channel;
mod cover;
mod credential;
mod decision;
mod entry;
mod fraud;
mod logged;
mod lookup;
mod pending;
mod settle;
mod statement;
mod suspense;
mod transfer;

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::LedgerId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::Timestamp;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyPool, Executor, Row, Transaction};

pub use account::{Account, OpenedAccount};
pub use alarm::{Alarm, Cleared};
pub use attribute::VerifiedAttribute;
pub use audit::{Audit, Finding};
pub use backup::BackupError;
pub use channel::{ChannelRow, Granted, Limits, NewChannel, ReserveError};
pub use cover::{Cover, Covered};
pub use credential::CredentialRow;
pub use decision::{Accusation, DecisionError, Recorded, Verdict};
pub use entry::{Bucket, Cause, SignedMicros};
pub use logged::{Decision, DecisionKind, Subject};
pub use lookup::Lookup;
pub use pending::{Case, Decisions, Progress};
pub use settle::{Applied, ApplyError, Settlement};
pub use statement::{Line, MAX_LINES, Movement, ReputationChange, Statement};
pub use transfer::{Direction, Transfer, TransferError, Transferred};

/// Key of the advisory lock that writers on PostgreSQL take in turn: the ASCII bytes `lockstep`.
const POSTGRES_WRITE_LOCK: i64 = i64::from_be_bytes(*b"lockstep");
/// Longest wait for a connection or for the write lock.
const WAIT: Duration = Duration::from_secs(15);
const CONNECTIONS: u32 = 8;

pub(crate) type Tx = Transaction<'static, Any>;

/// Why the database cannot be used. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database does not answer, or refuses a statement.
    #[error("the books' database failed")]
    Database(#[from] sqlx::Error),
    /// The schema cannot be brought up to date.
    #[error("the books' schema cannot be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The address names no database that we can use.
    #[error("a database address starts with sqlite: or postgres:")]
    UnknownBackend,
    /// The books are those of another bank or another ledger.
    #[error("these are the books of bank {bank_key} on ledger {ledger}")]
    OtherOwner {
        /// The bank that they belong to.
        bank_key: String,
        /// The ledger that they belong to.
        ledger: String,
    },
    /// A row holds what this program never writes.
    #[error("the books are damaged: {column} holds {value:?}")]
    Damaged {
        /// Where.
        column: &'static str,
        /// What.
        value: String,
    },
    /// An amount above 2⁶³ − 1 micro-units, or a sum above it.
    #[error("an amount is larger than the books can hold")]
    TooLarge,
}

impl StoreError {
    /// Whether the database does not answer at present: it restarts, is being written by somebody else for long, or
    /// the way to it is broken. What was under way has not been committed.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
            // PostgreSQL: connection, too many of them, operator intervention. SQLite: busy, locked.
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| match code.len() {
                    5 => ["08", "53300", "57P"].iter().any(|class| code.starts_with(class)),
                    _ => code.parse::<i64>().is_ok_and(|code| matches!(code & 0xff, 5 | 6)),
                })
            }
            _ => false,
        }
    }

    /// Whether nothing can be stored: the disk is full or does not work.
    pub fn is_unsaved(&self) -> bool {
        matches!(self, Self::Database(error) if is_unsaved(error))
    }
}

/// Whether the database cannot store anything.
pub(crate) fn is_unsaved(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.code().is_some_and(|code| match code.len() {
        // PostgreSQL: insufficient resources, but not too many connections.
        5 => code.starts_with("53") && code != "53300",
        // SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL.
        _ => code.parse::<i64>().is_ok_and(|code| matches!(code & 0xff, 8 | 10 | 13)),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// What a connection is set to: a commit is on the disk when it returns, whatever the server's or the database's own
    /// setting is. The bank answers, and cash leaves it, after that.
    fn settings(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "PRAGMA busy_timeout = 15000; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
            }
            Self::Postgres => "SET synchronous_commit = on",
        }
    }
}

/// The books of one bank.
#[derive(Clone, Debug)]
pub struct Books {
    pool: AnyPool,
    backend: Backend,
}

impl Books {
    /// Opens the database at `url` (`sqlite://…` or `postgres://…`) and brings its schema up to date.
    ///
    /// # Errors
    /// It does not answer, or its schema is newer than this program.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let backend = if url.starts_with("sqlite:") {
            Backend::Sqlite
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Backend::Postgres
        } else {
            return Err(StoreError::UnknownBackend);
        };
        let settings = backend.settings();
        let options = AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(WAIT).after_connect(
            move |connection, _| Box::pin(async move { connection.execute(settings).await.map(drop) }),
        );
        let pool = options.connect(url).await?;
        sqlx::migrate!("src/bank/books/migrations").run(&pool).await?;
        Ok(Self { pool, backend })
    }

    /// Records whose books these are, or checks that they are this bank's on this ledger.
    ///
    /// # Errors
    /// They are another's.
    pub async fn claim(&self, bank_key: &PublicKey, ledger: &LedgerId) -> Result<(), StoreError> {
        let (bank_key, ledger) = (bank_key.to_string(), ledger.to_string());
        let mut tx = self.write().await?;
        sqlx::query("INSERT INTO owner (one, bank_key, ledger) VALUES (1, $1, $2) ON CONFLICT DO NOTHING")
            .bind(&bank_key)
            .bind(&ledger)
            .execute(&mut *tx)
            .await?;
        let row = sqlx::query("SELECT bank_key, ledger FROM owner").fetch_one(&mut *tx).await?;
        let owner: (String, String) = (row.try_get(0)?, row.try_get(1)?);
        tx.commit().await?;
        if owner == (bank_key, ledger) {
            Ok(())
        } else {
            Err(StoreError::OtherOwner { bank_key: owner.0, ledger: owner.1 })
        }
    }

    /// Closes all connections; what has been committed is on the disk already.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins a transaction that writes: it holds the write lock until it ends.
    pub(crate) async fn write(&self) -> Result<Tx, StoreError> {
        match self.backend {
            Backend::Sqlite => Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?),
            Backend::Postgres => {
                let mut tx = self.pool.begin().await?;
                sqlx::query("SELECT pg_advisory_xact_lock($1)")
                    .bind(POSTGRES_WRITE_LOCK)
                    .execute(&mut *tx)
                    .await?;
                Ok(tx)
            }
        }
    }

    /// Begins a transaction that reads one state of the books.
    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        match self.backend {
            Backend::Sqlite => Ok(self.pool.begin().await?),
            Backend::Postgres => {
                Ok(self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        }
    }
}

fn to_stored(amount: Amount) -> Result<i64, StoreError> {
    i64::try_from(amount.as_micros()).map_err(|_| StoreError::TooLarge)
}

fn stored_time(time: Timestamp) -> Result<i64, StoreError> {
    i64::try_from(time.as_unix_millis()).map_err(|_| StoreError::TooLarge)
}

fn damaged(column: &'static str, value: impl Display) -> StoreError {
    StoreError::Damaged { column, value: value.to_string() }
}

/// A column with an amount that is not negative.
fn amount_in(row: &AnyRow, column: &'static str) -> Result<Amount, StoreError> {
    let stored: i64 = row.try_get(column)?;
    u64::try_from(stored).map(Amount::from_micros).map_err(|_| damaged(column, stored))
}

fn time_in(row: &AnyRow, column: &'static str) -> Result<Timestamp, StoreError> {
    let stored: i64 = row.try_get(column)?;
    let millis = u64::try_from(stored).map_err(|_| damaged(column, stored))?;
    Timestamp::from_unix_millis(millis).map_err(|_| damaged(column, stored))
}

/// A column with the text form of a key, an id or a hash.
fn text_in<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<T, StoreError> {
    let stored: String = row.try_get(column)?;
    stored.parse().map_err(|_| damaged(column, stored))
}

/// As [`text_in`], with '' for nothing.
fn optional_text_in<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<Option<T>, StoreError> {
    let stored: String = row.try_get(column)?;
    if stored.is_empty() {
        return Ok(None);
    }
    stored.parse().map(Some).map_err(|_| damaged(column, stored))
}

fn flag_in(row: &AnyRow, column: &'static str) -> Result<bool, StoreError> {
    let stored: i64 = row.try_get(column)?;
    match stored {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(damaged(column, other)),
    }
}
