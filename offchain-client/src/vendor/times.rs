//! How much of a channel's safety margin is left [Spec §6].

use std::time::Duration;

use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::payee::VendorTerms;
use lockstep_protocol::time::Timestamp;

/// Where a channel stands in its safety margin D + 3L + R, which is used up from its end: R for the release, L for its close, L
/// for a token close, L for another one, D for the clocks. A channel that is to be closed earlier, since it is one of many, stands
/// where it would if it expired by so much earlier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    left: Duration,
    /// Until every endorser's clock has passed the expiry that is within D of this one: none takes a claim any more, whatever its date.
    until_refused: Duration,
    margin: Duration,
    drift: Duration,
    commit: Duration,
}

impl Times {
    pub(super) fn new(
        rules: &VendorTerms,
        record: &ChannelRecord,
        earlier: Duration,
        now: Timestamp,
    ) -> Self {
        let expiry = record.opening().terms().expiry;
        let drift = record.max_drift().as_duration();
        let until = |time: Option<Timestamp>| {
            let time = time.map_or(u64::MAX, Timestamp::as_unix_millis);
            Duration::from_millis(time.saturating_sub(now.as_unix_millis()))
        };
        let left = until(Some(expiry));
        Self {
            left: left.saturating_sub(earlier),
            until_refused: until(expiry.checked_add(drift)),
            margin: rules.safety_margin(record.max_drift()),
            drift,
            commit: rules.commit_bound,
        }
    }

    /// Whether nothing is accepted any more and the channel is to be closed.
    pub(super) fn has_run_out(self) -> bool {
        self.left <= self.margin
    }

    /// Whether the close has a turn among those whose time has come: one that can only be refused has not.
    pub(super) fn is_due(self) -> bool {
        self.has_run_out() && !self.until_refused.is_zero()
    }

    /// How long the close may still wait, for a release or for what the release unlocks: then its time begins.
    pub(super) fn until_the_close(self) -> Duration {
        self.left.saturating_sub(self.reserve(3))
    }

    /// Whether it may still wait.
    pub(super) fn close_can_wait(self) -> bool {
        !self.until_the_close().is_zero()
    }

    /// How long a close by release may still be tried or waited with: what is behind it is for two token closes, and must be left of
    /// it when this is over.
    pub(super) fn for_a_release(self) -> Duration {
        self.left.saturating_sub(self.reserve(2))
    }

    /// D and so many closes.
    fn reserve(self, closes: u32) -> Duration {
        self.drift.saturating_add(self.commit.saturating_mul(closes))
    }
}
