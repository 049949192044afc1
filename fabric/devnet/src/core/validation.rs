//! Validation of a block: duplicate ids, endorsements, and whether what a transaction read still stands.

use std::collections::BTreeSet;
use std::ops::Bound;

use hlf_proto::kvrwset::{KvRead, RangeQueryInfo, range_query_info::ReadsInfo};
use hlf_proto::protos::TxValidationCode;

use super::definition::Definitions;
use super::endorsement::{Endorsed, Judge};
use super::policy::Principal;
use super::private::{PrivateWrites, hashed_namespace, private_namespace, state_key};
use super::query::end_bound;
use super::rwset::{CollectionSet, NamespaceSet, ReadWriteSet, read_version};
use super::snapshot::{Snapshot, SnapshotError, Version};
use super::updates::{Expiry, PrivateSet, Updates};

/// A transaction of a block with the verdicts that need no ledger.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Its id; empty when it could not be read.
    pub(crate) tx_id: String,
    /// Verdict on format, creator, signature and transaction id.
    pub(crate) form: TxValidationCode,
    /// Verdict on the contents; counts only if the form is valid and the id is new.
    pub(crate) contents: TxValidationCode,
    /// The chaincode that it calls.
    pub(crate) chaincode: String,
    /// Who has endorsed it.
    pub(crate) signers: Vec<Principal>,
    /// What it read and wants to write.
    pub(crate) set: ReadWriteSet,
}

/// The result of validating a block.
#[derive(Debug, PartialEq)]
pub(crate) struct Validated {
    /// One code per transaction, in order.
    pub(crate) codes: Vec<TxValidationCode>,
    /// The writes of the valid ones.
    pub(crate) updates: Updates,
}

/// What a block is validated against.
#[derive(Clone, Copy)]
pub(crate) struct Channel<'a> {
    /// The chaincodes.
    pub(crate) definitions: &'a Definitions,
    /// The ledger before the block.
    pub(crate) snapshot: &'a dyn Snapshot,
    /// Private writes in plain text.
    pub(crate) private: &'a dyn PrivateWrites,
}

impl std::fmt::Debug for Channel<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Channel").field("definitions", self.definitions).finish_non_exhaustive()
    }
}

/// Validates the transactions of block number `block` in order: first the endorsements of all, then what each has
/// read, on top of the valid ones before it.
///
/// # Errors
/// When the snapshot cannot be read.
pub(crate) fn validate(
    block: u64,
    candidates: &[Candidate],
    channel: Channel<'_>,
) -> Result<Validated, SnapshotError> {
    let mut codes = Vec::with_capacity(candidates.len());
    let mut judge = Judge::new(channel.definitions, channel.snapshot);
    for candidate in candidates {
        codes.push(before_state(candidate, &mut judge)?);
    }
    let mut updates = Updates::default();
    let mut seen = BTreeSet::new();
    for ((candidate, code), transaction) in candidates.iter().zip(&mut codes).zip(0..) {
        if *code == TxValidationCode::Valid && !seen.insert(candidate.tx_id.as_str()) {
            *code = TxValidationCode::DuplicateTxid;
        }
        if *code == TxValidationCode::Valid {
            *code = check_reads(&candidate.set, channel.snapshot, &updates)?;
        }
        if *code == TxValidationCode::Valid {
            let version = Version { block, transaction };
            updates.apply(&candidate.set, version, channel.snapshot)?;
            apply_private(&mut updates, candidate, version, channel);
        }
    }
    Ok(Validated { codes, updates })
}

/// Fabric's order: form, id already on the ledger, contents, endorsement.
fn before_state(candidate: &Candidate, judge: &mut Judge<'_>) -> Result<TxValidationCode, SnapshotError> {
    if candidate.form != TxValidationCode::Valid {
        return Ok(candidate.form);
    }
    if judge.snapshot.outcome(&candidate.tx_id)?.is_some() {
        return Ok(TxValidationCode::DuplicateTxid);
    }
    if candidate.contents != TxValidationCode::Valid {
        return Ok(candidate.contents);
    }
    judge.judge(Endorsed {
        chaincode: &candidate.chaincode,
        signers: &candidate.signers,
        set: &candidate.set,
    })
}

/// The plain text of a valid transaction's private writes, as far as it is at hand, and when it disappears.
fn apply_private(updates: &mut Updates, candidate: &Candidate, version: Version, channel: Channel<'_>) {
    for namespace in &candidate.set.namespaces {
        for CollectionSet { name, private_hash, .. } in &namespace.collections {
            if private_hash.is_empty() {
                continue;
            }
            let chaincode = &namespace.name;
            let Some(set) = channel.private.find(&candidate.tx_id, chaincode, name, private_hash) else {
                tracing::warn!(tx_id = candidate.tx_id, chaincode, collection = name, "private data missing");
                continue;
            };
            let private = private_namespace(chaincode, name);
            let collection = channel.definitions.collection(chaincode, name);
            let life = collection.map_or(0, |collection| collection.blocks_to_live);
            for write in set.writes.iter().filter(|write| life > 0 && !write.is_delete) {
                let block = version.block.saturating_add(life).saturating_add(1);
                let expiry = |namespace: &str, key: &str| Expiry {
                    block,
                    namespace: namespace.into(),
                    key: key.into(),
                    version,
                };
                updates.expire(expiry(&private, &write.key));
                updates.expire(expiry(&hashed_namespace(chaincode, name), &state_key(&write.key)));
            }
            let set = PrivateSet {
                transaction: version.transaction,
                chaincode: chaincode.clone(),
                collection: name.clone(),
                set,
            };
            updates.apply_private(set, &private, version, channel.snapshot);
        }
    }
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
        if !private_reads_stand(namespace, snapshot, updates)? {
            return Ok(TxValidationCode::MvccReadConflict);
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
        let version = read_version(read.version.as_ref());
        if !read_stands(&namespace.name, &read.key, version, snapshot, updates)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The same for the hashes of private keys.
fn private_reads_stand(
    namespace: &NamespaceSet,
    snapshot: &dyn Snapshot,
    updates: &Updates,
) -> Result<bool, SnapshotError> {
    for CollectionSet { name, set, .. } in &namespace.collections {
        let hashes = hashed_namespace(&namespace.name, name);
        for read in &set.hashed_reads {
            let version = read_version(read.version.as_ref());
            if !read_stands(&hashes, &hex::encode(&read.key_hash), version, snapshot, updates)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn read_stands(
    namespace: &str,
    key: &str,
    version: Option<Version>,
    snapshot: &dyn Snapshot,
    updates: &Updates,
) -> Result<bool, SnapshotError> {
    if updates.contains(namespace, key) {
        return Ok(false);
    }
    Ok(snapshot.get(namespace, key)?.map(|found| found.version) == version)
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
        read.key == *key && read_version(read.version.as_ref()) == Some(*version)
    };
    Ok(recorded.len() == current.len() && recorded.iter().zip(&current).all(same))
}

#[cfg(test)]
mod tests;
