//! Applying ledger events: postings, reputations, checkpoint, one transaction for each event [Spec §9].
//!
//! What moves, and whether it may, the protocol crate says ([`lockstep_protocol::posting`]); here it is entered
//! once, in the order in which the channel's states follow one another.

use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState};
use lockstep_protocol::posting::{Movement, Pot};
use lockstep_protocol::time::Timestamp;
use sqlx::Row;

use super::channel::{Bearers, RESERVED};
use super::entry::{Bucket, Cause, PostError, Posting, Reason, SUSPENSE, post};
use super::pending::{self, NEVER};
use super::suspense::{self, Shares};
use super::{Books, ChannelRow, StoreError, Tx, account, alarm, channel, damaged, fraud, lookup};
use super::{stored_time, to_stored};
use crate::ledger::{EventCheckpoint, LedgerEvent, TransactionId};

/// What one change of an event means for the books.
#[derive(Clone, Debug)]
pub enum Settlement {
    /// The channel is another bank's.
    Foreign,
    /// A change that the rules allow, checked from the ledger's record.
    Post {
        /// The state that the channel entered.
        state: ChannelState,
        /// What it moves.
        movements: Vec<Movement>,
        /// The record that it was checked against.
        record: Box<ChannelRecord>,
    },
    /// A change that the rules do not allow.
    Alarm {
        /// The channel.
        channel: ChannelId,
        /// Why not.
        reason: String,
    },
}

/// What applying an event came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Changes that were posted.
    pub posted: u32,
    /// Changes that had been posted before.
    pub already_done: u32,
    /// Changes that raised an alarm.
    pub alarms: u32,
    /// Changes on channels for which posting has stopped.
    pub halted: u32,
}

/// Why an event cannot be applied; nothing of it has been.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bucket would fall below zero: the books contradict themselves.
    #[error("the books contradict themselves: {0}")]
    Contradiction(String),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<PostError> for ApplyError {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Store(error) => Self::Store(error),
            insufficient => Self::Contradiction(insufficient.to_string()),
        }
    }
}

impl Books {
    /// The last event that was applied; `None`: none was.
    ///
    /// # Errors
    /// The database fails.
    pub async fn checkpoint(&self) -> Result<Option<EventCheckpoint>, StoreError> {
        let row = sqlx::query("SELECT block, tx_id FROM checkpoint").fetch_optional(&self.pool).await?;
        row.map(|row| {
            let stored: i64 = row.try_get(0)?;
            let block = u64::try_from(stored).map_err(|_| damaged("block", stored))?;
            Ok(EventCheckpoint { block, tx_id: TransactionId::new(row.try_get::<String, _>(1)?) })
        })
        .transpose()
    }

    /// What has been posted to a vendor for its claim on a frozen channel; zero: nothing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn claimed(&self, channel: &ChannelId) -> Result<Amount, StoreError> {
        let micros = suspense::claimed(&mut self.read().await?, channel).await?;
        u64::try_from(micros).map(Amount::from_micros).map_err(|_| damaged("amount", micros))
    }

    /// Applies an event with what its changes mean, and moves the checkpoint, in one transaction. A change
    /// that was applied before is passed over.
    ///
    /// # Errors
    /// [`ApplyError`].
    pub async fn apply(
        &self,
        event: &LedgerEvent,
        settlements: &[Settlement],
        now: Timestamp,
    ) -> Result<Applied, ApplyError> {
        let mut tx = self.write().await?;
        let (checkpoint, mut applied) = (event.checkpoint(), Applied::default());
        for settlement in settlements {
            apply_one(&mut tx, &mut applied, Some(&checkpoint), settlement, now).await?;
        }
        move_checkpoint(&mut tx, &checkpoint).await?;
        tx.commit().await?;
        Ok(applied)
    }

    /// Applies a change that the books have missed and that the channel's record on the ledger has been through.
    /// One that was applied before is passed over; the checkpoint stays.
    ///
    /// # Errors
    /// [`ApplyError`].
    pub async fn catch_up(&self, settlement: &Settlement, now: Timestamp) -> Result<Applied, ApplyError> {
        let mut applied = Applied::default();
        let mut tx = self.write().await?;
        apply_one(&mut tx, &mut applied, None, settlement, now).await?;
        tx.commit().await?;
        Ok(applied)
    }
}

async fn apply_one(
    tx: &mut Tx,
    applied: &mut Applied,
    seen: Option<&EventCheckpoint>,
    settlement: &Settlement,
    now: Timestamp,
) -> Result<(), ApplyError> {
    let counter = match settlement {
        Settlement::Foreign => return Ok(()),
        Settlement::Alarm { channel, reason } => {
            alarm::raise(tx, channel, reason, now).await?;
            &mut applied.alarms
        }
        Settlement::Post { state, movements, record } => {
            let change = Change { seen, state: *state, movements, record };
            match settle(tx, &change, now).await? {
                Settled::Posted => &mut applied.posted,
                Settled::AlreadyDone => &mut applied.already_done,
                Settled::Halted => &mut applied.halted,
                Settled::Alarmed => &mut applied.alarms,
            }
        }
    };
    *counter += 1;
    Ok(())
}

