//! The suspense account: what it bears in the place of a client, and how it gets it back [Spec §9].
//!
//! It stands in where the books have lost an opening (nobody is known who owes it) and where an opening has come back
//! to an account that lacks the money (the account owes it). Money that comes to that account later takes its place.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState};
use lockstep_protocol::opening::SignedRequest;
use lockstep_protocol::time::Timestamp;
use sqlx::Row;

use super::channel::{Bearers, RESERVED, find_by_payment_key, insert_unknown, keep_request, set_aside};
use super::entry::{Bucket, Cause, PostError, Posting, Reason, SUSPENSE, post};
use super::{
    Books, ChannelRow, StoreError, Tx, account, alarm, amount_in, channel, damaged, fraud, to_stored,
};

/// What payer and suspense account still have in a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    /// The payer's part.
    own: i64,
    /// The suspense account's part.
    stand_in: i64,
}

impl Shares {
    /// Of a channel from which the vendor has been paid `paid` already: the payer's part went first.
    pub(super) fn of(row: &ChannelRow, paid: i64) -> Result<Self, StoreError> {
        let stand_in = to_stored(row.stand_in)?;
        let own = to_stored(row.reserve)? - stand_in;
        let first = paid.min(own);
        Ok(Self { own: own - first, stand_in: stand_in - (paid - first) })
    }

    /// Takes an amount out, the payer's part first: (payer's, suspense account's).
    pub(super) fn take(&mut self, micros: i64) -> (i64, i64) {
        let own = micros.min(self.own);
        self.own -= own;
        self.stand_in -= micros - own;
        (own, micros - own)
    }

    /// Takes all that is left.
    pub(super) fn take_rest(&mut self) -> (i64, i64) {
        let rest = (self.own, self.stand_in);
        (self.own, self.stand_in) = (0, 0);
        rest
    }
}

/// For a channel that the ledger shows open and the books do not know, and whose opening this bank has signed: the
/// reserve of the request in which its payment key stands, else the suspense account pays F, as the bank's loss.
pub(super) async fn take_in(
    tx: &mut Tx,
    record: &ChannelRecord,
    now: Timestamp,
) -> Result<ChannelRow, PostError> {
    let id = record.channel_id();
    let terms = record.opening().terms();
    let others = find_by_payment_key(tx, &terms.client_key).await?;
    // A request for less is none for this channel.
    let asked = |row: &&ChannelRow| row.is_unseen() && row.account.is_some() && row.reserve >= terms.total;
    match others.iter().find(asked) {
        Some(request) => take_over(tx, record, request, now).await?,
        None => {
            let bearers = Bearers { payer: SUSPENSE.to_owned(), own: to_stored(terms.total)?, stand_in: 0 };
            insert_unknown(tx, record.signed_opening(), &bearers, now).await?;
            set_aside(tx, &bearers, Cause::Opened, &id, now).await?;
            alarm::note(tx, &id, alarm::IN_SUSPENSE, now).await?;
        }
    }
    known(tx, &id).await
}

/// The books granted the request again, after they had lost what they granted before. One payment key opens one
/// channel, so the newer opening can come to nothing; account and reserve move to the one on the ledger [Spec §9].
async fn take_over(
    tx: &mut Tx,
    record: &ChannelRecord,
    from: &ChannelRow,
    now: Timestamp,
) -> Result<(), PostError> {
    let id = record.channel_id();
    let payer = from.account.map_or_else(|| SUSPENSE.to_owned(), |key| key.to_string());
    let (own, stand_in) = Shares::of(from, 0)?.take(to_stored(record.opening().terms().total)?);
    let bearers = Bearers { payer: payer.clone(), own, stand_in };
    insert_unknown(tx, record.signed_opening(), &bearers, now).await?;
    sqlx::query("UPDATE channels SET reserve = $1, stand_in = $2 WHERE channel = $3")
        .bind(to_stored(from.reserve)? - own - stand_in)
        .bind(to_stored(from.stand_in)? - stand_in)
        .bind(from.channel.to_string())
        .execute(&mut **tx)
        .await?;
    let side =
        |account: &str, micros| Posting { account: account.to_owned(), bucket: Bucket::Reserved, micros };
    let postings =
        [side(&payer, -own), side(&payer, own), side(SUSPENSE, -stand_in), side(SUSPENSE, stand_in)];
    let reference = from.channel.to_string();
    let reason = Reason { cause: Cause::TakenOver, channel: Some(&id), reference: &reference, at: now };
    post(tx, reason, &postings).await?;
    // The same request again is answered with what is on the ledger [Spec §4].
    if let Some(request) = channel::take_request(tx, &from.channel, record.opening()).await? {
        keep_request(tx, &id, &request).await?;
    }
    Ok(())
}

impl Books {
    /// Gives a channel that the books know from the ledger alone to the account that asked for it with `request`: that
    /// account owes what the suspense account has borne, and loses the points of a conviction. `false`: the books know another answer to whom it belongs.
    ///
    /// # Errors
    /// The database fails.
    pub async fn adopt(
        &self,
        id: &ChannelId,
        request: &SignedRequest,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let adopted = adopt(&mut tx, request, Some(id), now).await?;
        tx.commit().await?;
        Ok(adopted)
    }
}

