//! What must have happened in a storm: everything adds up in one that did nothing as well.

use std::time::Duration;

use super::model::{Ending, Reckoning};
use super::script::Plan;
use super::tally::Notes;
use crate::scenario::Failure;

/// A shorter storm may lack anything.
const SHORTEST: Duration = Duration::from_secs(120);

/// Plans whose cheat is counted when it gained nothing, and under what.
const CHEATS: [(Plan, &str); 7] = [
    (Plan::Greeted, "cheat Greeted"),
    (Plan::HoldBack, "cheat an opening that comes late"),
    (Plan::BadLock, "cheat BadLock"),
    (Plan::BadRelease, "cheat BadRelease"),
    (Plan::TwicePaid, "cheat TwicePaid"),
    (Plan::Noise, "cheat Noise"),
    (Plan::Forgery, "cheat Forgery"),
];

/// Of so many plans one at least comes to its end, whoever was killed or away meanwhile.
const PLANS_FOR_ONE: u64 = 6;

/// Checks that enough was done in this time. The floors are a third or less of what a storm does on two busy cores.
///
/// # Errors
/// What was too little.
pub(super) fn check(time: Duration, notes: &Notes, reckoning: &Reckoning) -> Result<(), Failure> {
    if time < SHORTEST {
        return Ok(());
    }
    let count = |prefix: &str| -> u64 {
        notes.counts.iter().filter(|(what, _)| what.starts_with(prefix)).map(|(_, count)| count).sum()
    };
    let ended = |endings: &[Ending]| -> u64 {
        endings.iter().filter_map(|ending| reckoning.endings.get(ending)).sum()
    };
    let in_a_minute = [
        ("channels", 15, u64::try_from(reckoning.channels)?),
        ("clients that were killed", 3, count("clients killed")),
        ("other processes that were killed", 2, count("killed ")),
        ("closes by release", 2, ended(&[Ending::Released])),
        ("closes by token and claims", 2, ended(&[Ending::TokenClosed, Ending::ClaimedResolved])),
        ("freezes", 1, ended(&[Ending::ClaimedResolved, Ending::Resolved])),
        ("refunds", 1, ended(&[Ending::Refunded])),
        ("convictions", 1, u64::try_from(reckoning.frauds)?),
        ("cheats that gained nothing", 5, count("cheat ")),
    ];
    for (what, rate, found) in in_a_minute {
        at_least(what, found, rate * time.as_secs() / 60)?;
    }
    for (plan, foiled) in CHEATS {
        at_least(foiled, count(foiled), count(&format!("plan {plan}")) / PLANS_FOR_ONE)?;
    }
    Ok(())
}

fn at_least(what: &str, found: u64, floor: u64) -> Result<(), Failure> {
    if found >= floor {
        return Ok(());
    }
    Err(Failure::new(format!(
        "too little happened for this storm to say anything: {found} {what}, not {floor}"
    )))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn busy() -> (Notes, Reckoning) {
        let mut notes = Notes::default();
        for (plan, foiled) in CHEATS {
            notes.counts.insert(format!("plan {plan}"), 7);
            notes.counts.insert(foiled.to_owned(), 2);
        }
        notes.counts.insert("clients killed".to_owned(), 6);
        notes.counts.insert("killed a vendor".to_owned(), 4);
        let endings = [Ending::Released, Ending::TokenClosed, Ending::Refunded, Ending::ClaimedResolved];
        let reckoning = Reckoning {
            channels: 30,
            endings: endings.map(|ending| (ending, 4)).into(),
            payments: 0,
            receipts: 0,
            to_vendors: 0,
            money: 0,
            frauds: 2,
            reputation_changes: 0,
            comparisons: 0,
        };
        (notes, reckoning)
    }

    #[test]
    fn a_storm_that_lacks_something_is_no_success() {
        let (notes, reckoning) = busy();
        check(SHORTEST, &notes, &reckoning).unwrap();
        let plans: Vec<_> = notes.counts.keys().filter(|what| what.starts_with("plan ")).cloned().collect();
        for what in notes.counts.keys().filter(|what| !plans.contains(what)) {
            let mut less = notes.clone();
            less.counts.remove(what);
            assert!(check(SHORTEST, &less, &reckoning).is_err(), "{what}");
        }
        let spoilt: [fn(&mut Reckoning); 4] = [
            |found| found.channels = 0,
            |found| found.frauds = 0,
            |found| found.endings = BTreeMap::from([(Ending::Released, 30)]),
            |found| found.endings.retain(|ending, _| *ending != Ending::Released),
        ];
        for spoil in spoilt {
            let mut less = reckoning.clone();
            spoil(&mut less);
            assert!(check(SHORTEST, &notes, &less).is_err(), "{less:?}");
        }
    }

    #[test]
    fn floors_grow_with_the_time_and_short_storms_have_none() {
        let (notes, reckoning) = busy();
        assert!(check(2 * SHORTEST, &notes, &reckoning).is_err());
        check(SHORTEST / 2, &Notes::default(), &reckoning).unwrap();
    }
}
