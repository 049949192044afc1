//! Private writes that endorsers have produced and no block has committed yet: Fabric's transient store, and the part
//! of gossip that brings private data to the members of a collection.
//!
//! It is kept in memory only. A network that is started again between endorsement and commit has lost the values;
//! readers are told so, as in Fabric where no peer has them any more.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hlf_proto::kvrwset::KvrwSet;
use hlf_proto::rwset::TxPvtReadWriteSet;
use prost::Message;
use sha2::{Digest, Sha256};

use crate::core::private::PrivateWrites;

/// Blocks after which writes that were never submitted are forgotten (Fabric's `transientstoreMaxBlockRetention`).
const RETENTION: u64 = 1000;

/// The private writes by transaction.
#[derive(Debug, Default)]
pub(crate) struct Transient {
    transactions: Mutex<HashMap<String, Kept>>,
}

#[derive(Debug)]
struct Kept {
    height: u64,
    sets: Vec<TxPvtReadWriteSet>,
}

impl Transient {
    /// Keeps the private writes that one endorser has produced, when the ledger was this high.
    pub(crate) fn keep(&self, tx_id: &str, height: u64, set: TxPvtReadWriteSet) {
        let mut transactions = self.transactions();
        let kept = transactions.entry(tx_id.to_owned()).or_insert_with(|| Kept { height, sets: Vec::new() });
        if !kept.sets.contains(&set) {
            kept.sets.push(set);
        }
    }

    /// Forgets what a block has committed, and what has waited too long.
    pub(crate) fn forget<'a>(&self, tx_ids: impl Iterator<Item = &'a str>, height: u64) {
        let mut transactions = self.transactions();
        for tx_id in tx_ids {
            transactions.remove(tx_id);
        }
        transactions.retain(|_, kept| kept.height.saturating_add(RETENTION) > height);
    }

    fn transactions(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.transactions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PrivateWrites for Transient {
    fn find(&self, tx_id: &str, chaincode: &str, collection: &str, hash: &[u8]) -> Option<KvrwSet> {
        let transactions = self.transactions();
        let sets = transactions.get(tx_id)?.sets.iter().flat_map(|set| &set.ns_pvt_rwset);
        let collections =
            sets.filter(|set| set.namespace == chaincode).flat_map(|set| &set.collection_pvt_rwset);
        let mut found = collections.filter(|set| set.collection_name == collection).map(|set| &set.rwset);
        let bytes = found.find(|bytes| Sha256::digest(bytes).as_slice() == hash)?;
        KvrwSet::decode(bytes.as_slice()).ok()
    }
}
