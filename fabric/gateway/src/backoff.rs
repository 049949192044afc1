//! How long to wait.

use std::time::Duration;

/// How long to wait before something is tried again: longer after each failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// After the first failure; 100 ms.
    pub first: Duration,
    /// At most; 10 s.
    pub longest: Duration,
}

impl Backoff {
    /// A wait of `first` after the first failure, twice as long after each one more, `longest` at most.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The wait after so many failures in a row.
    #[must_use]
    pub fn after(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        self.first.saturating_mul(2_u32.saturating_pow(doublings)).min(self.longest)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let waits = [0, 1, 2, 3, 4, 5, u32::MAX].map(|failures| backoff.after(failures).as_millis());
        assert_eq!(waits, [0, 100, 200, 400, 800, 1000, 1000]);
    }
}
