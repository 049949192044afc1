//! Channels whose opening the bank has signed: the reserve and the signature are one transaction [Spec §4].

use std::time::Duration;

use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::opening::{Approval, Opening, SignedOpening, SignedRequest, VerifiedRequest};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::time::{MaxDrift, Timestamp};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::entry::{Bucket, Cause, PostError, Posting, Reason, SUSPENSE, post};
use super::{Books, StoreError, Tx, account, alarm, amount_in, credential, damaged, flag_in, logged};
use super::{optional_text_in, stored_time, suspense, text_in, to_stored};

/// State of a channel that the ledger has not shown yet.
pub(super) const RESERVED: &str = "reserved";

/// A channel as the books have it.
#[derive(Clone, Debug)]
pub struct ChannelRow {
    /// Its id.
    pub channel: ChannelId,
    /// The account that pays; `None`: the suspense account.
    pub account: Option<PublicKey>,
    /// The vendor's key.
    pub vendor: PublicKey,
    /// F.
    pub total: Amount,
    /// What is set aside for it: F, less what the ledger's channel of the same request has taken over.
    pub reserve: Amount,
    /// How much of that the suspense account bears in the place of `account`; after the ending, what is still owed.
    pub stand_in: Amount,
    /// `reserved` until the ledger shows it, then the ledger's state.
    pub state: String,
    /// Whether posting has stopped.
    pub halted: bool,
    /// The opening with the bank's signature.
    pub opening: SignedOpening,
}

impl ChannelRow {
    /// Whether the ledger has not shown it yet.
    pub fn is_unseen(&self) -> bool {
        self.state == RESERVED
    }

    /// Whether the ledger has had it open.
    pub(super) fn was_opened(&self) -> bool {
        !self.is_unseen() && self.state != ChannelState::Cancelled.name()
    }
}

/// An opening that is, or is to be, in the log outside the backup cycle.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    /// What the client asked for.
    pub request: SignedRequest,
    /// What the bank signed.
    pub opening: SignedOpening,
}

/// An opening that is granted: F is reserved and the opening signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What was asked and what was signed.
    pub channel: NewChannel,
    /// Whether the same request had been granted before, so that nothing has changed.
    pub already_done: bool,
    /// Whether it is known to stand in the log outside the backup cycle.
    pub logged: bool,
}

/// The bank's own limits for an opening.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// D of the bank's registration.
    pub drift: MaxDrift,
    /// Longest time from now to a channel's expiry.
    pub max_life: Duration,
}