enum Settled {
    Posted,
    AlreadyDone,
    Halted,
    Alarmed,
}

/// A change that is allowed, with where it comes from.
struct Change<'a> {
    /// The event; `None` for what the books had missed.
    seen: Option<&'a EventCheckpoint>,
    state: ChannelState,
    movements: &'a [Movement],
    record: &'a ChannelRecord,
}

async fn settle(tx: &mut Tx, change: &Change<'_>, now: Timestamp) -> Result<Settled, ApplyError> {
    let id = change.record.channel_id();
    // 1. exactly once: (channel, new state) is the event's id.
    let known = sqlx::query("SELECT 1 FROM applied WHERE channel = $1 AND state = $2")
        .bind(id.to_string())
        .bind(change.state.name())
        .fetch_optional(&mut **tx)
        .await?;
    if known.is_some() {
        return Ok(Settled::AlreadyDone);
    }
    // 2. an alarm stops the posting for its channel.
    let found = channel::find(tx, &id).await?;
    let halted = match &found {
        Some(row) => row.halted,
        // What the ledger shows of it is asked for: an event ahead of that finds nothing to follow on.
        None => alarm::stands(tx, &id).await? || (change.seen.is_some() && lookup::is_asked(tx, &id).await?),
    };
    if halted {
        return Ok(Settled::Halted);
    }
    // 3. one payment key opens one channel [Spec §8].
    let terms = change.record.opening().terms();
    if change.state == ChannelState::Open {
        let others = channel::find_by_payment_key(tx, &terms.client_key).await?;
        let opened = |other: &&ChannelRow| other.channel != id && other.was_opened();
        if let Some(other) = others.iter().find(opened) {
            let reason = format!("open on the ledger under the payment key of channel {}", other.channel);
            alarm::raise(tx, &id, &reason, now).await?;
            return Ok(Settled::Alarmed);
        }
    }
    // 4. the channel, also one that the books have lost.
    let row = match found {
        Some(row) => row,
        None if change.state == ChannelState::Open => suspense::take_in(tx, change.record, now).await?,
        None if change.state == ChannelState::Cancelled => {
            // Nothing is set aside for it, so nothing is freed; its request may be granted otherwise.
            let bearers = Bearers { payer: SUSPENSE.to_owned(), own: 0, stand_in: 0 };
            channel::insert_unknown(tx, change.record.signed_opening(), &bearers, now).await?;
            channel::find(tx, &id).await?.ok_or_else(|| damaged("channels", id))?
        }
        None => {
            let reason = format!("{} on the ledger, and never opened", change.state);
            alarm::raise(tx, &id, &reason, now).await?;
            return Ok(Settled::Alarmed);
        }
    };
    // 5. the change must follow on what the books have seen.
    if !follows(&row.state, change.state) {
        let reason = format!("{} on the ledger after {}", change.state, row.state);
        alarm::raise(tx, &id, &reason, now).await?;
        return Ok(Settled::Alarmed);
    }
    // 6. money, reputation, state, and the event's id.
    post_change(tx, &row, change.state, change.movements, now).await?;
    if change.record.release().is_some() && change.state == ChannelState::Closed {
        reward(tx, &row, now).await?;
    }
    if change.state == ChannelState::Frozen {
        fraud::convict_as_recorded(tx, &row, change.record, now).await?;
    }
    keep_applied(tx, change, now).await?;
    // 7. what came in takes the place of what the suspense account bears for these accounts.
    for key in [row.account.as_ref(), Some(&row.vendor)].into_iter().flatten() {
        suspense::sweep(tx, key, now).await?;
    }
    Ok(Settled::Posted)
}

fn follows(before: &str, state: ChannelState) -> bool {
    let open = ChannelState::Open.name();
    let frozen = ChannelState::Frozen.name();
    let claimed = ChannelState::Claimed.name();
    match state {
        ChannelState::Open | ChannelState::Cancelled => before == RESERVED,
        ChannelState::Closed | ChannelState::Refunded | ChannelState::Frozen => before == open,
        ChannelState::Claimed => before == frozen,
        ChannelState::Resolved => before == frozen || before == claimed,
    }
}

