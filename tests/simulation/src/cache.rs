//! Results of the protocol's pure functions, kept for arguments that were seen before. Histories share keys, openings and the steps
//! of their clocks, so most of what a signature is made or verified for comes again in another history. The functions know nothing
//! of it: what is kept is what they returned for the same arguments.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Most results kept of one function; then it begins anew.
const MOST: usize = 20_000;

/// What a function gave. `place` and arguments together are all that it depends on.
#[derive(Debug)]
pub(crate) struct Cache<P, A, R> {
    known: Mutex<Known<P, A, R>>,
}

#[derive(Debug)]
struct Known<P, A, R> {
    count: usize,
    at: BTreeMap<P, Vec<(A, R)>>,
}

impl<P: Ord, A: PartialEq + Clone, R: Clone> Cache<P, A, R> {
    pub(crate) const fn new() -> Self {
        Self { known: Mutex::new(Known { count: 0, at: BTreeMap::new() }) }
    }

    /// What `function` gives for these arguments; `place` is the part of them that is quickly found.
    pub(crate) fn get(&self, place: P, arguments: &A, function: impl FnOnce() -> R) -> R {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at_place = known.at.get(&place).into_iter().flatten();
        if let Some((_, result)) = at_place.find(|(same, _)| same == arguments) {
            return result.clone();
        }
        drop(known);
        let result = function();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.count >= MOST {
            *known = Known { count: 0, at: BTreeMap::new() };
        }
        known.count += 1;
        known.at.entry(place).or_default().push((arguments.clone(), result.clone()));
        result
    }
}

/// What the callers leave out of the arguments does not count.
#[cfg(test)]
mod tests {
    use lockstep_protocol::ledger::{
        ChannelRecord, CloseByToken, Freeze, FreezeReason, Open, Refund, Resolve, Standing,
    };
    use lockstep_protocol::posting::{BankView, recheck};
    use lockstep_protocol::rules::{Clocks, Outcome};
    use lockstep_protocol::{EvidenceHash, Timestamp, Units};

    use crate::fixture::{DRIFT, EXPIRY, START, at, fixture};
    use crate::ledger::Command;
    use crate::world::opened;

    fn judge(command: &Command, record: Option<&ChannelRecord>, ts: Timestamp) -> Option<ChannelRecord> {
        let endorsed = |endorser: u64| {
            command.judge(record.cloned(), None, Clocks { transaction: ts, endorser: at(endorser) })
        };
        let millis = ts.as_unix_millis();
        let judged = endorsed(millis);
        for endorser in [millis - DRIFT, millis + DRIFT] {
            assert_eq!(endorsed(endorser), judged, "an endorser's clock decides nothing else");
        }
        match judged {
            Ok(Outcome::Changed(transition)) => Some(transition.record),
            _ => None,
        }
    }

    /// A record in every state that somebody signs.
    fn records() -> Vec<ChannelRecord> {
        let (fixture, id, ts) = (fixture(), fixture().id(0), at(START + 5000));
        let units = Units::from_count(3);
        let token = fixture.token(0, 3).unwrap();
        let claim = Command::Token(CloseByToken::sign(id, units, token, &fixture.vendor));
        let evidence = EvidenceHash::from_bytes([1; 32]);
        let freeze = Command::Freeze(Freeze::sign(id, FreezeReason::CourtOrder, evidence, &fixture.bank));
        let resolve = Command::Resolve(Resolve::sign(id, units, &fixture.bank));
        let open = judge(&Command::Open(Open::new(fixture.opening(0).clone())), None, ts).unwrap();
        let closed = judge(&claim, Some(&open), ts).unwrap();
        let frozen = judge(&freeze, Some(&open), ts).unwrap();
        let claimed = judge(&claim, Some(&frozen), ts).unwrap();
        let resolved = judge(&resolve, Some(&claimed), ts).unwrap();
        vec![open, closed, frozen, claimed, resolved]
    }

    #[test]
    fn endorsers_whose_clocks_bear_a_transaction_out_say_the_same_of_it() {
        assert_eq!(records().len(), 5);
        let refund = Command::Refund(Refund::new(fixture().id(0)));
        assert!(judge(&refund, Some(opened(0)), at(START + EXPIRY + DRIFT - 1)).is_none());
        assert!(judge(&refund, Some(opened(0)), at(START + EXPIRY + DRIFT)).is_some());
    }

    #[test]
    fn the_banks_clock_decides_nothing_of_what_somebody_signed() {
        for record in records() {
            assert!(!matches!(record.standing(), Standing::Cancelled | Standing::Refunded(_)));
            let judged = [START, START + EXPIRY - DRIFT, START + EXPIRY, START + 10 * EXPIRY].map(|now| {
                let (bank_key, ledger) = (fixture().bank.public_key(), &fixture().ledger);
                let view = BankView { bank_key, ledger, drift: fixture().drift, now: at(now) };
                recheck(record.clone(), view)
            });
            assert!(judged.iter().all(|same| same.is_ok() && *same == judged[0]), "{judged:?}");
        }
    }
}
