//! A read view of the store.

use std::fmt;
use std::ops::Bound;

use redb::{ReadOnlyTable, ReadTransaction};

use super::{HISTORY, OUTCOMES, STATE, StoreError, database, rows};
use crate::core::block::code_from_byte;
use crate::core::snapshot::{
    Modification, Outcome, Snapshot, SnapshotError, Version, Versioned, is_empty_range,
};

/// Highest possible transaction position, for an upper bound.
const LAST: Version = Version { block: u64::MAX, transaction: u64::MAX };

/// The ledger as of one block.
pub(crate) struct StoreSnapshot {
    state: ReadOnlyTable<(&'static str, &'static str), &'static [u8]>,
    history: ReadOnlyTable<(&'static str, &'static str, u64, u64), &'static [u8]>,
    outcomes: ReadOnlyTable<&'static str, (u64, u8)>,
}

impl fmt::Debug for StoreSnapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StoreSnapshot").finish_non_exhaustive()
    }
}

impl StoreSnapshot {
    pub(super) fn new(read: &ReadTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            state: read.open_table(STATE).map_err(database)?,
            history: read.open_table(HISTORY).map_err(database)?,
            outcomes: read.open_table(OUTCOMES).map_err(database)?,
        })
    }

    pub(super) fn find_outcome(&self, tx_id: &str) -> Result<Option<Outcome>, StoreError> {
        let found = self.outcomes.get(tx_id).map_err(database)?;
        Ok(found.map(|found| {
            let (block, code) = found.value();
            Outcome { block, code: code_from_byte(code) }
        }))
    }

    fn find(&self, namespace: &str, key: &str) -> Result<Option<Versioned>, StoreError> {
        let found = self.state.get((namespace, key)).map_err(database)?;
        found.map(|row| rows::read_state(row.value())).transpose()
    }

    fn find_range(
        &self,
        namespace: &str,
        (start, end): (Bound<&str>, Bound<&str>),
        limit: usize,
    ) -> Result<Vec<(String, Versioned)>, StoreError> {
        let start = match start {
            Bound::Unbounded => Bound::Included((namespace, "")),
            start => start.map(|key| (namespace, key)),
        };
        // No namespace contains a zero byte, so this is above every key of the namespace and below the next one.
        let after = format!("{namespace}\0");
        let end = match end {
            Bound::Unbounded => Bound::Excluded((after.as_str(), "")),
            end => end.map(|key| (namespace, key)),
        };
        let mut found = Vec::new();
        for row in self.state.range::<(&str, &str)>((start, end)).map_err(database)?.take(limit) {
            let (key, row) = row.map_err(database)?;
            found.push((key.value().1.to_owned(), rows::read_state(row.value())?));
        }
        Ok(found)
    }

    fn find_history(
        &self,
        namespace: &str,
        key: &str,
        before: Option<Version>,
        limit: usize,
    ) -> Result<Vec<Modification>, StoreError> {
        let end = before.unwrap_or(LAST);
        let range = (namespace, key, 0, 0)..(namespace, key, end.block, end.transaction);
        let mut found = Vec::new();
        for row in self.history.range(range).map_err(database)?.rev().take(limit) {
            let (at, row) = row.map_err(database)?;
            let (_, _, block, transaction) = at.value();
            found.push(rows::read_change(Version { block, transaction }, row.value())?);
        }
        Ok(found)
    }
}

impl Snapshot for StoreSnapshot {
    fn get(&self, namespace: &str, key: &str) -> Result<Option<Versioned>, SnapshotError> {
        self.find(namespace, key).map_err(SnapshotError::new)
    }

    fn scan(
        &self,
        namespace: &str,
        range: (Bound<&str>, Bound<&str>),
        limit: usize,
    ) -> Result<Vec<(String, Versioned)>, SnapshotError> {
        if is_empty_range(&range) {
            return Ok(Vec::new());
        }
        self.find_range(namespace, range, limit).map_err(SnapshotError::new)
    }

    fn history(
        &self,
        namespace: &str,
        key: &str,
        before: Option<Version>,
        limit: usize,
    ) -> Result<Vec<Modification>, SnapshotError> {
        self.find_history(namespace, key, before, limit).map_err(SnapshotError::new)
    }

    fn outcome(&self, tx_id: &str) -> Result<Option<Outcome>, SnapshotError> {
        self.find_outcome(tx_id).map_err(SnapshotError::new)
    }
}
