//! Validation of a block: duplicate ids, endorsements, and whether what a transaction read still stands.

use std::collections::BTreeSet;
use std::ops::Bound;

use hlf_proto::kvrwset::{KvRead, RangeQueryInfo, range_query_info::ReadsInfo};
use hlf_proto::protos::TxValidationCode;

use super::query::end_bound;
use super::rwset::{NamespaceSet, ReadWriteSet, read_version};
use super::snapshot::{Snapshot, SnapshotError, Version};
use super::updates::Updates;

/// A transaction of a block with the verdicts that need no ledger.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its id; empty when it could not be read.
    pub tx_id: String,
    /// Verdict on format, creator, signature and transaction id.
    pub form: TxValidationCode,
    /// Verdict on the endorsements and the contents; counts only if the form is valid and the id is new.
    pub endorsement: TxValidationCode,
    /// What it read and wants to write.
    pub set: ReadWriteSet,
}

/// The result of validating a block.
#[derive(Debug, PartialEq, Eq)]
pub struct Validated {
    /// One code per transaction, in order.
    pub codes: Vec<TxValidationCode>,
    /// The writes of the valid ones.
    pub updates: Updates,
}

/// Validates the transactions of block number `block` in order, each on top of the valid ones before it.
///
/// # Errors
/// When the snapshot cannot be read.
pub fn validate(
    block: u64,
    candidates: &[Candidate],
    snapshot: &dyn Snapshot,
) -> Result<Validated, SnapshotError> {
    let mut codes = Vec::with_capacity(candidates.len());
    let mut updates = Updates::default();
    let mut seen = BTreeSet::new();
    for (candidate, transaction) in candidates.iter().zip(0..) {
        let mut code = before_state(candidate, snapshot)?;
        if code == TxValidationCode::Valid && !seen.insert(candidate.tx_id.as_str()) {
            code = TxValidationCode::DuplicateTxid;
        }
        if code == TxValidationCode::Valid {
            code = check_reads(&candidate.set, snapshot, &updates)?;
        }
        if code == TxValidationCode::Valid {
            updates.apply(&candidate.set, Version { block, transaction });
        }
        codes.push(code);
    }
    Ok(Validated { codes, updates })
}

/// Fabric's order: form, id already on the ledger, endorsement.
fn before_state(candidate: &Candidate, snapshot: &dyn Snapshot) -> Result<TxValidationCode, SnapshotError> {
    if candidate.form != TxValidationCode::Valid {
        return Ok(candidate.form);
    }
    if snapshot.outcome(&candidate.tx_id)?.is_some() {
        return Ok(TxValidationCode::DuplicateTxid);
    }
    Ok(candidate.endorsement)
}

fn check_reads(
    set: &ReadWriteSet,
    snapshot: &dyn Snapshot,
    updates: &Updates,
) -> Result<TxValidationCode, SnapshotError> {
    for namespace in &set.namespaces {
        if !reads_stand(namespace, snapshot, updates)? {
            return Ok(TxValidationCode::MvccReadConflict);
        }
        for query in &namespace.set.range_queries_info {
            if !range_stands(&namespace.name, query, snapshot, updates)? {
                return Ok(TxValidationCode::PhantomReadConflict);
            }
        }
    }
    Ok(TxValidationCode::Valid)
}

/// A read stands if no transaction before it in the block writes the key and its committed version is what was read.
fn reads_stand(
    namespace: &NamespaceSet,
    snapshot: &dyn Snapshot,
    updates: &Updates,
) -> Result<bool, SnapshotError> {
    for read in &namespace.set.reads {
        if updates.contains(&namespace.name, &read.key) {
            return Ok(false);
        }
        let committed = snapshot.get(&namespace.name, &read.key)?.map(|found| found.version);
        if committed != read_version(read) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A range query stands if it would give the same keys in the same versions now.
fn range_stands(
    namespace: &str,
    query: &RangeQueryInfo,
    snapshot: &dyn Snapshot,
    updates: &Updates,
) -> Result<bool, SnapshotError> {
    let recorded: &[KvRead] = match &query.reads_info {
        Some(ReadsInfo::RawReads(reads)) => &reads.kv_reads,
        Some(ReadsInfo::ReadsMerkleHashes(_)) => return Ok(false),
        None => &[],
    };
    // A query that was left before its end is recorded up to the last key that it gave, inclusive.
    let end =
        if query.itr_exhausted { end_bound(&query.end_key) } else { Bound::Included(query.end_key.as_str()) };
    let range = (Bound::Included(query.start_key.as_str()), end);
    let current = updates.merged_scan(snapshot, namespace, range, recorded.len() + 1)?;
    let same = |(read, (key, version)): (&KvRead, &(String, Version))| {
        read.key == *key && read_version(read) == Some(*version)
    };
    Ok(recorded.len() == current.len() && recorded.iter().zip(&current).all(same))
}

#[cfg(test)]
mod tests;