/// Why an opening is not granted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rules do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<sqlx::Error> for ReserveError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Books {
    /// Reserves F, and keeps the opening that `sign` makes, in one transaction; or finds what it answered to
    /// the same request before [Spec §4, §9].
    ///
    /// # Errors
    /// [`ReserveError`]; nothing has been reserved then.
    pub async fn reserve(
        &self,
        request: &VerifiedRequest,
        limits: Limits,
        now: Timestamp,
        sign: impl FnOnce(Opening) -> SignedOpening,
    ) -> Result<Granted, ReserveError> {
        let mut tx = self.write().await?;
        if let Some(known) = granted(&mut tx, request).await? {
            return Ok(known);
        }
        // Granted before the books were lost, and back from the ledger since: the same answer again [Spec §4].
        if suspense::adopt(&mut tx, request.as_signed(), None, now).await? {
            let known =
                granted(&mut tx, request).await?.ok_or_else(|| damaged("request", request.digest()))?;
            tx.commit().await?;
            return Ok(known);
        }
        let approval = approve(&mut tx, request, limits, now).await?;
        let opening = request.opening(approval, limits.drift)?;
        let channel = NewChannel { request: request.as_signed().clone(), opening: sign(opening) };
        let payer = request.request().account_key.to_string();
        let own = to_stored(channel.opening.opening().terms().total)?;
        let bearers = Bearers { payer, own, stand_in: 0 };
        enter(&mut tx, &channel, request.digest().to_string(), &bearers, now).await.map_err(|error| {
            match error {
                PostError::Store(error) => ReserveError::Store(error),
                PostError::Insufficient { .. } => ReserveError::Refused(Refusal::InsufficientFunds),
            }
        })?;
        tx.commit().await?;
        Ok(Granted { channel, already_done: false, logged: false })
    }

    /// Puts an opening of the log back into books that lack it, as after a restore; `false`: they have it.
    ///
    /// Where the client's account lacks money, the suspense account stands in for what is missing, with an alarm: the
    /// signature has left the bank, which owes F whatever its books have lost. The account owes it, and money that
    /// comes to it later takes its place. An account that is lost too is opened again: its key has signed the request.
    ///
    /// # Errors
    /// The database fails.
    pub async fn restore(&self, channel: &NewChannel, now: Timestamp) -> Result<bool, StoreError> {
        let id = channel.opening.opening().channel_id();
        let mut tx = self.write().await?;
        if find(&mut tx, &id).await?.is_some() {
            return Ok(false);
        }
        let key = channel.request.request().account_key;
        if account::find(&mut tx, &key).await?.is_none() {
            account::insert(&mut tx, &key, now).await?;
        }
        let holder = account::find(&mut tx, &key).await?.ok_or_else(|| damaged("accounts", key))?;
        let total = to_stored(channel.opening.opening().terms().total)?;
        let own = to_stored(holder.balance)?.min(total);
        let bearers = Bearers { payer: key.to_string(), own, stand_in: total - own };
        let digest = free_digest(&mut tx, &id, &channel.request).await?;
        match enter(&mut tx, channel, digest, &bearers, now).await {
            Ok(()) => {}
            Err(PostError::Store(error)) => return Err(error),
            Err(PostError::Insufficient { .. }) => return Err(damaged("balance", key)),
        }
        if bearers.stand_in > 0 {
            alarm::note(&mut tx, &id, alarm::MONEY_LACKS, now).await?;
        }
        mark_logged(&mut tx, &id).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Openings that are not known to stand in the log, at most a thousand.
    ///
    /// # Errors
    /// The database fails.
    pub async fn not_logged(&self) -> Result<Vec<NewChannel>, StoreError> {
        let select =
            "SELECT signed_request, opening FROM channels WHERE logged = 0 ORDER BY channel LIMIT 1000";
        let rows = sqlx::query(select).fetch_all(&self.pool).await?;
        rows.iter().map(documents).collect()
    }

    /// Keeps that an opening stands in the log.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_logged(&self, id: &ChannelId) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        mark_logged(&mut tx, id).await?;
        Ok(tx.commit().await?)
    }

    /// Up to a thousand openings that are known to stand in the log, those after `after`, in order.
    ///
    /// # Errors
    /// The database fails.
    pub async fn logged(&self, after: Option<&ChannelId>) -> Result<Vec<ChannelId>, StoreError> {
        let select = "SELECT channel FROM channels WHERE logged = 1 AND signed_request <> '' AND channel > $1 \
                      ORDER BY channel LIMIT 1000";
        let after = after.map_or_else(String::new, ToString::to_string);
        let rows = sqlx::query(select).bind(after).fetch_all(&self.pool).await?;
        rows.iter().map(|row| text_in(row, "channel")).collect()
    }

    /// Forgets what stands in the log, so that all of it is written again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_log(&self) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query("UPDATE channels SET logged = 0 WHERE signed_request <> ''").execute(&mut *tx).await?;
        logged::forget(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// A channel as the books have it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn channel(&self, id: &ChannelId) -> Result<Option<ChannelRow>, StoreError> {
        find(&mut self.read().await?, id).await
    }
}

async fn granted(tx: &mut Tx, request: &VerifiedRequest) -> Result<Option<Granted>, StoreError> {
    let select = "SELECT signed_request, opening, logged FROM channels WHERE request = $1";
    let row = sqlx::query(select).bind(request.digest().to_string()).fetch_optional(&mut **tx).await?;
    let granted = |row: &AnyRow| {
        Ok(Granted { channel: documents(row)?, already_done: true, logged: flag_in(row, "logged")? })
    };
    row.as_ref().map(granted).transpose()
}

/// What the bank adds to a request, if its own rules allow it.
async fn approve(
    tx: &mut Tx,
    request: &VerifiedRequest,
    limits: Limits,
    now: Timestamp,
) -> Result<Approval, ReserveError> {
    let asked = request.request();
    // 1. both parties have accounts, and nonce and payment key are fresh [Spec §4].
    let client = account::find(tx, &asked.account_key).await?.ok_or(Refusal::UnknownAccount)?;
    let vendor = account::find(tx, &asked.vendor_key).await?.ok_or(Refusal::UnknownVendor)?;
    refuse_reuse(tx, request).await?;
    // 2. identities: the client names one of its own unexpired, the vendor's is its newest [Spec §3].
    let named = credential::find(tx, &asked.client_identity).await?;
    let named = named.filter(|row| row.account == asked.account_key).ok_or(Refusal::UnknownIdentity)?;
    if named.expires <= now {
        return Err(Refusal::CredentialExpired.into());
    }
    let newest = credential::newest(tx, &asked.vendor_key).await?;
    let newest = newest.filter(|row| row.expires > now).ok_or(Refusal::VendorWithoutCredential)?;
    // 3. the bank caps a channel's life [Spec §4].
    let last = now.checked_add(limits.max_life).ok_or(Refusal::LifeTooLong)?;
    if asked.expiry > last {
        return Err(Refusal::LifeTooLong.into());
    }
    Ok(Approval {
        vendor_identity: newest.root,
        client_reputation: client.reputation,
        vendor_reputation: vendor.reputation,
        opened: now,
    })
}

