//! Money that comes in or goes out at the counter.

use lockstep_protocol::amount::Amount;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::find;
use super::entry::{Bucket, CASH, Cause, PostError, Posting, Reason, post};
use super::{Account, Books, StoreError, Tx, amount_in, damaged, pending, suspense, text_in, to_stored};

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

    pub(super) fn cause(self) -> Cause {
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
    UnknownAccount(Box<PublicKey>),
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
    /// Holders are owed more than the bank has taken in: the suspense account has borne the rest.
    #[error(
        "the bank has {} dollars in cash by its books; what its holders have beyond that, the suspense account has borne",
        .cash.to_dollars()
    )]
    CashLacks {
        /// The bank's cash.
        cash: Amount,
    },
    /// The suspense account has not borne that much.
    #[error("the suspense account has borne {} dollars; there is no more to cover", .loss.to_dollars())]
    NothingToCover {
        /// What it has borne and nobody has covered.
        loss: Amount,
    },
    /// The ledger may have spent what the books still show.
    #[error("the books are catching up with the ledger; nothing is paid out before they have")]
    CatchingUp,
}

/// Money that moves between one row of `accounts` and the bank's cash.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtCounter<'a> {
    pub(super) account: &'a str,
    pub(super) direction: Direction,
    pub(super) cause: Cause,
    pub(super) amount: Amount,
    pub(super) reference: &'a str,
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
        let key = transfer.key.to_string();
        let money = AtCounter {
            account: &key,
            direction: transfer.direction,
            cause: transfer.direction.cause(),
            amount: transfer.amount,
            reference: transfer.reference,
        };
        money.check()?;
        let mut tx = self.write().await?;
        let unknown = || TransferError::UnknownAccount(Box::new(*transfer.key));
        let account = find(&mut tx, transfer.key).await?.ok_or_else(unknown)?;
        if money.is_entered(&mut tx).await? {
            return Ok(Transferred::AlreadyDone(account));
        }
        money.enter(&mut tx, now).await?;
        suspense::sweep(&mut tx, transfer.key, now).await?;
        let account = find(&mut tx, transfer.key).await?.ok_or_else(|| damaged("accounts", transfer.key))?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(Transferred::Done(account))
    }
}

impl AtCounter<'_> {
    /// Whether it is a transfer at all.
    pub(super) fn check(&self) -> Result<(), TransferError> {
        if self.amount == Amount::ZERO {
            return Err(TransferError::Nothing);
        }
        if self.reference.is_empty() || self.reference.len() > MAX_REFERENCE {
            return Err(TransferError::BadReference);
        }
        Ok(())
    }

    /// Whether the same was entered before.
    pub(super) async fn is_entered(&self, tx: &mut Tx) -> Result<bool, TransferError> {
        let select = "SELECT direction, amount FROM transfers WHERE account = $1 AND reference = $2";
        let known = sqlx::query(select)
            .bind(self.account)
            .bind(self.reference)
            .fetch_optional(&mut **tx)
            .await
            .map_err(StoreError::from)?;
        let Some(row) = known else { return Ok(false) };
        let (direction, amount) = (text_in::<String>(&row, "direction")?, amount_in(&row, "amount")?);
        if direction == self.direction.as_str() && amount == self.amount {
            Ok(true)
        } else {
            Err(TransferError::ReferenceUsed { direction, amount })
        }
    }

    /// Posts it and keeps its reference.
    pub(super) async fn enter(&self, tx: &mut Tx, now: Timestamp) -> Result<(), TransferError> {
        if self.direction == Direction::Withdrawal && pending::is_catching_up(tx).await? {
            return Err(TransferError::CatchingUp);
        }
        let micros = to_stored(self.amount)?;
        let to_account = if self.direction == Direction::Deposit { micros } else { -micros };
        let reason = Reason { cause: self.cause, channel: None, reference: self.reference, at: now };
        let side =
            |account: &str, micros| Posting { account: account.to_owned(), bucket: Bucket::Balance, micros };
        let postings = [side(self.account, to_account), side(CASH, -to_account)];
        let entry = post(tx, reason, &postings).await.map_err(|error| match error {
            PostError::Store(error) => TransferError::Store(error),
            PostError::Insufficient { account, holds, .. } => {
                let holds = Amount::from_micros(holds.unsigned_abs());
                if account == CASH {
                    TransferError::CashLacks { cash: holds }
                } else {
                    TransferError::Insufficient { available: holds }
                }
            }
        })?;
        let insert = "INSERT INTO transfers (account, reference, direction, amount, entry) VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(insert)
            .bind(self.account)
            .bind(self.reference)
            .bind(self.direction.as_str())
            .bind(micros)
            .bind(entry)
            .execute(&mut **tx)
            .await
            .map_err(StoreError::from)?;
        Ok(())
    }
}
