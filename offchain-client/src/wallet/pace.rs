//! How many payments are due: all at once, or so many a second.

use std::time::Duration;

/// The pace of a run of payments. Time is the caller's: it passes in what has elapsed since the run began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as both sides can.
    Unbounded,
    /// Payments a second; the first is due at once.
    PerSecond(f64),
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// So many payments.
    Now(u32),
    /// Nothing before this much time has passed.
    In(Duration),
}

impl Pace {
    /// How many of at most `most` payments are due, `done` having been made before. `most` is above zero.
    #[must_use]
    pub fn due(self, elapsed: Duration, done: u32, most: u32) -> Due {
        let Self::PerSecond(rate) = self else { return Due::Now(most) };
        let mut count = 0;
        while count < most && elapsed >= Self::time_of(rate, done.saturating_add(count)) {
            count += 1;
        }
        if count > 0 { Due::Now(count) } else { Due::In(Self::time_of(rate, done).saturating_sub(elapsed)) }
    }

    /// When the payment with this many before it is due.
    fn time_of(rate: f64, before: u32) -> Duration {
        Duration::try_from_secs_f64(f64::from(before) / rate).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payments_fall_due_one_after_the_other() {
        let pace = Pace::PerSecond(10.0);
        assert_eq!(pace.due(Duration::ZERO, 0, 5), Due::Now(1));
        assert_eq!(pace.due(Duration::ZERO, 1, 5), Due::In(Duration::from_millis(100)));
        assert_eq!(pace.due(Duration::from_millis(350), 1, 5), Due::Now(3));
        assert_eq!(pace.due(Duration::from_secs(60), 1, 5), Due::Now(5));
    }

    #[test]
    fn without_a_rate_everything_is_due() {
        assert_eq!(Pace::Unbounded.due(Duration::ZERO, 1000, 256), Due::Now(256));
    }

    #[test]
    fn a_rate_of_nearly_nothing_does_not_overflow() {
        assert_eq!(Pace::PerSecond(1e-300).due(Duration::from_secs(1), 0, 1), Due::Now(1));
        assert!(matches!(Pace::PerSecond(1e-300).due(Duration::from_secs(1), 1, 1), Due::In(_)));
    }
}
