//! How long to wait.

use std::time::Duration;

/// As good as without end, and what clocks, timers and the wire's notation of deadlines can all bear: 30 years.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The time, or the longest there is if it is longer, so that it can be added to any other.
pub(crate) fn bounded(limit: Duration) -> Duration {
    limit.min(LONGEST)
}

/// How long each stage of a call may take, connecting and every peer tried included.
///
/// The defaults are those of Fabric's own sample applications. They hold for a gateway, and can be overridden for one
/// call: [`ProposalBuilder::deadlines`](crate::ProposalBuilder::deadlines). More than 30 years are taken for 30.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlines {
    /// For a read; 5 s.
    pub evaluate: Duration,
    /// For the endorsements of a transaction; 15 s.
    pub endorse: Duration,
    /// For an orderer to accept a transaction; 5 s.
    pub submit: Duration,
    /// For a transaction to be in a block; 60 s.
    pub commit_status: Duration,
    /// For one peer to do something of its own, such as to install a package; 60 s.
    pub administer: Duration,
}

impl Deadlines {
    /// Those of [`Default`].
    pub const DEFAULT: Self = Self {
        evaluate: Duration::from_secs(5),
        endorse: Duration::from_secs(15),
        submit: Duration::from_secs(5),
        commit_status: Duration::from_secs(60),
        administer: Duration::from_secs(60),
    };

    /// These, but another one for a read.
    #[must_use]
    pub const fn with_evaluate(mut self, limit: Duration) -> Self {
        self.evaluate = limit;
        self
    }

    /// These, but another one for the endorsements.
    #[must_use]
    pub const fn with_endorse(mut self, limit: Duration) -> Self {
        self.endorse = limit;
        self
    }

    /// These, but another one for the orderers.
    #[must_use]
    pub const fn with_submit(mut self, limit: Duration) -> Self {
        self.submit = limit;
        self
    }

    /// These, but another one for the commit.
    #[must_use]
    pub const fn with_commit_status(mut self, limit: Duration) -> Self {
        self.commit_status = limit;
        self
    }

    /// These, but another one for one peer's own matters.
    #[must_use]
    pub const fn with_administer(mut self, limit: Duration) -> Self {
        self.administer = limit;
        self
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::DEFAULT
    }
}
