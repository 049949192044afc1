//! Points in time as people read them.

use std::fmt;
use std::time::{Duration, SystemTime};

use lockstep_protocol::time::Timestamp;

/// A time, written as `2026-05-01T12:00:00Z`: UTC, whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_unix_millis();
        // Beyond the year 9999 there is no such form.
        match SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis)) {
            Some(time) if millis < 253_402_300_800_000 => humantime::format_rfc3339_seconds(time).fmt(f),
            _ => write!(f, "{millis} ms after 1970"),
        }
    }
}
