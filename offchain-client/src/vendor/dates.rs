//! How a claim is dated.

use std::time::Duration;

use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::rules::latest_claim;
use lockstep_protocol::time::Timestamp;

/// The latest dates of a claim's attempts. A claim on an open channel that is dated before expiry − D is taken until the endorsers'
/// clocks have reached the expiry [Spec §8]: a clock that is set forward while the channel closes, or a vendor that comes back late, loses
/// nothing before. From expiry on they refuse that date, and a claim on a frozen channel must be dated by the clock.
#[derive(Debug)]
pub struct Dates {
    /// The latest date that an open channel takes.
    last: Option<Timestamp>,
    /// The end, by the vendor's clock, of the time in which an endorser may bear that date out.
    end: Option<Timestamp>,
    was_refused: bool,
}

impl Dates {
    /// For the channel of a record.
    #[must_use]
    pub fn of(record: &ChannelRecord) -> Self {
        let drift = record.max_drift();
        Self::new(latest_claim(drift, record.opening().terms().expiry), drift.as_duration())
    }

    fn new(last: Option<Timestamp>, drift: Duration) -> Self {
        // Later than that the date is further than D from every clock that is within D of the vendor's.
        let end = last.and_then(|last| last.checked_add(drift.saturating_mul(2)));
        Self { last, end, was_refused: false }
    }

    /// The latest date of the next attempt; none if the clock alone dates it.
    pub fn next(&mut self, now: Timestamp) -> Option<Timestamp> {
        let was_refused = std::mem::take(&mut self.was_refused);
        self.last.filter(|_| !was_refused && self.end.is_some_and(|end| now <= end))
    }

    /// The ledger has refused the last attempt's date: the next attempt is dated by the clock.
    pub const fn refused(&mut self) {
        self.was_refused = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_unix_millis(millis).unwrap()
    }

    #[test]
    fn a_claim_is_dated_back_while_an_endorser_may_bear_it_out() {
        let last = at(100_000);
        let mut dates = Dates::new(Some(last), Duration::from_millis(500));
        assert_eq!([90_000, 101_000, 101_001].map(|now| dates.next(at(now))), [Some(last), Some(last), None]);
        dates.refused();
        assert_eq!([99_000, 99_000].map(|now| dates.next(at(now))), [None, Some(last)]);
    }
}
