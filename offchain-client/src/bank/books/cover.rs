//! The bank's own money, which makes up for what the suspense account has borne [Spec §9].
//!
//! What suspense has paid stands in holders' accounts, and no cash came in for it: the last of them could not be paid
//! out. Own money that is brought in is cash against suspense, so nothing is made or lost. Should an account make up for
//! the same later, suspense comes to stand above zero, and as much can be taken out again.

use lockstep_protocol::amount::Amount;
use lockstep_protocol::time::Timestamp;
use sqlx::Row;

use super::entry::{Cause, SUSPENSE};
use super::transfer::AtCounter;
use super::{Books, Direction, SignedMicros, StoreError, TransferError, Tx, to_stored};

/// Own money to be entered.
#[derive(Clone, Debug)]
pub struct Cover<'a> {
    /// Into the bank's cash, or out of it again.
    pub direction: Direction,
    /// How much; above zero.
    pub amount: Amount,
    /// What makes it this movement and no other: saying the same again changes nothing.
    pub reference: &'a str,
}

/// What a cover came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// What the suspense account holds in all its parts; below zero it is a loss that nobody has covered.
    pub suspense: SignedMicros,
    /// Whether the same had been entered before.
    pub already_done: bool,
}

impl Books {
    /// Enters own money of the bank: in, as far as the suspense account has borne a loss; out, as far as that has come
    /// back. The same again changes nothing.
    ///
    /// # Errors
    /// [`TransferError`].
    pub async fn cover(&self, cover: Cover<'_>, now: Timestamp) -> Result<Covered, TransferError> {
        let cause = match cover.direction {
            Direction::Deposit => Cause::Covered,
            Direction::Withdrawal => Cause::CoverTakenBack,
        };
        let money = AtCounter {
            account: SUSPENSE,
            direction: cover.direction,
            cause,
            amount: cover.amount,
            reference: cover.reference,
        };
        money.check()?;
        let mut tx = self.write().await?;
        let suspense = holdings(&mut tx).await?;
        if money.is_entered(&mut tx).await? {
            return Ok(Covered { suspense: SignedMicros::from_micros(suspense), already_done: true });
        }
        let micros = to_stored(cover.amount)?;
        let own = Amount::from_micros(suspense.unsigned_abs());
        let (loss, surplus) = if suspense < 0 { (own, Amount::ZERO) } else { (Amount::ZERO, own) };
        match cover.direction {
            Direction::Deposit if cover.amount > loss => return Err(TransferError::NothingToCover { loss }),
            Direction::Withdrawal if cover.amount > surplus => {
                return Err(TransferError::Insufficient { available: surplus });
            }
            Direction::Deposit | Direction::Withdrawal => money.enter(&mut tx, now).await?,
        }
        tx.commit().await.map_err(StoreError::from)?;
        let change = if cover.direction == Direction::Deposit { micros } else { -micros };
        Ok(Covered { suspense: SignedMicros::from_micros(suspense + change), already_done: false })
    }
}

/// What the suspense account holds in all its parts: what it has set aside is not lost yet.
async fn holdings(tx: &mut Tx) -> Result<i64, StoreError> {
    let select = "SELECT balance, reserved, withheld FROM accounts WHERE account = $1";
    let row = sqlx::query(select).bind(SUSPENSE).fetch_one(&mut **tx).await?;
    let (balance, reserved, withheld): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let sum = balance.checked_add(reserved).and_then(|sum| sum.checked_add(withheld));
    sum.ok_or(StoreError::TooLarge)
}
