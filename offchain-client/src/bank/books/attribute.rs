//! What the operator has verified about holders.

use lockstep_protocol::hash::ShortText;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::find;
use super::{Books, StoreError, damaged, stored_time, text_in, time_in};

/// An attribute of a holder that the bank stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedAttribute {
    /// Its name, such as `country`.
    pub name: ShortText,
    /// Its value, such as `MO`.
    pub value: ShortText,
    /// When the operator verified it.
    pub verified: Timestamp,
}

impl Books {
    /// Records what the operator has verified; a second value of one name takes the first one's place in later
    /// credentials. `false`: there is no such account.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_attribute(
        &self,
        key: &PublicKey,
        name: &ShortText,
        value: &ShortText,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        if find(&mut tx, key).await?.is_none() {
            return Ok(false);
        }
        let upsert = "INSERT INTO attributes (account, name, value, verified) VALUES ($1, $2, $3, $4) \
                      ON CONFLICT (account, name) DO UPDATE SET value = excluded.value, verified = excluded.verified";
        sqlx::query(upsert)
            .bind(key.to_string())
            .bind(name.as_str())
            .bind(value.as_str())
            .bind(stored_time(now)?)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// What the operator has verified about a holder, in the order of the names.
    ///
    /// # Errors
    /// The database fails.
    pub async fn attributes(&self, key: &PublicKey) -> Result<Vec<VerifiedAttribute>, StoreError> {
        let select = "SELECT name, value, verified FROM attributes WHERE account = $1 ORDER BY name";
        let rows = sqlx::query(select).bind(key.to_string()).fetch_all(&self.pool).await?;
        let short = |text: String, column| ShortText::new(text).map_err(|_| damaged(column, "a long text"));
        rows.iter()
            .map(|row| {
                Ok(VerifiedAttribute {
                    name: short(text_in(row, "name")?, "name")?,
                    value: short(text_in(row, "value")?, "value")?,
                    verified: time_in(row, "verified")?,
                })
            })
            .collect()
    }
}