/// A payment key opens one channel at this bank, whoever asks: the contract refuses a second one [Spec §8].
async fn refuse_reuse(tx: &mut Tx, request: &VerifiedRequest) -> Result<(), ReserveError> {
    let asked = request.request();
    let by_nonce = sqlx::query("SELECT 1 FROM channels WHERE account = $1 AND nonce = $2")
        .bind(asked.account_key.to_string())
        .bind(asked.nonce.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    if by_nonce.is_some() {
        return Err(Refusal::NonceUsed.into());
    }
    let by_key = sqlx::query("SELECT 1 FROM channels WHERE payment_key = $1")
        .bind(asked.payment_key.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    if by_key.is_some() { Err(Refusal::PaymentKeyUsed.into()) } else { Ok(()) }
}

/// Sets F aside in `payer`'s account and keeps the opening.
async fn enter(
    tx: &mut Tx,
    channel: &NewChannel,
    digest: String,
    bearers: &Bearers,
    now: Timestamp,
) -> Result<(), PostError> {
    let request = (digest, json("signed_request", &channel.request)?);
    insert(tx, &channel.opening, bearers, request, now).await?;
    set_aside(tx, bearers, Cause::Reserve, &channel.opening.opening().channel_id(), now).await
}

/// Keeps a channel whose request is not known.
pub(super) async fn insert_unknown(
    tx: &mut Tx,
    opening: &SignedOpening,
    bearers: &Bearers,
    now: Timestamp,
) -> Result<(), StoreError> {
    let request = (opening.opening().channel_id().to_string(), String::new());
    insert(tx, opening, bearers, request, now).await?;
    // The log is for what the bank signs now; this came back from the ledger.
    mark_logged(tx, &opening.opening().channel_id()).await
}

async fn insert(
    tx: &mut Tx,
    signed: &SignedOpening,
    bearers: &Bearers,
    (digest, request): (String, String),
    now: Timestamp,
) -> Result<(), StoreError> {
    let opening = signed.opening();
    let terms = opening.terms();
    let insert = "INSERT INTO channels (channel, account, vendor, payment_key, nonce, request, signed_request, \
                  opening, total, state, logged, halted, created, due, reserve, stand_in) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, $11, $12, $13, $14)";
    sqlx::query(insert)
        .bind(opening.channel_id().to_string())
        .bind(&bearers.payer)
        .bind(terms.vendor_key.to_string())
        .bind(terms.client_key.to_string())
        .bind(terms.nonce.to_string())
        .bind(digest)
        .bind(request)
        .bind(json("opening", signed)?)
        .bind(to_stored(terms.total)?)
        .bind(RESERVED)
        .bind(stored_time(now)?)
        // Nothing is to be done for it before that.
        .bind(stored_time(terms.open_by)?)
        .bind(bearers.own + bearers.stand_in)
        .bind(bearers.stand_in)
        .execute(&mut **tx)
        .await?;
    logged::take_back_awaited(tx, &opening.channel_id(), now).await
}

/// Who sets aside how much for a channel.
#[derive(Clone, Debug)]
pub(super) struct Bearers {
    /// The row of the account that pays.
    pub(super) payer: String,
    /// What it sets aside itself.
    pub(super) own: i64,
    /// What the suspense account sets aside in its place.
    pub(super) stand_in: i64,
}

/// Moves what is set aside from balances to reserves.
pub(super) async fn set_aside(
    tx: &mut Tx,
    bearers: &Bearers,
    cause: Cause,
    id: &ChannelId,
    now: Timestamp,
) -> Result<(), PostError> {
    let side = |account: &str, bucket, micros| Posting { account: account.to_owned(), bucket, micros };
    let postings = [
        side(&bearers.payer, Bucket::Balance, -bearers.own),
        side(&bearers.payer, Bucket::Reserved, bearers.own),
        side(SUSPENSE, Bucket::Balance, -bearers.stand_in),
        side(SUSPENSE, Bucket::Reserved, bearers.stand_in),
    ];
    let reason = Reason { cause, channel: Some(id), reference: "", at: now };
    post(tx, reason, &postings).await.map(drop)
}

/// All channels under a client's payment key, the oldest first.
pub(super) async fn find_by_payment_key(tx: &mut Tx, key: &PublicKey) -> Result<Vec<ChannelRow>, StoreError> {
    let select = "SELECT * FROM channels WHERE payment_key = $1 ORDER BY created, channel";
    let rows = sqlx::query(select).bind(key.to_string()).fetch_all(&mut **tx).await?;
    rows.iter().map(read).collect()
}

/// The request that a channel was granted for, if the books know it.
pub(super) async fn request_of(tx: &mut Tx, id: &ChannelId) -> Result<Option<SignedRequest>, StoreError> {
    let select = "SELECT signed_request FROM channels WHERE channel = $1 AND signed_request <> ''";
    let row = sqlx::query(select).bind(id.to_string()).fetch_optional(&mut **tx).await?;
    row.map(|row| parse(&row, "signed_request")).transpose()
}

/// Takes a channel's request away from it, if `opening` answers that as well.
pub(super) async fn take_request(
    tx: &mut Tx,
    id: &ChannelId,
    opening: &Opening,
) -> Result<Option<SignedRequest>, StoreError> {
    let request = request_of(tx, id).await?;
    let request = request.filter(|request| request.request().check_answer(opening).is_ok());
    if request.is_some() {
        sqlx::query("UPDATE channels SET request = $1, signed_request = '' WHERE channel = $1")
            .bind(id.to_string())
            .execute(&mut **tx)
            .await?;
    }
    Ok(request)
}

/// The request's digest, or the channel's id where a request that was answered twice, the first answer lost with the
/// books, has its digest taken by the other answer.
async fn free_digest(tx: &mut Tx, id: &ChannelId, request: &SignedRequest) -> Result<String, StoreError> {
    let digest = request.request().digest().to_string();
    let taken = sqlx::query("SELECT 1 FROM channels WHERE request = $1").bind(&digest);
    let taken = taken.fetch_optional(&mut **tx).await?.is_some();
    Ok(if taken { id.to_string() } else { digest })
}

/// Keeps the request of a channel that the books know from the ledger alone; the log is to learn of it.
pub(super) async fn keep_request(
    tx: &mut Tx,
    id: &ChannelId,
    request: &SignedRequest,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE channels SET request = $1, signed_request = $2, logged = 0 WHERE channel = $3")
        .bind(free_digest(tx, id, request).await?)
        .bind(json("signed_request", request)?)
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) async fn find(tx: &mut Tx, id: &ChannelId) -> Result<Option<ChannelRow>, StoreError> {
    let row = sqlx::query("SELECT * FROM channels WHERE channel = $1")
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    row.as_ref().map(read).transpose()
}

async fn mark_logged(tx: &mut Tx, id: &ChannelId) -> Result<(), StoreError> {
    let update = "UPDATE channels SET logged = 1 WHERE channel = $1";
    sqlx::query(update).bind(id.to_string()).execute(&mut **tx).await?;
    Ok(())
}

fn json<T: serde::Serialize>(column: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged(column, error))
}

fn parse<T: serde::de::DeserializeOwned>(row: &AnyRow, column: &'static str) -> Result<T, StoreError> {
    let stored: String = row.try_get(column)?;
    serde_json::from_str(&stored).map_err(|error| damaged(column, error))
}

fn documents(row: &AnyRow) -> Result<NewChannel, StoreError> {
    Ok(NewChannel { request: parse(row, "signed_request")?, opening: parse(row, "opening")? })
}

pub(super) fn read(row: &AnyRow) -> Result<ChannelRow, StoreError> {
    let payer: String = row.try_get("account")?;
    Ok(ChannelRow {
        channel: text_in(row, "channel")?,
        account: if payer == SUSPENSE { None } else { optional_text_in(row, "account")? },
        vendor: text_in(row, "vendor")?,
        total: amount_in(row, "total")?,
        reserve: amount_in(row, "reserve")?,
        stand_in: amount_in(row, "stand_in")?,
        state: row.try_get("state")?,
        halted: flag_in(row, "halted")?,
        opening: parse(row, "opening")?,
    })
}
