//! The writes of a block's valid transactions, before they are committed.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::rwset::ReadWriteSet;
use super::snapshot::{Snapshot, SnapshotError, Version, Versioned, is_empty_range};

/// How many keys a merged scan takes from the snapshot at once.
const CHUNK: usize = 256;

/// One pending write: the new value, `None` for a deletion, and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The new value.
    pub value: Option<Vec<u8>>,
    /// Who writes it.
    pub version: Version,
}

/// Pending writes by namespace and key; a later write of a key replaces an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Updates {
    namespaces: BTreeMap<String, BTreeMap<String, Update>>,
    changes: Vec<Change>,
}

/// One write in the order of the block, also if a later one of the same block replaces it; histories keep them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The chaincode.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// What is written.
    pub update: Update,
}

impl Updates {
    /// Adds all writes of a valid transaction.
    pub fn apply(&mut self, set: &ReadWriteSet, version: Version) {
        for namespace in &set.namespaces {
            let keys = self.namespaces.entry(namespace.name.clone()).or_default();
            for write in &namespace.set.writes {
                let deleted = write.is_delete || write.value.is_empty();
                let value = (!deleted).then(|| write.value.clone());
                let update = Update { value, version };
                keys.insert(write.key.clone(), update.clone());
                let (namespace, key) = (namespace.name.clone(), write.key.clone());
                self.changes.push(Change { namespace, key, update });
            }
        }
    }

    /// True when a transaction of this block writes the key.
    #[must_use]
    pub fn contains(&self, namespace: &str, key: &str) -> bool {
        self.namespaces.get(namespace).is_some_and(|keys| keys.contains_key(key))
    }

    /// Every write in the order of the block.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The last write of each key: namespace, key, update.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Update)> {
        self.namespaces.iter().flat_map(|(namespace, keys)| {
            keys.iter().map(move |(key, update)| (namespace.as_str(), key.as_str(), update))
        })
    }

    /// Keys and versions in a range of the snapshot with these writes on top. It stops after `limit` keys.
    ///
    /// # Errors
    /// When the snapshot cannot be read.
    pub fn merged_scan(
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
