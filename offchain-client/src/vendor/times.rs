//! How much of a channel's safety margin is left [Spec §6].

use std::time::Duration;

use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::payee::VendorTerms;
use lockstep_protocol::time::Timestamp;

/// Where a channel stands in its safety margin D + 3L + R, which is used up from its end: R for the release, L for its close, L
/// for a token close, L for another one, D for the clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    left: Duration,
    margin: Duration,
    drift: Duration,
    commit: Duration,
}

impl Times {
    pub(super) fn new(rules: &VendorTerms, record: &ChannelRecord, now: Timestamp) -> Self {
        let expiry = record.opening().terms().expiry;
        let left = expiry.as_unix_millis().saturating_sub(now.as_unix_millis());
        Self {
            left: Duration::from_millis(left),
            margin: rules.safety_margin(record.max_drift()),
            drift: record.max_drift().as_duration(),
            commit: rules.commit_bound,
        }
    }

    /// How long the channel may stay open.
    pub(super) fn until_closing(self) -> Duration {
        self.left.saturating_sub(self.margin)
    }

    /// How long the close may still wait, for a release or for what the release unlocks: then its time begins.
    pub(super) fn until_the_close(self) -> Duration {
        self.left.saturating_sub(self.drift.saturating_add(self.commit.saturating_mul(3)))
    }

    /// Whether it may still wait.
    pub(super) fn close_can_wait(self) -> bool {
        !self.until_the_close().is_zero()
    }

    /// Whether a close by release may still be tried: two token closes fit in behind it.
    pub(super) fn release_can_be_tried(self) -> bool {
        self.left > self.drift.saturating_add(self.commit.saturating_mul(2))
    }
}
