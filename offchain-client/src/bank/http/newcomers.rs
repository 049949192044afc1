//! How many accounts a network may open: a key costs nothing, its row in the books stays for ever.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lockstep_protocol::time::Timestamp;

const WINDOW: Duration = Duration::from_secs(60);

/// Counts the accounts that every network has opened in the present window.
#[derive(Debug)]
pub(super) struct Newcomers {
    most: u32,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    since: Option<Timestamp>,
    of: HashMap<IpAddr, u32>,
}

impl Newcomers {
    pub(super) fn new(most: u32) -> Self {
        Self { most, counts: Mutex::default() }
    }

    /// Whether a network may open one more account; then it is counted.
    pub(super) fn let_in(&self, network: IpAddr, now: Timestamp) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.since.is_none_or(|since| since.distance(now) >= WINDOW) {
            // Starting afresh keeps no network for longer than it matters.
            *counts = Counts { since: Some(now), of: HashMap::new() };
        }
        let count = counts.of.entry(network).or_insert(0);
        let may = *count < self.most;
        if may {
            *count += 1;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_opens_so_many_accounts_a_minute_and_others_are_not_kept_out() {
        let at = |seconds: u64| Timestamp::from_unix_millis(1_760_000_000_000 + seconds * 1000).unwrap();
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let newcomers = Newcomers::new(2);
        assert!(newcomers.let_in(one, at(0)) && newcomers.let_in(one, at(1)));
        assert!(!newcomers.let_in(one, at(59)));
        assert!(newcomers.let_in(other, at(59)));
        assert!(newcomers.let_in(one, at(60)));
    }
}