async fn post_change(
    tx: &mut Tx,
    row: &ChannelRow,
    state: ChannelState,
    movements: &[Movement],
    now: Timestamp,
) -> Result<(), ApplyError> {
    let cause = match state {
        ChannelState::Open => Cause::Opened,
        ChannelState::Cancelled => Cause::Cancelled,
        ChannelState::Refunded => Cause::Refunded,
        ChannelState::Closed => Cause::Closed,
        ChannelState::Frozen => Cause::Frozen,
        ChannelState::Claimed => Cause::Claimed,
        ChannelState::Resolved => Cause::Resolved,
    };
    ensure_account(tx, &row.vendor, now).await?;
    let client = row.account.map_or_else(|| SUSPENSE.to_owned(), |key| key.to_string());
    let (mut paid, mut shares) = (0, Shares::of(row, 0)?);
    if state == ChannelState::Resolved {
        paid = suspense::claimed(tx, &row.channel).await?;
        shares = Shares::of(row, paid)?;
    }
    let mut postings = Vec::new();
    for movement in movements {
        let micros = to_stored(movement.amount)?;
        let (own, borne) = if movement.to == Pot::VendorBalance {
            paid += micros;
            shares.take(micros)
        } else {
            shares.take_rest()
        };
        let mut side = |account: &str, pot, micros| {
            postings.push(Posting { account: account.to_owned(), bucket: bucket_of(pot), micros });
        };
        side(&client, movement.from, -own);
        side(SUSPENSE, movement.from, -borne);
        if movement.to == Pot::VendorBalance {
            side(&row.vendor.to_string(), movement.to, micros);
        } else {
            side(&client, movement.to, own);
            side(SUSPENSE, movement.to, borne);
        }
    }
    let reason = Reason { cause, channel: Some(&row.channel), reference: "", at: now };
    // Nothing moves for a claim of nothing, or where another channel has taken over what was set aside.
    if postings.iter().any(|posting| posting.micros != 0) {
        post(tx, reason, &postings).await?;
    }
    if row.stand_in > Amount::ZERO && is_final(state) {
        // What the suspense account has paid for good is owed still; what was left has gone back to it.
        let own = to_stored(row.reserve)? - to_stored(row.stand_in)?;
        suspense::owe(tx, &row.channel, paid - paid.min(own), now).await?;
    }
    Ok(())
}

fn bucket_of(pot: Pot) -> Bucket {
    match pot {
        Pot::ClientReserved => Bucket::Reserved,
        Pot::ClientWithheld => Bucket::Withheld,
        Pot::ClientBalance | Pot::VendorBalance => Bucket::Balance,
    }
}

fn is_final(state: ChannelState) -> bool {
    match state {
        ChannelState::Cancelled | ChannelState::Closed | ChannelState::Refunded | ChannelState::Resolved => {
            true
        }
        ChannelState::Open | ChannelState::Frozen | ChannelState::Claimed => false,
    }
}

/// Clean settlement by release: one point for both, up to 100 [Spec §9].
async fn reward(tx: &mut Tx, row: &ChannelRow, now: Timestamp) -> Result<(), StoreError> {
    ensure_account(tx, &row.vendor, now).await?;
    for key in [row.account.as_ref(), Some(&row.vendor)].into_iter().flatten() {
        let better = lockstep_protocol::units::Reputation::after_clean_settlement;
        account::change_reputation(tx, key, "clean_settlement", Some(&row.channel), now, better).await?;
    }
    Ok(())
}

/// A vendor whose account a restore has taken out of the books is owed its money all the same.
async fn ensure_account(tx: &mut Tx, key: &PublicKey, now: Timestamp) -> Result<(), StoreError> {
    if account::find(tx, key).await?.is_none() {
        account::insert(tx, key, now).await?;
    }
    Ok(())
}

async fn keep_applied(tx: &mut Tx, change: &Change<'_>, now: Timestamp) -> Result<(), StoreError> {
    let id = change.record.channel_id();
    sqlx::query("UPDATE channels SET state = $1 WHERE channel = $2")
        .bind(change.state.name())
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    let due = next_look(tx, change).await?;
    pending::look_at(tx, &id, due).await?;
    sqlx::query("INSERT INTO applied (channel, state, block, tx_id, at) VALUES ($1, $2, $3, $4, $5)")
        .bind(id.to_string())
        .bind(change.state.name())
        .bind(stored_block(change.seen.map_or(0, |seen| seen.block))?)
        .bind(change.seen.map_or("", |seen| seen.tx_id.as_str()))
        .bind(stored_time(now)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// When the bank may have to do something itself after this change.
async fn next_look(tx: &mut Tx, change: &Change<'_>) -> Result<i64, StoreError> {
    match change.state {
        ChannelState::Open if pending::is_to_be_frozen(tx, &change.record.channel_id()).await? => Ok(0),
        ChannelState::Open => stored_time(change.record.opening().terms().expiry),
        ChannelState::Frozen | ChannelState::Claimed => Ok(0),
        ChannelState::Cancelled | ChannelState::Closed | ChannelState::Refunded | ChannelState::Resolved => {
            Ok(NEVER)
        }
    }
}

async fn move_checkpoint(tx: &mut Tx, checkpoint: &EventCheckpoint) -> Result<(), StoreError> {
    let upsert = "INSERT INTO checkpoint (one, block, tx_id) VALUES (1, $1, $2) \
                  ON CONFLICT (one) DO UPDATE SET block = excluded.block, tx_id = excluded.tx_id";
    sqlx::query(upsert)
        .bind(stored_block(checkpoint.block)?)
        .bind(checkpoint.tx_id.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn stored_block(block: u64) -> Result<i64, StoreError> {
    i64::try_from(block).map_err(|_| StoreError::TooLarge)
}
