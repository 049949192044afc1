//! Time as the protocol sees it: milliseconds, always an argument [Spec §1, §8].

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// First number that no timestamp reaches: 2⁵³, above which JSON readers lose digits.
const TIME_LIMIT: u64 = 1 << 53;

/// Unix time in milliseconds, below 2⁵³. JSON: an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub struct Timestamp(u64);

/// A time before 1970 or at 2⁵³ milliseconds or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time is outside the range of timestamps")]
pub struct TimeOutOfRange;

impl Timestamp {
    /// Takes Unix milliseconds.
    ///
    /// # Errors
    /// [`TimeOutOfRange`] at 2⁵³ or above.
    pub const fn from_unix_millis(millis: u64) -> Result<Self, TimeOutOfRange> {
        if millis < TIME_LIMIT { Ok(Self(millis)) } else { Err(TimeOutOfRange) }
    }

    /// Takes a Fabric (protobuf) timestamp, down to the millisecond [Spec §1].
    ///
    /// # Errors
    /// [`TimeOutOfRange`] when it is negative, its nanoseconds are not below one second, or it is too late.
    pub fn from_seconds_and_nanos(seconds: i64, nanos: i32) -> Result<Self, TimeOutOfRange> {
        let seconds = u64::try_from(seconds).map_err(|_| TimeOutOfRange)?;
        let nanos = u64::try_from(nanos).ok().filter(|n| *n < 1_000_000_000).ok_or(TimeOutOfRange)?;
        let millis = seconds.checked_mul(1000).and_then(|ms| ms.checked_add(nanos / 1_000_000));
        millis.ok_or(TimeOutOfRange).and_then(Self::from_unix_millis)
    }

    /// The Unix milliseconds.
    #[must_use]
    pub const fn as_unix_millis(self) -> u64 {
        self.0
    }

    /// Later by `by`, taken down to the millisecond; `None` out of range.
    #[must_use]
    pub fn checked_add(self, by: Duration) -> Option<Self> {
        Self::from_unix_millis(self.millis_after(by)).ok()
    }

    /// Earlier by `by`, taken down to the millisecond; `None` before 1970.
    #[must_use]
    pub fn checked_sub(self, by: Duration) -> Option<Self> {
        self.0.checked_sub(whole_millis(by)).map(Self)
    }

    /// How far two times are apart.
    #[must_use]
    pub const fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// This time plus `by` in milliseconds, beyond the limit too: for comparisons, which then need no case for overflow.
    pub(crate) fn millis_after(self, by: Duration) -> u64 {
        self.0.saturating_add(whole_millis(by))
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<Timestamp> for u64 {
    fn from(time: Timestamp) -> Self {
        time.0
    }
}

impl TryFrom<u64> for Timestamp {
    type Error = TimeOutOfRange;

    fn try_from(millis: u64) -> Result<Self, TimeOutOfRange> {
        Self::from_unix_millis(millis)
    }
}

/// D: how far a transaction's timestamp may be off an honest clock; 1 s…10 min [Spec §8]. JSON: milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub struct MaxDrift(u64);

impl MaxDrift {
    /// What a bank takes unless it says otherwise: 30 s.
    pub const DEFAULT: Self = Self(30_000);
    /// The least: 1 s. What breaks a rule with it breaks the rule with any other.
    pub const LEAST: Self = Self(1_000);
    /// The largest: 10 min.
    pub const LARGEST: Self = Self(600_000);

    /// Takes milliseconds.
    ///
    /// # Errors
    /// [`TimeOutOfRange`] outside 1 s…10 min.
    pub const fn from_millis(millis: u64) -> Result<Self, TimeOutOfRange> {
        if millis >= Self::LEAST.0 && millis <= Self::LARGEST.0 {
            Ok(Self(millis))
        } else {
            Err(TimeOutOfRange)
        }
    }

    /// The milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// D as a duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl From<MaxDrift> for u64 {
    fn from(drift: MaxDrift) -> Self {
        drift.0
    }
}

impl TryFrom<u64> for MaxDrift {
    type Error = TimeOutOfRange;

    fn try_from(millis: u64) -> Result<Self, TimeOutOfRange> {
        Self::from_millis(millis)
    }
}
