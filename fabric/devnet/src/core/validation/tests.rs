use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::core::simulator::Page;
use crate::core::snapshot::Outcome;
use crate::core::testing::{Chain, NAMESPACE, Run};

fn put(key: &'static str, value: &'static str) -> impl Fn(&mut Run<'_>) {
    move |simulator| simulator.put(key, value.into()).unwrap()
}

fn read_and_put(key: &'static str, value: &'static str) -> impl Fn(&mut Run<'_>) {
    move |simulator| {
        simulator.get(key).unwrap();
        simulator.put(key, value.into()).unwrap();
    }
}

#[test]
fn of_two_that_read_and_write_one_key_the_first_is_valid() {
    let mut chain = Chain::default();
    let block = [chain.simulate("1", read_and_put("k", "a")), chain.simulate("2", read_and_put("k", "b"))];
    assert_eq!(chain.commit(&block), [TxValidationCode::Valid, TxValidationCode::MvccReadConflict]);
    assert_eq!(chain.get("k"), Some(b"a".to_vec()));
    // In the next block as well.
    let late = Chain::default().simulate("3", read_and_put("k", "c"));
    assert_eq!(chain.commit(&[late]), [TxValidationCode::MvccReadConflict]);
}

#[test]
fn writes_that_read_nothing_never_conflict_and_the_last_one_stands() {
    let mut chain = Chain::default();
    let block = [chain.simulate("1", put("k", "a")), chain.simulate("2", put("k", "b"))];
    assert_eq!(chain.commit(&block), [TxValidationCode::Valid; 2]);
    assert_eq!(chain.get("k"), Some(b"b".to_vec()));
    let history = chain.ledger.history(NAMESPACE, "k", None, 10).unwrap();
    let values: Vec<_> = history.into_iter().map(|change| (change.tx_id, change.value.unwrap())).collect();
    assert_eq!(values, [("2".to_owned(), b"b".to_vec()), ("1".to_owned(), b"a".to_vec())]);
}

#[test]
fn an_id_counts_once_in_a_block_and_on_the_ledger() {
    let mut chain = Chain::default();
    let block = [chain.simulate("1", put("k", "a")), chain.simulate("1", put("k", "b"))];
    assert_eq!(chain.commit(&block), [TxValidationCode::Valid, TxValidationCode::DuplicateTxid]);
    let again = chain.simulate("1", put("k", "c"));
    assert_eq!(chain.commit(&[again]), [TxValidationCode::DuplicateTxid]);
    assert_eq!(chain.get("k"), Some(b"a".to_vec()));
    let first = Outcome { block: 0, code: TxValidationCode::Valid };
    assert_eq!(chain.ledger.outcome("1").unwrap(), Some(first));
}

#[test]
fn the_verdicts_come_in_fabrics_order() {
    let mut chain = Chain::default();
    chain.commit(&[chain.simulate("1", put("k", "a"))]);
    let mut candidate = chain.simulate("1", put("k", "b"));
    candidate.signers.clear();
    assert_eq!(chain.commit(&[candidate.clone()]), [TxValidationCode::DuplicateTxid]);
    candidate.tx_id = "2".into();
    assert_eq!(chain.commit(&[candidate.clone()]), [TxValidationCode::EndorsementPolicyFailure]);
    candidate.tx_id = "3".into();
    candidate.form = TxValidationCode::BadCreatorSignature;
    assert_eq!(chain.commit(&[candidate]), [TxValidationCode::BadCreatorSignature]);
    assert_eq!(chain.get("k"), Some(b"a".to_vec()));
}

#[test]
fn ranges_see_phantoms_only_where_they_have_read() {
    let scan_all = |simulator: &mut Run<'_>| {
        simulator.range("b", "d", None).unwrap();
        simulator.put("seen", "1".into()).unwrap();
    };
    let mut chain = Chain::default();
    chain.commit(&[chain.simulate("1", put("c", "1"))]);
    let outside = [
        chain.simulate("2", put("d", "1")),
        chain.simulate("3", put("a", "1")),
        chain.simulate("4", scan_all),
    ];
    assert_eq!(chain.commit(&outside), [TxValidationCode::Valid; 3]);
    for (id, change) in [("5", put("b", "1")), ("6", put("c", "2")), ("7", put("c", ""))] {
        let block = [chain.simulate(id, change), chain.simulate(&format!("{id}s"), scan_all)];
        assert_eq!(
            chain.commit(&block),
            [TxValidationCode::Valid, TxValidationCode::PhantomReadConflict],
            "after {id}"
        );
    }
}

#[test]
fn a_range_that_was_left_early_ends_at_the_last_key_read() {
    let mut chain = Chain::default();
    let fill: Vec<Candidate> = (0..250)
        .map(|number| {
            let id = number.to_string();
            chain.simulate(&id, |simulator| {
                simulator.put(&format!("k{number:03}"), b"1".to_vec()).unwrap();
            })
        })
        .collect();
    chain.commit(&fill);
    let scan_some = |simulator: &mut Run<'_>| {
        let batch = simulator.range("k", "l", None).unwrap();
        assert_eq!((batch.results.len(), batch.has_more), (100, true));
        simulator.close(&batch.id);
        simulator.put("seen", "1".into()).unwrap();
    };
    // One result more than was given has been read: key 100 is inside, key 101 is not.
    let block = [chain.simulate("far", put("k101", "2")), chain.simulate("s1", scan_some)];
    assert_eq!(chain.commit(&block), [TxValidationCode::Valid; 2]);
    let block = [chain.simulate("near", put("k100", "2")), chain.simulate("s2", scan_some)];
    assert_eq!(chain.commit(&block), [TxValidationCode::Valid, TxValidationCode::PhantomReadConflict]);
}

