//! Reputations that the operator has set by hand: its last word on each holder.

use std::time::Duration;

use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::Reputation;

use super::{Account, Books, StoreError, Tx, account, stored_time, time_in};

/// Why a reputation has changed, in the statement.
const CAUSE: &str = "operator";

impl Books {
    /// Sets an account's reputation by hand; `None`: there is no such account.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_reputation(
        &self,
        key: &PublicKey,
        points: Reputation,
        now: Timestamp,
    ) -> Result<Option<Account>, StoreError> {
        let mut tx = self.write().await?;
        if account::find(&mut tx, key).await?.is_none() {
            return Ok(None);
        }
        // The last word is the latest one, also where the clock was set back.
        let after = last_word(&mut tx, key).await?;
        let after = after.and_then(|last| last.checked_add(Duration::from_millis(1)));
        let at = after.map_or(now, |after| after.max(now));
        keep(&mut tx, key, points, at, false).await?;
        let account = account::find(&mut tx, key).await?;
        tx.commit().await?;
        Ok(account)
    }
}

/// Takes the operator's word back from the log; `false`: the books have that word, or a later one. An account that is
/// lost with the books is opened again.
pub(super) async fn take_back(
    tx: &mut Tx,
    key: &PublicKey,
    points: Reputation,
    at: Timestamp,
) -> Result<bool, StoreError> {
    if last_word(tx, key).await?.is_some_and(|last| last >= at) {
        return Ok(false);
    }
    if account::find(tx, key).await?.is_none() {
        account::insert(tx, key, at).await?;
    }
    keep(tx, key, points, at, true).await?;
    Ok(true)
}

async fn keep(
    tx: &mut Tx,
    key: &PublicKey,
    points: Reputation,
    at: Timestamp,
    logged: bool,
) -> Result<(), StoreError> {
    account::change_reputation(tx, key, CAUSE, None, at, |_| points).await?;
    let upsert = "INSERT INTO set_reputations (account, points, at, logged) VALUES ($1, $2, $3, $4) \
                  ON CONFLICT (account) DO UPDATE SET points = excluded.points, at = excluded.at, \
                  logged = excluded.logged";
    sqlx::query(upsert)
        .bind(key.to_string())
        .bind(i64::from(points.as_points()))
        .bind(stored_time(at)?)
        .bind(i64::from(logged))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// When the operator last set it.
async fn last_word(tx: &mut Tx, key: &PublicKey) -> Result<Option<Timestamp>, StoreError> {
    let select = sqlx::query("SELECT at FROM set_reputations WHERE account = $1").bind(key.to_string());
    let row = select.fetch_optional(&mut **tx).await?;
    row.map(|row| time_in(&row, "at")).transpose()
}
