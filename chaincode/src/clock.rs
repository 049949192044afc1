//! The endorser's own clock.

use lockstep_protocol::time::Timestamp;

/// Tells the endorser's time. It serves the guard alone that refuses a transaction whose timestamp is too far off
/// [Spec §8]; all logic uses the transaction's timestamp.
pub trait Clock: Send + Sync + 'static {
    /// The time now; `None` if the clock is outside the range of timestamps, and so certainly wrong.
    fn now(&self) -> Option<Timestamp>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the endorser's clock, for the guard"
    )]
    fn now(&self) -> Option<Timestamp> {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
        Timestamp::from_unix_millis(u64::try_from(since_1970.as_millis()).ok()?).ok()
    }
}
