//! Credentials that the bank has signed.

use lockstep_protocol::credential::Credential;
use lockstep_protocol::hash::IdentityRoot;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::entry::next_number;
use super::{Books, StoreError, Tx, stored_time, text_in, time_in};

/// Most credentials in date that one account can have: one for every opening of a client that opens often.
const MAX_IN_DATE: i64 = 2_000;

/// What the books keep of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialRow {
    /// Its attribute root.
    pub root: IdentityRoot,
    /// The account key that it is on.
    pub account: PublicKey,
    /// Since when it is valid.
    pub issued: Timestamp,
    /// Until when it is valid.
    pub expires: Timestamp,
}

impl Books {
    /// Keeps a credential before it leaves the bank, and forgets the account's expired ones. `false`: the
    /// account has as many as it can have.
    ///
    /// # Errors
    /// The database fails.
    pub async fn keep_credential(&self, credential: &Credential, now: Timestamp) -> Result<bool, StoreError> {
        let account = credential.public_key().to_string();
        let mut tx = self.write().await?;
        sqlx::query("DELETE FROM credentials WHERE account = $1 AND expires <= $2")
            .bind(&account)
            .bind(stored_time(now)?)
            .execute(&mut *tx)
            .await?;
        let row = sqlx::query("SELECT COUNT(*) FROM credentials WHERE account = $1")
            .bind(&account)
            .fetch_one(&mut *tx)
            .await?;
        if row.try_get::<i64, _>(0)? >= MAX_IN_DATE {
            return Ok(false);
        }
        let serial = next_number(&mut tx, "SELECT COALESCE(MAX(serial), 0) + 1 FROM credentials").await?;
        let insert = "INSERT INTO credentials (root, serial, account, issued, expires, signature) \
                      VALUES ($1, $2, $3, $4, $5, $6)";
        sqlx::query(insert)
            .bind(credential.root().to_string())
            .bind(serial)
            .bind(&account)
            .bind(stored_time(credential.issued())?)
            .bind(stored_time(credential.expires())?)
            .bind(credential.signature().to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The newest credential of an account that is in date.
    ///
    /// # Errors
    /// The database fails.
    pub async fn newest_credential(
        &self,
        key: &PublicKey,
        now: Timestamp,
    ) -> Result<Option<CredentialRow>, StoreError> {
        let newest = newest(&mut self.read().await?, key).await?;
        Ok(newest.filter(|row| row.expires > now))
    }
}

/// The credential with this root.
pub(super) async fn find(tx: &mut Tx, root: &IdentityRoot) -> Result<Option<CredentialRow>, StoreError> {
    let select = "SELECT root, account, issued, expires FROM credentials WHERE root = $1";
    let row = sqlx::query(select).bind(root.to_string()).fetch_optional(&mut **tx).await?;
    row.as_ref().map(read).transpose()
}

/// The newest credential of an account.
pub(super) async fn newest(tx: &mut Tx, key: &PublicKey) -> Result<Option<CredentialRow>, StoreError> {
    let select = "SELECT root, account, issued, expires FROM credentials WHERE account = $1 \
                  ORDER BY serial DESC LIMIT 1";
    let row = sqlx::query(select).bind(key.to_string()).fetch_optional(&mut **tx).await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &AnyRow) -> Result<CredentialRow, StoreError> {
    Ok(CredentialRow {
        root: text_in(row, "root")?,
        account: text_in(row, "account")?,
        issued: time_in(row, "issued")?,
        expires: time_in(row, "expires")?,
    })
}
