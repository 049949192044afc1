//! The writes of a block's valid transactions, before they are committed.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::rwset::{Operation, ReadWriteSet};
use super::snapshot::{Metadata, Snapshot, SnapshotError, Version, Versioned, is_empty_range};

/// How many keys a merged scan takes from the snapshot at once.
const CHUNK: usize = 256;

/// One pending write: the new value, `None` for a deletion, its metadata and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Update {
    /// The new value.
    pub(crate) value: Option<Vec<u8>>,
    /// What stands beside it.
    pub(crate) metadata: Metadata,
    /// Who writes it.
    pub(crate) version: Version,
}

/// Pending writes by namespace and key; a later write of a key replaces an earlier one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Updates {
    namespaces: BTreeMap<String, BTreeMap<String, Update>>,
    changes: Vec<Change>,
    private: Vec<PrivateSet>,
    purges: Vec<Purge>,
    expiries: Vec<Expiry>,
}

/// One write in the order of the block, also if a later one of the same block replaces it; histories keep them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The chaincode.
    pub(crate) namespace: String,
    /// The key.
    pub(crate) key: String,
    /// What is written; `None` for a deletion.
    pub(crate) value: Option<Vec<u8>>,
    /// Who writes it.
    pub(crate) version: Version,
}

/// The private writes of one transaction to one collection, as they are kept beside the block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PrivateSet {
    /// Index of the transaction in the block.
    pub(crate) transaction: u64,
    /// The chaincode.
    pub(crate) chaincode: String,
    /// The collection.
    pub(crate) collection: String,
    /// The writes.
    pub(crate) set: hlf_proto::kvrwset::KvrwSet,
}

/// A private key whose past values are to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Purge {
    /// The chaincode.
    pub(crate) chaincode: String,
    /// The collection.
    pub(crate) collection: String,
    /// SHA-256 of the key.
    pub(crate) key_hash: Vec<u8>,
}

/// A private value that disappears with a later block, unless it has been written again by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expiry {
    /// Number of the block with which it disappears.
    pub(crate) block: u64,
    /// Namespace of the state.
    pub(crate) namespace: String,
    /// Key of the state.
    pub(crate) key: String,
    /// The version that disappears.
    pub(crate) version: Version,
}

impl Updates {
    /// Adds all writes of a valid transaction: public ones, and the hashes of private ones.
    ///
    /// # Errors
    /// When the snapshot cannot be read.
    pub(crate) fn apply(
        &mut self,
        set: &ReadWriteSet,
        version: Version,
        snapshot: &dyn Snapshot,
    ) -> Result<(), SnapshotError> {
        for namespace in &set.namespaces {
            for ((name, key), operation) in namespace.operations() {
                if let Some(update) = self.merge(&name, &key, operation, version, snapshot)? {
                    self.insert(name, key, update);
                }
            }
            for collection in &namespace.collections {
                for write in collection.set.hashed_writes.iter().filter(|write| write.is_purge) {
                    self.purges.push(Purge {
                        chaincode: namespace.name.clone(),
                        collection: collection.name.clone(),
                        key_hash: write.key_hash.clone(),
                    });
                }
            }
            for write in &namespace.set.writes {
                let deleted = write.is_delete || write.value.is_empty();
                self.changes.push(Change {
                    namespace: namespace.name.clone(),
                    key: write.key.clone(),
                    value: (!deleted).then(|| write.value.clone()),
                    version,
                });
            }
        }
        Ok(())
    }

    /// Fabric's rule for values and metadata that are not written together: the missing half stays as it is, and
    /// metadata of a key that does not exist are nothing.
    fn merge(
        &self,
        namespace: &str,
        key: &str,
        operation: Operation,
        version: Version,
        snapshot: &dyn Snapshot,
    ) -> Result<Option<Update>, SnapshotError> {
        let update = |value, metadata| Some(Update { value, metadata, version });
        Ok(match operation {
            Operation { value: Some(None), .. } => update(None, Metadata::new()),
            Operation { value: Some(value), metadata: Some(metadata) } => update(value, metadata),
            Operation { value: Some(value), metadata: None } => {
                let metadata = self.current(namespace, key, snapshot)?.map(|found| found.metadata);
                update(value, metadata.unwrap_or_default())
            }
            Operation { value: None, metadata } => self
                .current(namespace, key, snapshot)?
                .and_then(|found| update(Some(found.value), metadata.unwrap_or_default())),
        })
    }

