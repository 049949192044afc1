//! Entries: the only code that changes what an account holds.

use std::fmt;
use std::str::FromStr;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sqlx::Row;

use super::{StoreError, Tx, damaged, stored_time};

/// Row of the bank's cash in `accounts`.
pub(super) const CASH: &str = "cash";
/// Row of the suspense account in `accounts`.
pub(super) const SUSPENSE: &str = "suspense";

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// The word for it in the books and in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text { $($text => Ok(Self::$variant),)* _ => Err(UnknownWord) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// A word that is none of those that the books use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a word that the books do not use")]
pub struct UnknownWord;

text_enum! {
    /// Why money moved.
    Cause {
        /// Money came in at the counter.
        Deposit = "deposit",
        /// Money went out at the counter.
        Withdrawal = "withdrawal",
        /// The bank's own money made up for what the suspense account had borne.
        Covered = "covered",
        /// The bank took its own money out again, after an account had made up for the same.
        CoverTakenBack = "cover_taken_back",
        /// The total of a channel was set aside before its opening was signed.
        Reserve = "reserve",
        /// The suspense account stands in for an unknown client of a channel that the bank has signed.
        Opened = "opened",
        /// The channel on the ledger has taken over the reserve of its request, which stood with another channel (the reference).
        TakenOver = "taken_over",
        /// Money of the account has taken the place of what the suspense account bore for it.
        Swept = "swept",
        /// The opening was cancelled on the ledger.
        Cancelled = "cancelled",
        /// The channel was refunded on the ledger.
        Refunded = "refunded",
        /// The channel was closed on the ledger.
        Closed = "closed",
        /// The channel was frozen on the ledger.
        Frozen = "frozen",
        /// The vendor claimed its part of a frozen channel on the ledger.
        Claimed = "claimed",
        /// The frozen channel was resolved on the ledger.
        Resolved = "resolved",
    }
}

text_enum! {
    /// A part of an account.
    Bucket {
        /// What the holder can use.
        Balance = "balance",
        /// What is set aside for open channels.
        Reserved = "reserved",
        /// What is held back in frozen channels.
        Withheld = "withheld",
    }
}

/// A change in micro-units, or a standing that may be below zero. JSON: a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedMicros(i64);

impl SignedMicros {
    /// From a count of micro-units.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The count of micro-units.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Dollars with a sign where it is below zero, such as `-0.01`.
    pub fn to_dollars(self) -> String {
        let size = lockstep_protocol::amount::Amount::from_micros(self.0.unsigned_abs()).to_dollars();
        if self.0 < 0 { format!("-{size}") } else { size }
    }
}

impl Serialize for SignedMicros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SignedMicros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(de::Error::custom)
    }
}

/// One side of a movement.
#[derive(Clone, Debug)]
pub(super) struct Posting {
    pub(super) account: String,
    pub(super) bucket: Bucket,
    pub(super) micros: i64,
}

/// What a movement is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reason<'a> {
    pub(super) cause: Cause,
    pub(super) channel: Option<&'a ChannelId>,
    pub(super) reference: &'a str,
    pub(super) at: Timestamp,
}

/// Why a movement cannot be entered.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bucket would fall below zero, or the bank would pay out more cash than it has.
    #[error("the {bucket} of {account} does not hold so much")]
    Insufficient { account: String, bucket: Bucket, holds: i64 },
}

impl From<sqlx::Error> for PostError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Enters one movement; postings of zero are left out. The caller's transaction holds the write lock, so what
/// is read here stays true until it commits.
pub(super) async fn post(tx: &mut Tx, reason: Reason<'_>, postings: &[Posting]) -> Result<i64, PostError> {
    let sum = postings.iter().try_fold(0_i64, |sum, posting| sum.checked_add(posting.micros));
    if sum != Some(0) {
        return Err(damaged("postings", "an entry that does not balance").into());
    }
    let entry = next_number(tx, "SELECT COALESCE(MAX(entry), 0) + 1 FROM entries").await?;
    sqlx::query("INSERT INTO entries (entry, cause, channel, reference, at) VALUES ($1, $2, $3, $4, $5)")
        .bind(entry)
        .bind(reason.cause.as_str())
        .bind(reason.channel.map_or_else(String::new, ToString::to_string))
        .bind(reason.reference)
        .bind(stored_time(reason.at)?)
        .execute(&mut **tx)
        .await?;
    let mut line = 0_i64;
    for posting in postings.iter().filter(|posting| posting.micros != 0) {
        line += 1;
        let standing = apply(tx, posting).await?;
        let insert = "INSERT INTO postings (entry, line, account, bucket, amount, standing) \
                      VALUES ($1, $2, $3, $4, $5, $6)";
        sqlx::query(insert)
            .bind(entry)
            .bind(line)
            .bind(&posting.account)
            .bind(posting.bucket.as_str())
            .bind(posting.micros)
            .bind(standing)
            .execute(&mut **tx)
            .await?;
    }
    Ok(entry)
}

/// Adds in Rust, not in SQL: SQLite turns a sum that overflows into a floating-point number.
async fn apply(tx: &mut Tx, posting: &Posting) -> Result<i64, PostError> {
    let (read, write) = match posting.bucket {
        Bucket::Balance => (
            "SELECT balance, kind FROM accounts WHERE account = $1",
            "UPDATE accounts SET balance = $1 WHERE account = $2",
        ),
        Bucket::Reserved => (
            "SELECT reserved, kind FROM accounts WHERE account = $1",
            "UPDATE accounts SET reserved = $1 WHERE account = $2",
        ),
        Bucket::Withheld => (
            "SELECT withheld, kind FROM accounts WHERE account = $1",
            "UPDATE accounts SET withheld = $1 WHERE account = $2",
        ),
    };
    let row = sqlx::query(read).bind(&posting.account).fetch_optional(&mut **tx).await?;
    let row = row.ok_or_else(|| damaged("account", &posting.account))?;
    let holds: i64 = row.try_get(0)?;
    let kind: String = row.try_get(1)?;
    let standing = holds.checked_add(posting.micros).ok_or(StoreError::TooLarge)?;
    let lacks = match (posting.bucket, kind.as_str()) {
        // Credit is positive, so cash that the bank has is below zero.
        (Bucket::Balance, CASH) => standing > 0,
        (Bucket::Balance, SUSPENSE) => false,
        _ => standing < 0,
    };
    if lacks {
        return Err(PostError::Insufficient {
            account: posting.account.clone(),
            bucket: posting.bucket,
            holds,
        });
    }
    sqlx::query(write).bind(standing).bind(&posting.account).execute(&mut **tx).await?;
    Ok(standing)
}

/// The next free number of a table: writers take turns, so nobody else takes it.
pub(super) async fn next_number(tx: &mut Tx, query: &'static str) -> Result<i64, StoreError> {
    Ok(sqlx::query(query).fetch_one(&mut **tx).await?.try_get(0)?)
}
