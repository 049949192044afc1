//! Open queries of a simulation: ranges of keys and histories, read bit by bit.

use std::collections::VecDeque;
use std::ops::Bound;

use hlf_proto::kvrwset::{KvRead, QueryReads, RangeQueryInfo, range_query_info::ReadsInfo};
use hlf_proto::queryresult::{KeyModification, Kv};
use prost::Message;

use super::rwset::encode_read;
use super::snapshot::{Modification, Snapshot, SnapshotError, Version, Versioned};

/// How many entries a query takes from the snapshot at once.
const CHUNK: usize = 128;

/// A range of keys being read, with the record of it that validation compares later.
#[derive(Debug)]
pub(crate) struct RangeQuery {
    namespace: String,
    /// The chaincode that results name.
    shown: String,
    start_key: String,
    end_key: String,
    buffered: VecDeque<(String, Versioned)>,
    next_start: Option<Bound<String>>,
    reads: Vec<KvRead>,
    seen_end: String,
    exhausted: bool,
}

impl RangeQuery {
    /// Starts at `start_key`, inclusive; an empty key is the lowest. Ends before `end_key`; an empty key is no limit.
    pub(crate) fn new(namespace: &str, start_key: &str, end_key: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            shown: namespace.to_owned(),
            start_key: start_key.to_owned(),
            end_key: end_key.to_owned(),
            buffered: VecDeque::new(),
            next_start: Some(Bound::Included(start_key.to_owned())),
            reads: Vec::new(),
            seen_end: String::new(),
            exhausted: false,
        }
    }

    /// The same with another name in the results: that of the chaincode, where the namespace is a collection's.
    pub(crate) fn shown_as(mut self, chaincode: &str) -> Self {
        chaincode.clone_into(&mut self.shown);
        self
    }

    /// The next entry, noted as read; at the end, the end is noted as read.
    pub(crate) fn next(&mut self, snapshot: &dyn Snapshot) -> Result<Option<Kv>, SnapshotError> {
        self.fill(snapshot)?;
        let Some((key, Versioned { value, version, .. })) = self.buffered.pop_front() else {
            self.exhausted = true;
            self.seen_end.clone_from(&self.end_key);
            return Ok(None);
        };
        self.seen_end.clone_from(&key);
        self.reads.push(encode_read(key.clone(), Some(version)));
        Ok(Some(Kv { namespace: self.shown.clone(), key, value }))
    }

    /// Key of the entry after the last one, not noted as read; empty at the end.
    pub(crate) fn bookmark(&mut self, snapshot: &dyn Snapshot) -> Result<String, SnapshotError> {
        self.fill(snapshot)?;
        Ok(self.buffered.front().map(|(key, _)| key.clone()).unwrap_or_default())
    }

    /// What was read, for the read set.
    pub(crate) fn into_info(self) -> RangeQueryInfo {
        let reads_info =
            (!self.reads.is_empty()).then_some(ReadsInfo::RawReads(QueryReads { kv_reads: self.reads }));
        RangeQueryInfo {
            start_key: self.start_key,
            end_key: self.seen_end,
            itr_exhausted: self.exhausted,
            reads_info,
        }
    }

    /// The chaincode whose keys are read.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    fn fill(&mut self, snapshot: &dyn Snapshot) -> Result<(), SnapshotError> {
        if !self.buffered.is_empty() {
            return Ok(());
        }
        let Some(start) = self.next_start.take() else {
            return Ok(());
        };
        let range = (start.as_ref().map(String::as_str), end_bound(&self.end_key));
        let found = snapshot.scan(&self.namespace, range, CHUNK)?;
        if found.len() == CHUNK {
            self.next_start = found.last().map(|(key, _)| Bound::Excluded(key.clone()));
        }
        self.buffered.extend(found);
        Ok(())
    }
}

/// The bound of a range query's end key.
pub(crate) fn end_bound(end_key: &str) -> Bound<&str> {
    if end_key.is_empty() { Bound::Unbounded } else { Bound::Excluded(end_key) }
}

/// The history of a key being read, newest first.
#[derive(Debug)]
pub(crate) struct HistoryQuery {
    namespace: String,
    key: String,
    buffered: VecDeque<Modification>,
    before: Option<Version>,
    complete: bool,
}

impl HistoryQuery {
    /// Starts at the newest change.
    pub(crate) fn new(namespace: &str, key: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            key: key.to_owned(),
            buffered: VecDeque::new(),
            before: None,
            complete: false,
        }
    }

    /// The next older change. Histories are not part of the read set.
    pub(crate) fn next(&mut self, snapshot: &dyn Snapshot) -> Result<Option<KeyModification>, SnapshotError> {
        if self.buffered.is_empty() && !self.complete {
            let found = snapshot.history(&self.namespace, &self.key, self.before, CHUNK)?;
            self.complete = found.len() < CHUNK;
            self.before = found.last().map(|modification| modification.version);
            self.buffered.extend(found);
        }
        Ok(self.buffered.pop_front().map(|modification| KeyModification {
            tx_id: modification.tx_id,
            is_delete: modification.value.is_none(),
            value: modification.value.unwrap_or_default(),
            timestamp: modification.timestamp,
        }))
    }
}

/// Results that are all known.
#[derive(Debug)]
pub(crate) struct ListQuery(std::vec::IntoIter<Vec<u8>>);

impl ListQuery {
    /// Starts with the first of these encoded results.
    pub(crate) fn new(results: Vec<Vec<u8>>) -> Self {
        Self(results.into_iter())
    }
}

/// An open query of any kind.
#[derive(Debug)]
pub(crate) enum Query {
    /// A range of keys.
    Range(RangeQuery),
    /// A range of private keys, which the read set does not record.
    Unrecorded(RangeQuery),
    /// Results of a rich query.
    List(ListQuery),
    /// A key's history.
    History(HistoryQuery),
}

impl Query {
    /// The next result, encoded.
    pub(crate) fn next(&mut self, snapshot: &dyn Snapshot) -> Result<Option<Vec<u8>>, SnapshotError> {
        Ok(match self {
            Self::Range(range) | Self::Unrecorded(range) => {
                range.next(snapshot)?.map(|kv| kv.encode_to_vec())
            }
            Self::List(list) => list.0.next(),
            Self::History(history) => history.next(snapshot)?.map(|change| change.encode_to_vec()),
        })
    }
}
