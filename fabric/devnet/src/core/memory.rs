//! A ledger in memory, for tests and simulations.

use std::collections::BTreeMap;
use std::ops::Bound;

use hlf_proto::Timestamp;
use hlf_proto::protos::TxValidationCode;

use super::snapshot::{Modification, Outcome, Snapshot, SnapshotError, Version, Versioned, is_empty_range};
use super::updates::{Change, Updates};

/// The committed ledger, in ordered maps.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryLedger {
    state: BTreeMap<String, BTreeMap<String, Versioned>>,
    history: BTreeMap<(String, String), Vec<Modification>>,
    outcomes: BTreeMap<String, Outcome>,
}

/// Id, time and verdict of a committed transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committed<'a> {
    /// Its id.
    pub(crate) tx_id: &'a str,
    /// Time that its creator claims.
    pub(crate) timestamp: Option<Timestamp>,
    /// Its validation code.
    pub(crate) code: TxValidationCode,
}

impl MemoryLedger {
    /// Commits a block: its transactions in order, and the writes of the valid ones.
    pub(crate) fn commit(&mut self, block: u64, transactions: &[Committed<'_>], updates: &Updates) {
        for transaction in transactions {
            let outcome = Outcome { block, code: transaction.code };
            self.outcomes.entry(transaction.tx_id.to_owned()).or_insert(outcome);
        }
        for (namespace, key, update) in updates.iter() {
            let keys = self.state.entry(namespace.to_owned()).or_default();
            let (version, metadata) = (update.version, update.metadata.clone());
            match update.value.clone() {
                Some(value) => keys.insert(key.to_owned(), Versioned { value, version, metadata }),
                None => keys.remove(key),
            };
        }
        for Change { namespace, key, value, version } in updates.changes().iter().cloned() {
            let writer = usize::try_from(version.transaction).ok().and_then(|index| transactions.get(index));
            self.history.entry((namespace, key)).or_default().push(Modification {
                version,
                tx_id: writer.map(|writer| writer.tx_id.to_owned()).unwrap_or_default(),
                timestamp: writer.and_then(|writer| writer.timestamp),
                value,
            });
        }
    }
}

impl Snapshot for MemoryLedger {
    fn get(&self, namespace: &str, key: &str) -> Result<Option<Versioned>, SnapshotError> {
        Ok(self.state.get(namespace).and_then(|keys| keys.get(key)).cloned())
    }

    fn scan(
        &self,
        namespace: &str,
        range: (Bound<&str>, Bound<&str>),
        limit: usize,
    ) -> Result<Vec<(String, Versioned)>, SnapshotError> {
        let Some(keys) = self.state.get(namespace).filter(|_| !is_empty_range(&range)) else {
            return Ok(Vec::new());
        };
        let found = keys.range::<str, _>(range).take(limit);
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn history(
        &self,
        namespace: &str,
        key: &str,
        before: Option<Version>,
        limit: usize,
    ) -> Result<Vec<Modification>, SnapshotError> {
        let changes = self.history.get(&(namespace.to_owned(), key.to_owned()));
        let older = |change: &&Modification| before.is_none_or(|before| change.version < before);
        Ok(changes.into_iter().flatten().rev().filter(older).take(limit).cloned().collect())
    }

    fn outcome(&self, tx_id: &str) -> Result<Option<Outcome>, SnapshotError> {
        Ok(self.outcomes.get(tx_id).copied())
    }
}
