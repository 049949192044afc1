//! Accounts and their reputation.

use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::Reputation;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::entry::next_number;
use super::{Books, StoreError, Tx, amount_in, damaged, stored_time, text_in, time_in};

/// Most accounts that [`Books::accounts`] gives at once.
const PAGE: i64 = 500;

/// What an account holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The holder's account key.
    pub key: PublicKey,
    /// What the holder can use.
    pub balance: Amount,
    /// What is set aside for open channels.
    pub reserved: Amount,
    /// What is held back in frozen channels.
    pub withheld: Amount,
    /// 0 to 100.
    pub reputation: Reputation,
    /// When the account was opened.
    pub opened: Timestamp,
}

/// What opening an account came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenedAccount {
    /// It is new.
    New(Account),
    /// The key had an account already: one key, one account [Spec §3].
    AlreadyDone(Account),
}

impl OpenedAccount {
    /// The account, new or not.
    pub fn into_account(self) -> Account {
        match self {
            Self::New(account) | Self::AlreadyDone(account) => account,
        }
    }
}

impl Books {
    /// Opens the account of a key that its holder has proven to own.
    ///
    /// # Errors
    /// The database fails.
    pub async fn open_account(&self, key: &PublicKey, now: Timestamp) -> Result<OpenedAccount, StoreError> {
        let mut tx = self.write().await?;
        if let Some(account) = find(&mut tx, key).await? {
            return Ok(OpenedAccount::AlreadyDone(account));
        }
        insert(&mut tx, key, now).await?;
        let account = find(&mut tx, key).await?.ok_or_else(|| damaged("accounts", key))?;
        tx.commit().await?;
        Ok(OpenedAccount::New(account))
    }

    /// The account of a key.
    ///
    /// # Errors
    /// The database fails.
    pub async fn account(&self, key: &PublicKey) -> Result<Option<Account>, StoreError> {
        find(&mut self.read().await?, key).await
    }

    /// Up to 500 accounts in the order of their keys, those after `after`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn accounts(&self, after: Option<&PublicKey>) -> Result<Vec<Account>, StoreError> {
        let select =
            "SELECT * FROM accounts WHERE kind = 'holder' AND account > $1 ORDER BY account LIMIT $2";
        let after = after.map_or_else(String::new, ToString::to_string);
        let rows = sqlx::query(select).bind(after).bind(PAGE).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }
}

pub(super) async fn find(tx: &mut Tx, key: &PublicKey) -> Result<Option<Account>, StoreError> {
    let select = "SELECT * FROM accounts WHERE account = $1 AND kind = 'holder'";
    let row = sqlx::query(select).bind(key.to_string()).fetch_optional(&mut **tx).await?;
    row.as_ref().map(read).transpose()
}

/// Opens an account that is not there yet.
pub(super) async fn insert(tx: &mut Tx, key: &PublicKey, now: Timestamp) -> Result<(), StoreError> {
    let insert = "INSERT INTO accounts (account, kind, balance, reserved, withheld, reputation, opened) \
                  VALUES ($1, 'holder', 0, 0, 0, $2, $3)";
    sqlx::query(insert)
        .bind(key.to_string())
        .bind(i64::from(Reputation::FULL.as_points()))
        .bind(stored_time(now)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Changes a reputation and keeps the reason; nothing is kept where nothing changes.
pub(super) async fn change_reputation(
    tx: &mut Tx,
    key: &PublicKey,
    cause: &str,
    channel: Option<&ChannelId>,
    now: Timestamp,
    change: impl FnOnce(Reputation) -> Reputation,
) -> Result<(), StoreError> {
    let account = find(tx, key).await?.ok_or_else(|| damaged("accounts", key))?;
    let after = change(account.reputation);
    if after == account.reputation {
        return Ok(());
    }
    let points = i64::from(after.as_points());
    sqlx::query("UPDATE accounts SET reputation = $1 WHERE account = $2")
        .bind(points)
        .bind(key.to_string())
        .execute(&mut **tx)
        .await?;
    let number = next_number(tx, "SELECT COALESCE(MAX(change), 0) + 1 FROM reputation_changes").await?;
    let insert = "INSERT INTO reputation_changes (change, account, cause, channel, before, after, at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(insert)
        .bind(number)
        .bind(key.to_string())
        .bind(cause)
        .bind(channel.map_or_else(String::new, ToString::to_string))
        .bind(i64::from(account.reputation.as_points()))
        .bind(points)
        .bind(stored_time(now)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) fn reputation_in(row: &AnyRow, column: &'static str) -> Result<Reputation, StoreError> {
    let stored: i64 = row.try_get(column)?;
    u8::try_from(stored).map(Reputation::from_points).map_err(|_| damaged(column, stored))
}

fn read(row: &AnyRow) -> Result<Account, StoreError> {
    Ok(Account {
        key: text_in(row, "account")?,
        balance: amount_in(row, "balance")?,
        reserved: amount_in(row, "reserved")?,
        withheld: amount_in(row, "withheld")?,
        reputation: reputation_in(row, "reputation")?,
        opened: time_in(row, "opened")?,
    })
}
