//! The ledger's transitions as pure functions [Spec §8].
//!
//! Each takes what the chaincode loaded, the command, and the two clocks, and returns the record to store, [`Outcome::AlreadyDone`]
//! with the record as it stands, or a [`Refusal`]. The order of checks is the specification's: load, clock, same again, state,
//! time, ranges, signatures, token hashing.
//!
//! | state | Open | Cancel | CloseByRelease | CloseByToken | Refund | Freeze | Resolve |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | – | Open | Cancelled | | | | | |
//! | Open | | | Closed | Closed | Refunded | Frozen | |
//! | Frozen | | | | Claimed | | | Resolved |
//! | Claimed | | | | | | | Resolved |
//!
//! Everything else is refused, or is the same again.

mod close;
mod freeze;
mod open;
mod refund;
mod register;

pub use close::{close_by_release, close_by_token};
pub use freeze::{freeze, resolve};
pub use open::{cancel, open};
pub use refund::refund;
pub use register::{Submitter, register_bank};

pub(crate) use close::{check_claim, check_release};
pub(crate) use freeze::{check_freeze, check_resolve};

use std::time::Duration;

use crate::hash::ChannelId;
use crate::ledger::{ChannelChange, ChannelRecord, Standing};
use crate::refusal::Refusal;
use crate::time::{MaxDrift, Timestamp};

/// What a rule decided. Repeating a command is success, at any later time [Spec §8].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome<C, A = C> {
    /// Store this, and announce it.
    Changed(C),
    /// The same again: write nothing, set no event, answer with this, which may have moved on since.
    AlreadyDone(A),
}

/// A change of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Transition {
    /// The record to store under the channel's id.
    pub record: ChannelRecord,
    /// The event's entry; its state names the event.
    pub change: ChannelChange,
    /// Whether this made the record, so that the indexes by bank and by vendor are to be written.
    pub created: bool,
    /// Whether the index (client key, bank) → channel id is to be written: by `Open` alone [Spec §8].
    pub takes_client_key: bool,
}

impl Transition {
    fn created(record: ChannelRecord, takes_client_key: bool) -> Result<Self, Refusal> {
        Ok(Self { change: record.change()?, record, created: true, takes_client_key })
    }

    fn moved(record: ChannelRecord, standing: Standing) -> Result<Changed, Refusal> {
        let record = record.with_standing(standing);
        Ok(Outcome::Changed(Self {
            change: record.change()?,
            record,
            created: false,
            takes_client_key: false,
        }))
    }
}

/// What the rules on channels return.
pub type Changed = Outcome<Transition, ChannelRecord>;

/// The two clocks of one endorsement [Spec §8]. All logic uses the transaction's; the endorser's only bounds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// The transaction's timestamp, chosen by the submitter.
    pub transaction: Timestamp,
    /// The endorser's own clock.
    pub endorser: Timestamp,
}

impl Clocks {
    /// The check of every function, and of the read `Bank` [Spec §8].
    ///
    /// # Errors
    /// [`Refusal::ClockOff`] when the two are more than D apart.
    pub fn check(self, drift: MaxDrift) -> Result<(), Refusal> {
        if self.transaction.distance(self.endorser) > drift.as_duration() {
            return Err(Refusal::ClockOff);
        }
        Ok(())
    }
}

/// The record under the id that a command names, its clock checked.
fn load(stored: Option<ChannelRecord>, id: ChannelId, clocks: Clocks) -> Result<ChannelRecord, Refusal> {
    let record = stored.filter(|record| record.channel_id() == id).ok_or(Refusal::UnknownChannel)?;
    clocks.check(record.max_drift())?;
    Ok(record)
}

/// The latest timestamp of a claim on an open channel, ts + D < expiry; `None` if that is before 1970. Endorsers bear it out until
/// the channel expires by their own clocks [Spec §8].
#[must_use]
pub fn latest_claim(drift: MaxDrift, expiry: Timestamp) -> Option<Timestamp> {
    expiry.checked_sub(drift.as_duration() + Duration::from_millis(1))
}

/// ts + D < expiry: by no honest clock has the channel expired.
pub(crate) fn in_time_to_claim(ts: Timestamp, drift: MaxDrift, expiry: Timestamp) -> bool {
    latest_claim(drift, expiry).is_some_and(|latest| ts <= latest)
}

/// ts − D > open-by: by every honest clock it is too late to open the channel.
pub(crate) fn surely_unopened(ts: Timestamp, drift: MaxDrift, open_by: Timestamp) -> bool {
    ts.as_unix_millis() > open_by.millis_after(drift.as_duration())
}

/// ts − D ≥ expiry: by every honest clock the channel has expired.
pub(crate) fn surely_expired(ts: Timestamp, drift: MaxDrift, expiry: Timestamp) -> bool {
    ts.as_unix_millis() >= expiry.millis_after(drift.as_duration())
}