#[test]
fn all_results_come_in_parts_of_a_hundred() {
    let mut chain = Chain::default();
    let fill: Vec<Candidate> = (0..201)
        .map(|number| {
            let (id, key) = (number.to_string(), format!("k{number:03}"));
            chain.simulate(&id, |simulator| simulator.put(&key, b"1".to_vec()).unwrap())
        })
        .collect();
    chain.commit(&fill);
    chain.simulate("scan", |simulator| {
        let mut batch = simulator.range("", "", None).unwrap();
        let mut sizes = vec![batch.results.len()];
        while batch.has_more {
            batch = simulator.next(&batch.id).unwrap();
            sizes.push(batch.results.len());
        }
        assert_eq!(sizes, [100, 100, 1]);
        assert!(simulator.next(&batch.id).is_err(), "the query is closed");
    });
}

#[test]
fn pages_are_for_reading_only() {
    let chain = Chain::default();
    let page = Page { size: 1, bookmark: String::new() };
    chain.simulate("1", |simulator| {
        simulator.range("", "", Some(&page)).unwrap();
        assert!(simulator.put("k", b"1".to_vec()).is_err());
    });
    chain.simulate("2", |simulator| {
        simulator.put("k", b"1".to_vec()).unwrap();
        assert!(simulator.range("", "", Some(&page)).is_err());
    });
}

/// One step of a random transaction over four keys.
#[derive(Debug, Clone)]
enum Step {
    Get(u8),
    Put(u8, u8),
    Delete(u8),
    Range(u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4u8).prop_map(Step::Get),
        (0..4u8, 1..250u8).prop_map(|(key, value)| Step::Put(key, value)),
        (0..4u8).prop_map(Step::Delete),
        (0..5u8, 0..5u8).prop_map(|(start, end)| Step::Range(start, end)),
    ]
}

fn key(number: u8) -> String {
    format!("k{number}")
}

/// The simple model: what a transaction reads on a plain map, and what the map is after it.
fn observe(steps: &[Step], state: &BTreeMap<String, (u64, u8)>) -> Vec<Option<(u64, u8)>> {
    let mut seen = Vec::new();
    for step in steps {
        match step {
            Step::Get(number) => seen.push(state.get(&key(*number)).copied()),
            Step::Range(start, end) if start < end => {
                seen.extend(state.range(key(*start)..key(*end)).map(|(_, value)| Some(*value)));
                seen.push(None);
            }
            Step::Range(..) | Step::Put(..) | Step::Delete(_) => {}
        }
    }
    seen
}

proptest! {
    /// A transaction is valid exactly if it would read the same values, written by the same transactions, when it is
    /// run again where it stands in the block; and the state is that of the valid ones run one after the other.
    #[test]
    fn valid_transactions_are_those_that_could_run_one_after_the_other(
        blocks in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(step(), 1..5), 1..5),
            1..6,
        )
    ) {
        let mut chain = Chain::default();
        let mut model: BTreeMap<String, (u64, u8)> = BTreeMap::new();
        let mut serial = 0;
        for block in blocks {
            let before = model.clone();
            let candidates: Vec<Candidate> = block
                .iter()
                .enumerate()
                .map(|(index, steps)| {
                    chain.simulate(&format!("{}-{index}", chain.height), |simulator| {
                        for step in steps {
                            match step {
                                Step::Get(number) => drop(simulator.get(&key(*number)).unwrap()),
                                Step::Put(number, value) => simulator.put(&key(*number), vec![*value]).unwrap(),
                                Step::Delete(number) => simulator.put(&key(*number), Vec::new()).unwrap(),
                                Step::Range(start, end) => {
                                    drop(simulator.range(&key(*start), &key(*end), None).unwrap());
                                }
                            }
                        }
                    })
                })
                .collect();
            let codes = chain.commit(&candidates);
            let mut written: Vec<String> = Vec::new();
            for (steps, code) in block.iter().zip(codes) {
                let same = observe(steps, &before) == observe(steps, &model);
                // Fabric is stricter in one case: a key that was read and has been written to the same end, from
                // absent to absent.
                let touched = steps.iter().any(|step| {
                    matches!(step, Step::Get(number) if written.contains(&key(*number)))
                });
                prop_assert_eq!(code == TxValidationCode::Valid, same && !touched);
                if code != TxValidationCode::Valid {
                    continue;
                }
                for step in steps {
                    serial += 1;
                    match step {
                        Step::Put(number, value) => {
                            model.insert(key(*number), (serial, *value));
                            written.push(key(*number));
                        }
                        Step::Delete(number) => {
                            model.remove(&key(*number));
                            written.push(key(*number));
                        }
                        Step::Get(_) | Step::Range(..) => {}
                    }
                }
            }
            for number in 0..4 {
                let expected = model.get(&key(number)).map(|(_, value)| vec![*value]);
                prop_assert_eq!(chain.get(&key(number)), expected);
            }
        }
    }
}
