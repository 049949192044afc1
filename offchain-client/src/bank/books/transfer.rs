//! Money that comes in or goes out at the counter.

use lockstep_protocol::amount::Amount;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::find;
use super::entry::{Bucket, CASH, Cause, PostError, Posting, Reason, post};
use super::{Account, Books, StoreError, amount_in, damaged, suspense, text_in, to_stored};

/// Longest reference of a transfer, in bytes.
const MAX_REFERENCE: usize = 256;

/// Which way money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into the bank.
    Deposit,
    /// Out of the bank.
    Withdrawal,
}

impl Direction {
    fn as_str(self) -> &'static str {
        self.cause().as_str()
    }

    fn cause(self) -> Cause {
        match self {
            Self::Deposit => Cause::Deposit,
            Self::Withdrawal => Cause::Withdrawal,
        }
    }
}

/// A transfer to be entered.
#[derive(Clone, Debug)]
pub struct Transfer<'a> {
    /// The holder's account key.
    pub key: &'a PublicKey,
    /// Which way.
    pub direction: Direction,
    /// How much; above zero.
    pub amount: Amount,
    /// What makes it this transfer and no other, for this account: saying the same again changes nothing.
    pub reference: &'a str,
}

/// What a transfer came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transferred {
    /// The account as it stands after it.
    Done(Account),
    /// The same transfer had been entered before; the account as it stands.
    AlreadyDone(Account),
}

/// Why a transfer is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key has no account here.
    #[error("{0} has no account here")]
    UnknownAccount(PublicKey),
    /// Nothing to transfer.
    #[error("the amount must be above zero")]
    Nothing,
    /// The reference is missing or too long.
    #[error("a reference has 1 to {MAX_REFERENCE} bytes")]
    BadReference,
    /// The reference stands for another transfer of this account.
    #[error("the reference stands for another transfer of this account: a {direction} of {} dollars", amount.to_dollars())]
    ReferenceUsed {
        /// That transfer's direction.
        direction: String,
        /// That transfer's amount.
        amount: Amount,
    },
    /// The account does not hold that much.
    #[error("the account can use {} dollars only", .available.to_dollars())]
    Insufficient {
        /// What it can use.
        available: Amount,
    },
}

impl Books {
    /// Enters money that came in or goes out. The same transfer again changes nothing.
    ///
    /// # Errors
    /// [`TransferError`].
    pub async fn transfer(
        &self,
        transfer: Transfer<'_>,
        now: Timestamp,
    ) -> Result<Transferred, TransferError> {
        if transfer.amount == Amount::ZERO {
            return Err(TransferError::Nothing);
        }
        if transfer.reference.is_empty() || transfer.reference.len() > MAX_REFERENCE {
            return Err(TransferError::BadReference);
        }
        let micros = to_stored(transfer.amount)?;
        let mut tx = self.write().await?;
        let unknown = || TransferError::UnknownAccount(*transfer.key);
        let account = find(&mut tx, transfer.key).await?.ok_or_else(unknown)?;
        let select = "SELECT direction, amount FROM transfers WHERE account = $1 AND reference = $2";
        let known = sqlx::query(select)
            .bind(transfer.key.to_string())
            .bind(transfer.reference)
            .fetch_optional(&mut *tx)
            .await
            .map_err(StoreError::from)?;
        if let Some(row) = known {
            let (direction, amount) = (text_in::<String>(&row, "direction")?, amount_in(&row, "amount")?);
            return if direction == transfer.direction.as_str() && amount == transfer.amount {
                Ok(Transferred::AlreadyDone(account))
            } else {
                Err(TransferError::ReferenceUsed { direction, amount })
            };
        }
        let to_holder = if transfer.direction == Direction::Deposit { micros } else { -micros };
        let reason = Reason {
            cause: transfer.direction.cause(),
            channel: None,
            reference: transfer.reference,
            at: now,
        };
        let side = |account: String, micros| Posting { account, bucket: Bucket::Balance, micros };
        let postings = [side(transfer.key.to_string(), to_holder), side(CASH.to_owned(), -to_holder)];
        let entry = post(&mut tx, reason, &postings).await.map_err(|error| match error {
            PostError::Store(error) => TransferError::Store(error),
            PostError::Insufficient { .. } => TransferError::Insufficient { available: account.balance },
        })?;
        let insert = "INSERT INTO transfers (account, reference, direction, amount, entry) VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(insert)
            .bind(transfer.key.to_string())
            .bind(transfer.reference)
            .bind(transfer.direction.as_str())
            .bind(micros)
            .bind(entry)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::from)?;
        suspense::sweep(&mut tx, transfer.key, now).await?;
        let account = find(&mut tx, transfer.key).await?.ok_or_else(|| damaged("accounts", transfer.key))?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(Transferred::Done(account))
    }
}