    /// Adds the private writes themselves of a valid transaction.
    pub(crate) fn apply_private(
        &mut self,
        set: PrivateSet,
        namespace: &str,
        version: Version,
        snapshot: &dyn Snapshot,
    ) {
        for write in &set.set.writes {
            let deleted = write.is_delete || write.value.is_empty();
            let value = (!deleted).then(|| write.value.clone());
            let update = Update { value, metadata: Metadata::new(), version };
            self.insert(namespace.to_owned(), write.key.clone(), update);
        }
        // Metadata are with the hashes; the value only takes the new version.
        for write in &set.set.metadata_writes {
            let written = set.set.writes.iter().any(|other| other.key == write.key);
            if let (false, Ok(Some(found))) = (written, self.current(namespace, &write.key, snapshot)) {
                let update = Update { value: Some(found.value), metadata: Metadata::new(), version };
                self.insert(namespace.to_owned(), write.key.clone(), update);
            }
        }
        self.private.push(set);
    }

    /// Notes that the newest value of a key disappears with a later block.
    pub(crate) fn expire(&mut self, expiry: Expiry) {
        self.expiries.push(expiry);
    }

    /// The key as it is after these writes.
    fn current(
        &self,
        namespace: &str,
        key: &str,
        snapshot: &dyn Snapshot,
    ) -> Result<Option<Versioned>, SnapshotError> {
        let Some(update) = self.namespaces.get(namespace).and_then(|keys| keys.get(key)) else {
            return snapshot.get(namespace, key);
        };
        let Update { value, metadata, version } = update.clone();
        Ok(value.map(|value| Versioned { value, version, metadata }))
    }

    fn insert(&mut self, namespace: String, key: String, update: Update) {
        self.namespaces.entry(namespace).or_default().insert(key, update);
    }

    /// True when a transaction of this block writes the key.
    #[must_use]
    pub(crate) fn contains(&self, namespace: &str, key: &str) -> bool {
        self.namespaces.get(namespace).is_some_and(|keys| keys.contains_key(key))
    }

    /// Every public write in the order of the block.
    #[must_use]
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The private writes whose plain text is at hand, in the order of the block.
    #[must_use]
    pub(crate) fn private(&self) -> &[PrivateSet] {
        &self.private
    }

    /// What is to be forgotten.
    #[must_use]
    pub(crate) fn purges(&self) -> &[Purge] {
        &self.purges
    }

    /// What disappears later.
    #[must_use]
    pub(crate) fn expiries(&self) -> &[Expiry] {
        &self.expiries
    }

    /// The last write of each key: namespace, key, update.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, &Update)> {
        self.namespaces.iter().flat_map(|(namespace, keys)| {
            keys.iter().map(move |(key, update)| (namespace.as_str(), key.as_str(), update))
        })
    }

    /// Keys and versions in a range of the snapshot with these writes on top. It stops after `limit` keys.
    ///
    /// # Errors
    /// When the snapshot cannot be read.
    pub(crate) fn merged_scan(
        &self,
        snapshot: &dyn Snapshot,
        namespace: &str,
        range: (Bound<&str>, Bound<&str>),
        limit: usize,
    ) -> Result<Vec<(String, Version)>, SnapshotError> {
        let mut merged = BTreeMap::new();
        if is_empty_range(&range) {
            return Ok(Vec::new());
        }
        if let Some(keys) = self.namespaces.get(namespace) {
            for (key, update) in keys.range::<str, _>(range) {
                if update.value.is_some() {
                    merged.insert(key.clone(), update.version);
                }
            }
        }
        let mut start = range.0.map(str::to_owned);
        loop {
            let found = snapshot.scan(namespace, (start.as_ref().map(String::as_str), range.1), CHUNK)?;
            let last = found.last().map(|(key, _)| key.clone());
            let complete = found.len() < CHUNK;
            for (key, Versioned { version, .. }) in found {
                if !self.contains(namespace, &key) {
                    merged.insert(key, version);
                }
            }
            match last {
                Some(last) if !complete && merged.len() <= limit => start = Bound::Excluded(last),
                _ => break,
            }
        }
        Ok(merged.into_iter().take(limit).collect())
    }
}
