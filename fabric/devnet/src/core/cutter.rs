//! Cutting a stream of envelopes into blocks: by time, by number, by size.

use std::time::{Duration, Instant};

/// When a block is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Longest time from the first waiting envelope to the block (Fabric's `BatchTimeout`).
    pub(crate) time: Duration,
    /// Most envelopes in a block (`MaxMessageCount`).
    pub(crate) count: usize,
    /// Bytes that a block should not exceed, unless one envelope alone does (`PreferredMaxBytes`).
    pub(crate) bytes: usize,
}

/// Envelopes that wait for their block.
#[derive(Debug)]
pub(crate) struct Cutter {
    limits: Limits,
    waiting: Vec<Vec<u8>>,
    bytes: usize,
    deadline: Option<Instant>,
}

impl Cutter {
    /// An empty cutter.
    #[must_use]
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, waiting: Vec::new(), bytes: 0, deadline: None }
    }

    /// Adds an encoded envelope that arrived at `now`; gives the blocks that it completes, at most two.
    #[must_use]
    pub(crate) fn add(&mut self, envelope: Vec<u8>, now: Instant) -> Vec<Vec<Vec<u8>>> {
        let mut cut = Vec::new();
        let size = envelope.len();
        if self.bytes.saturating_add(size) > self.limits.bytes && !self.waiting.is_empty() {
            cut.push(self.take());
        }
        self.bytes = self.bytes.saturating_add(size);
        self.waiting.push(envelope);
        // A time beyond what a clock can show never comes.
        self.deadline = self.deadline.or_else(|| now.checked_add(self.limits.time));
        if self.waiting.len() >= self.limits.count || self.bytes > self.limits.bytes {
            cut.push(self.take());
        }
        cut
    }

    /// When the waiting envelopes must be cut; `None` while none waits.
    #[must_use]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The block that is due at `now`, if one is.
    #[must_use]
    pub(crate) fn due(&mut self, now: Instant) -> Option<Vec<Vec<u8>>> {
        self.deadline.is_some_and(|deadline| deadline <= now).then(|| self.take())
    }

    /// What still waits, whenever it is due.
    #[must_use]
    pub(crate) fn flush(&mut self) -> Option<Vec<Vec<u8>>> {
        (!self.waiting.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Vec<Vec<u8>> {
        self.deadline = None;
        self.bytes = 0;
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cutter() -> Cutter {
        Cutter::new(Limits { time: Duration::from_millis(100), count: 3, bytes: 100 })
    }

    #[test]
    fn a_block_is_due_one_block_time_after_its_first_envelope() {
        let mut cutter = cutter();
        let start = Instant::now();
        assert_eq!(cutter.deadline(), None);
        assert!(cutter.add(vec![1], start).is_empty());
        assert!(cutter.add(vec![2], start + Duration::from_millis(60)).is_empty());
        assert_eq!(cutter.deadline(), Some(start + Duration::from_millis(100)));
        assert_eq!(cutter.due(start + Duration::from_millis(99)), None);
        assert_eq!(cutter.due(start + Duration::from_millis(100)), Some(vec![vec![1], vec![2]]));
        assert_eq!(cutter.deadline(), None);
        assert_eq!(cutter.due(start + Duration::from_secs(1)), None);
    }

    #[test]
    fn the_count_cuts_at_once() {
        let mut cutter = cutter();
        let now = Instant::now();
        assert!(cutter.add(vec![1], now).is_empty());
        assert!(cutter.add(vec![2], now).is_empty());
        assert_eq!(cutter.add(vec![3], now), [[[1], [2], [3]]]);
        assert_eq!(cutter.deadline(), None);
    }

    #[test]
    fn an_envelope_over_the_size_gets_a_block_of_its_own() {
        let mut cutter = cutter();
        let now = Instant::now();
        assert!(cutter.add(vec![1], now).is_empty());
        let cut = cutter.add(vec![2; 200], now);
        assert_eq!(cut, vec![vec![vec![1]], vec![vec![2; 200]]]);
        assert!(cutter.add(vec![3; 60], now).is_empty());
        assert_eq!(cutter.add(vec![4; 60], now), vec![vec![vec![3; 60]]]);
        assert_eq!(cutter.due(now + Duration::from_secs(1)), Some(vec![vec![4; 60]]));
    }
}
