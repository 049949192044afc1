//! Private writes that endorsers have produced and no block has committed yet: Fabric's transient store, and the part
//! of gossip that brings private data to the members of a collection.
//!
//! It is kept in memory only. A network that is started again between endorsement and commit has lost the values;
//! readers are told so, as in Fabric where no peer has them any more.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hlf_proto::kvrwset::KvrwSet;
use hlf_proto::rwset::TxPvtReadWriteSet;
use prost::Message;
use sha2::{Digest, Sha256};

use crate::core::private::PrivateWrites;

/// Blocks after which writes that were never submitted are forgotten (Fabric's `transientstoreMaxBlockRetention`).
const RETENTION: u64 = 1000;

/// Bytes of writes that are kept at most, so that evaluations, which nobody submits, do not fill the memory: the oldest
/// are forgotten first.
const CAPACITY: usize = 256 * 1024 * 1024;

/// The private writes by transaction.
#[derive(Debug, Default)]
pub(crate) struct Transient {
    transactions: Mutex<Transactions>,
}

#[derive(Debug, Default)]
struct Transactions {
    by_id: HashMap<String, Kept>,
    /// Ids in the order in which they came; some may be gone.
    order: VecDeque<String>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    height: u64,
    sets: Vec<TxPvtReadWriteSet>,
}

impl Transactions {
    fn keep(&mut self, tx_id: &str, height: u64, set: TxPvtReadWriteSet, capacity: usize) {
        let kept = self.by_id.entry(tx_id.to_owned()).or_insert_with(|| {
            self.order.push_back(tx_id.to_owned());
            Kept { height, sets: Vec::new() }
        });
        if kept.sets.contains(&set) {
            return;
        }
        self.bytes += set.encoded_len();
        kept.sets.push(set);
        while self.bytes > capacity && self.order.len() > 1 {
            if let Some(oldest) = self.order.pop_front() {
                self.remove(&oldest);
            }
        }
    }

    fn remove(&mut self, tx_id: &str) {
        if let Some(kept) = self.by_id.remove(tx_id) {
            self.bytes -= kept.size();
        }
    }
}

impl Kept {
    fn size(&self) -> usize {
        self.sets.iter().map(Message::encoded_len).sum()
    }
}

impl Transient {
    /// Keeps the private writes that one endorser has produced, when the ledger was this high.
    pub(crate) fn keep(&self, tx_id: &str, height: u64, set: TxPvtReadWriteSet) {
        self.transactions().keep(tx_id, height, set, CAPACITY);
    }

    /// Forgets what a block has committed, and what has waited too long.
    pub(crate) fn forget<'a>(&self, tx_ids: impl Iterator<Item = &'a str>, height: u64) {
        let mut transactions = self.transactions();
        for tx_id in tx_ids {
            transactions.remove(tx_id);
        }
        let Transactions { by_id, order, .. } = &*transactions;
        let is_old = |tx_id: &String| {
            by_id.get(tx_id).is_none_or(|kept| kept.height.saturating_add(RETENTION) <= height)
        };
        let old = order.iter().take_while(|tx_id| is_old(tx_id)).count();
        for tx_id in transactions.order.drain(..old).collect::<Vec<_>>() {
            transactions.remove(&tx_id);
        }
    }

    fn transactions(&self) -> MutexGuard<'_, Transactions> {
        self.transactions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PrivateWrites for Transient {
    fn find(&self, tx_id: &str, chaincode: &str, collection: &str, hash: &[u8]) -> Option<KvrwSet> {
        let transactions = self.transactions();
        let sets = transactions.by_id.get(tx_id)?.sets.iter().flat_map(|set| &set.ns_pvt_rwset);
        let collections =
            sets.filter(|set| set.namespace == chaincode).flat_map(|set| &set.collection_pvt_rwset);
        let mut found = collections.filter(|set| set.collection_name == collection).map(|set| &set.rwset);
        let bytes = found.find(|bytes| Sha256::digest(bytes).as_slice() == hash)?;
        KvrwSet::decode(bytes.as_slice()).ok()
    }
}

#[cfg(test)]
mod tests {
    use hlf_proto::rwset::NsPvtReadWriteSet;

    use super::*;

    fn set(namespace: &str) -> TxPvtReadWriteSet {
        let namespace = NsPvtReadWriteSet { namespace: namespace.into(), ..NsPvtReadWriteSet::default() };
        TxPvtReadWriteSet { ns_pvt_rwset: vec![namespace], ..TxPvtReadWriteSet::default() }
    }

    #[test]
    fn the_oldest_make_room_and_what_is_committed_or_old_is_forgotten() {
        let size = set("cc").encoded_len();
        let mut transactions = Transactions::default();
        for number in 0..10 {
            transactions.keep(&number.to_string(), 5, set("cc"), 3 * size);
            // The same of another endorser takes no room.
            transactions.keep(&number.to_string(), 5, set("cc"), 3 * size);
        }
        let mut kept: Vec<_> = transactions.by_id.keys().map(String::as_str).collect();
        kept.sort_unstable();
        assert_eq!((kept, transactions.bytes), (vec!["7", "8", "9"], 3 * size));

        let transient = Transient { transactions: Mutex::new(transactions) };
        transient.forget(["8"].into_iter(), 6);
        assert_eq!(transient.transactions().by_id.len(), 2);
        transient.forget(std::iter::empty(), 5 + RETENTION);
        let transactions = transient.transactions();
        assert!(transactions.by_id.is_empty() && transactions.order.is_empty());
        assert_eq!(transactions.bytes, 0);
    }
}
