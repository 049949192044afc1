use std::ops::Bound;

use proptest::prelude::*;

use super::*;
use crate::core::memory::{Committed, MemoryLedger};
use crate::core::rwset::{ReadWriteSet, RwsetBuilder};
use crate::core::snapshot::{Snapshot, Version};

const NAMESPACES: [&str; 3] = ["a", "a2", "b"];

fn writes(writes: &[(u8, u8, u8)]) -> ReadWriteSet {
    let mut set = RwsetBuilder::default();
    for (namespace, key, value) in writes {
        let value = if *value == 0 { Vec::new() } else { vec![*value] };
        set.write(NAMESPACES[usize::from(*namespace)], &format!("k{key}"), value);
    }
    set.build().0
}

fn transaction(tx_id: &str) -> CommittedTransaction {
    CommittedTransaction { tx_id: tx_id.into(), timestamp: None, code: TxValidationCode::Valid }
}

/// Commits one block with these transactions to both ledgers.
fn commit(store: &Store, memory: &mut MemoryLedger, transactions: &[Vec<(u8, u8, u8)>]) {
    let number = store.height().unwrap();
    let mut updates = Updates::default();
    let mut committed = Vec::new();
    for (index, set) in (0..).zip(transactions) {
        let version = Version { block: number, transaction: index };
        updates.apply(&writes(set), version, &*memory).unwrap();
        committed.push(transaction(&format!("{number}-{index}")));
    }
    let block = block::assemble(number, Vec::new(), Vec::new(), &[]);
    store.commit(&block, &committed, &updates).unwrap();
    let committed: Vec<_> = committed
        .iter()
        .map(|transaction| Committed { tx_id: &transaction.tx_id, timestamp: None, code: transaction.code })
        .collect();
    memory.commit(number, &committed, &updates);
}

fn compare(snapshot: &dyn Snapshot, memory: &MemoryLedger) {
    for namespace in NAMESPACES {
        for number in 0..4 {
            let key = format!("k{number}");
            assert_eq!(snapshot.get(namespace, &key).unwrap(), memory.get(namespace, &key).unwrap());
            for limit in [1, 100] {
                let history = snapshot.history(namespace, &key, None, limit).unwrap();
                assert_eq!(history, memory.history(namespace, &key, None, limit).unwrap());
                let before = history.first().map(|change| change.version);
                assert_eq!(
                    snapshot.history(namespace, &key, before, limit).unwrap(),
                    memory.history(namespace, &key, before, limit).unwrap()
                );
            }
        }
        for range in [
            (Bound::Unbounded, Bound::Unbounded),
            (Bound::Included("k1"), Bound::Excluded("k3")),
            (Bound::Excluded("k1"), Bound::Included("k3")),
            (Bound::Included("k3"), Bound::Excluded("k1")),
        ] {
            for limit in [2, 100] {
                assert_eq!(
                    snapshot.scan(namespace, range, limit).unwrap(),
                    memory.scan(namespace, range, limit).unwrap()
                );
            }
        }
    }
    for id in ["1-0", "1-1", "2-0", "9-9"] {
        assert_eq!(snapshot.outcome(id).unwrap(), memory.outcome(id).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The store holds what the ledger in memory holds, also after it was closed and opened again.
    #[test]
    fn the_store_is_the_memory_ledger_made_durable(
        blocks in prop::collection::vec(
            prop::collection::vec(prop::collection::vec((0..3u8, 0..4u8, 0..3u8), 0..4), 0..3),
            1..5,
        )
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let mut memory = MemoryLedger::default();
        let store = Store::open(&path, "payments").unwrap();
        for block in &blocks {
            commit(&store, &mut memory, block);
        }
        compare(&store.snapshot().unwrap(), &memory);
        let height = store.height().unwrap();
        drop(store);
        let store = Store::open(&path, "payments").unwrap();
        prop_assert_eq!(store.height().unwrap(), height);
        compare(&store.snapshot().unwrap(), &memory);
    }
}

#[test]
fn a_snapshot_does_not_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("ledger"), "payments").unwrap();
    let mut memory = MemoryLedger::default();
    commit(&store, &mut memory, &[vec![(0, 0, 1)]]);
    let (snapshot, then) = (store.snapshot().unwrap(), memory.clone());
    commit(&store, &mut memory, &[vec![(0, 0, 2), (1, 1, 1)]]);
    compare(&snapshot, &then);
}

#[test]
fn an_uncommitted_block_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let store = Store::open(&path, "payments").unwrap();
    let mut memory = MemoryLedger::default();
    commit(&store, &mut memory, &[vec![(0, 0, 1)]]);
    // A transaction of the store that never commits, as if the process died in the middle of a block.
    let write = store.database.begin_write().unwrap();
    write.open_table(STATE).unwrap().insert(("a", "k0"), [9; 20].as_slice()).unwrap();
    drop(write);
    drop(store);
    compare(&Store::open(&path, "payments").unwrap().snapshot().unwrap(), &memory);
}

#[test]
fn the_first_outcome_of_an_id_stands() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("ledger"), "payments").unwrap();
    let mut committed = vec![transaction("x")];
    let block = |number| block::assemble(number, Vec::new(), Vec::new(), &[]);
    store.commit(&block(1), &committed, &Updates::default()).unwrap();
    committed[0].code = TxValidationCode::DuplicateTxid;
    store.commit(&block(2), &committed, &Updates::default()).unwrap();
    let first = Outcome { block: 1, code: TxValidationCode::Valid };
    assert_eq!(store.outcome("x").unwrap(), Some(first));
}

#[test]
fn a_block_is_found_by_the_hash_of_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("ledger"), "payments").unwrap();
    let blocks = [1, 2].map(|number| block::assemble(number, vec![7; 32], Vec::new(), &[]));
    for block in &blocks {
        store.commit(block, &[], &Updates::default()).unwrap();
    }
    for block in blocks {
        let hash = block::header_hash(block.header.as_ref().unwrap());
        assert_eq!(store.block_with_hash(&hash).unwrap(), Some(block));
    }
    assert_eq!(store.block_with_hash(&[7; 32]).unwrap(), None);
}

#[test]
fn another_channel_or_a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let store = Store::open(&path, "payments").unwrap();
    assert!(matches!(Store::open(&path, "payments"), Err(StoreError::Open { .. })));
    drop(store);
    let error = Store::open(&path, "other").unwrap_err().to_string();
    assert!(error.ends_with("is that of channel payments, not of other"), "{error}");
}