/// As [`Books::adopt`], for any channel that `request` may have been answered with: the one that was opened, if one
/// was. The request's signatures have been checked.
pub(super) async fn adopt(
    tx: &mut Tx,
    request: &SignedRequest,
    only: Option<&ChannelId>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let asked = request.request();
    let mut answers = find_by_payment_key(tx, &asked.payment_key).await?;
    answers.retain(|row| {
        row.account.is_none()
            && asked.check_answer(row.opening.opening()).is_ok()
            && only.is_none_or(|id| *id == row.channel)
    });
    let Some(row) = answers.into_iter().max_by_key(ChannelRow::was_opened) else { return Ok(false) };
    if channel::request_of(tx, &row.channel).await?.is_some() {
        return Ok(false);
    }
    // What has left the suspense account for this channel and has not come back.
    let select = "SELECT CAST(COALESCE(-SUM(p.amount), 0) AS BIGINT) FROM postings p \
                  JOIN entries e ON e.entry = p.entry WHERE e.channel = $1 AND p.account = $2 \
                  AND p.bucket = 'balance'";
    let borne = sqlx::query(select).bind(row.channel.to_string()).bind(SUSPENSE);
    let borne: i64 = borne.fetch_one(&mut **tx).await?.try_get(0)?;
    if account::find(tx, &asked.account_key).await?.is_none() {
        account::insert(tx, &asked.account_key, now).await?;
    }
    sqlx::query("UPDATE channels SET account = $1, stand_in = $2 WHERE channel = $3")
        .bind(asked.account_key.to_string())
        .bind(borne)
        .bind(row.channel.to_string())
        .execute(&mut **tx)
        .await?;
    keep_request(tx, &row.channel, request).await?;
    fraud::cut_when_known(tx, &row.channel, &asked.account_key, now).await?;
    if borne == 0 {
        alarm::borne_no_more(tx, &row.channel, now).await?;
    }
    sweep(tx, &asked.account_key, now).await?;
    Ok(true)
}

/// Lets what an account has take the place of what the suspense account bears for it, the oldest channel first.
/// Called in every transaction that may have credited the account.
pub(super) async fn sweep(tx: &mut Tx, key: &PublicKey, now: Timestamp) -> Result<(), StoreError> {
    let select = "SELECT * FROM channels WHERE account = $1 AND stand_in > 0 AND halted = 0 \
                  ORDER BY created, channel";
    let owing = sqlx::query(select).bind(key.to_string()).fetch_all(&mut **tx).await?;
    for row in &owing {
        let row = channel::read(row)?;
        let holder = account::find(tx, key).await?.ok_or_else(|| damaged("accounts", key))?;
        let micros = to_stored(holder.balance.min(row.stand_in))?;
        if micros == 0 {
            break;
        }
        let postings = swept(tx, &row, key, micros).await?;
        let reason = Reason { cause: Cause::Swept, channel: Some(&row.channel), reference: "", at: now };
        post(tx, reason, &postings).await.map_err(|error| match error {
            PostError::Store(error) => error,
            insufficient => damaged("stand_in", insufficient),
        })?;
        let left = to_stored(row.stand_in)? - micros;
        owe(tx, &row.channel, left, now).await?;
    }
    Ok(())
}

/// Where the money goes: into the place of what the suspense account has set aside, and to it for what it has paid.
async fn swept(
    tx: &mut Tx,
    row: &ChannelRow,
    key: &PublicKey,
    micros: i64,
) -> Result<Vec<Posting>, StoreError> {
    let place = match row.state.as_str() {
        state if state == RESERVED || state == ChannelState::Open.name() => Some(Bucket::Reserved),
        state if state == ChannelState::Frozen.name() || state == ChannelState::Claimed.name() => {
            Some(Bucket::Withheld)
        }
        _ => None,
    };
    let set_aside = match place {
        None => 0,
        Some(_) => {
            let paid = claimed(tx, &row.channel).await?;
            let own = to_stored(row.reserve)? - to_stored(row.stand_in)?;
            micros - (paid.min(own + micros) - paid.min(own))
        }
    };
    let side = |account: &str, bucket, micros| Posting { account: account.to_owned(), bucket, micros };
    let holder = key.to_string();
    let bucket = place.unwrap_or(Bucket::Balance);
    Ok(vec![
        side(&holder, Bucket::Balance, -micros),
        side(&holder, bucket, set_aside),
        side(SUSPENSE, bucket, -set_aside),
        side(SUSPENSE, Bucket::Balance, micros),
    ])
}

/// Keeps what an account owes for a channel.
pub(super) async fn owe(tx: &mut Tx, id: &ChannelId, micros: i64, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE channels SET stand_in = $1 WHERE channel = $2")
        .bind(micros)
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    if micros == 0 { alarm::borne_no_more(tx, id, now).await } else { Ok(()) }
}

/// What has been posted to the vendor for its claim on a frozen channel; zero: nothing.
pub(super) async fn claimed(tx: &mut Tx, id: &ChannelId) -> Result<i64, StoreError> {
    let select = "SELECT postings.amount FROM entries JOIN postings ON postings.entry = entries.entry \
                  WHERE entries.channel = $1 AND entries.cause = $2 AND postings.amount > 0";
    let row = sqlx::query(select)
        .bind(id.to_string())
        .bind(Cause::Claimed.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    // A channel is claimed once, and one claim moves one amount.
    row.map_or(Ok(0), |row| to_stored(amount_in(&row, "amount")?))
}

async fn known(tx: &mut Tx, id: &ChannelId) -> Result<ChannelRow, PostError> {
    Ok(channel::find(tx, id).await?.ok_or_else(|| damaged("channels", id))?)
}
