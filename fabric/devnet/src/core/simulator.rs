//! One simulation of a transaction on a snapshot: reads are noted, writes are collected, nothing is changed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::query::{HistoryQuery, Query, RangeQuery};
use super::rwset::{ReadWriteSet, RwsetBuilder};
use super::snapshot::{Snapshot, SnapshotError};

/// Results that go to the chaincode in one message, as in Fabric.
const BATCH: usize = 100;

/// Most results of one query (`ledger.state.totalQueryLimit` of Fabric's sample configuration).
const TOTAL_QUERY_LIMIT: usize = 100_000;

/// Why a call of the chaincode was refused. The texts are Fabric's where Fabric has one.
#[derive(Debug, Error)]
pub enum SimulationError {
    /// The store failed.
    #[error("the ledger cannot be read")]
    Snapshot(#[from] SnapshotError),
    /// A write after a paginated query.
    #[error(
        "txid [{0}]: unsuppored transaction. Transaction has already performed a paginated query. Writes are not allowed"
    )]
    WriteAfterPage(String),
    /// A paginated query after a write.
    #[error(
        "txid [{0}]: unsuppored transaction. Paginated queries are supported only in a read-only transaction"
    )]
    PageAfterWrite(String),
    /// `QUERY_STATE_NEXT` for a query that was never opened or is closed.
    #[error("query iterator not found")]
    QueryNotFound,
}

/// A part of a query's results.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Id of the query, for the next part.
    pub id: String,
    /// Encoded results.
    pub results: Vec<Vec<u8>>,
    /// True when there is another part.
    pub has_more: bool,
    /// With pagination: key where the next page starts, empty at the end.
    pub bookmark: Option<String>,
}

/// Which part of a range an explicit page is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Most results; 0 for no limit of its own.
    pub size: usize,
    /// Bookmark of the page before, or empty.
    pub bookmark: String,
}

/// A running simulation.
pub struct Simulator {
    snapshot: Arc<dyn Snapshot>,
    tx_id: String,
    namespace: String,
    set: RwsetBuilder,
    queries: BTreeMap<u64, OpenQuery>,
    finished_ranges: BTreeMap<u64, RangeQuery>,
    next_query: u64,
    wrote: bool,
    paginated: bool,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Simulator").field("tx_id", &self.tx_id).finish_non_exhaustive()
    }
}

struct OpenQuery {
    query: Query,
    pending: Vec<Vec<u8>>,
    returned: usize,
}

impl Simulator {
    /// Starts the simulation of transaction `tx_id` of chaincode `namespace`.
    #[must_use]
    pub fn new(snapshot: Arc<dyn Snapshot>, tx_id: &str, namespace: &str) -> Self {
        Self {
            snapshot,
            tx_id: tx_id.to_owned(),
            namespace: namespace.to_owned(),
            set: RwsetBuilder::default(),
            queries: BTreeMap::new(),
            finished_ranges: BTreeMap::new(),
            next_query: 1,
            wrote: false,
            paginated: false,
        }
    }

    /// The committed value of a key. Own writes are not seen, as in Fabric.
    ///
    /// # Errors
    /// When the store fails.
    pub fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, SimulationError> {
        let found = self.snapshot.get(&self.namespace, key)?;
        self.set.read(&self.namespace, key, found.as_ref().map(|found| found.version));
        Ok(found.map(|found| found.value))
    }

    /// Collects a write; an empty value deletes the key, as in Fabric.
    ///
    /// # Errors
    /// After a paginated query.
    pub fn put(&mut self, key: &str, value: Vec<u8>) -> Result<(), SimulationError> {
        if self.paginated {
            return Err(SimulationError::WriteAfterPage(self.tx_id.clone()));
        }
        self.wrote = true;
        self.set.write(&self.namespace, key, value);
        Ok(())
    }

    /// Opens a range query and gives its first part.
    ///
    /// # Errors
    /// When a page is asked for after a write, or the store fails.
    pub fn range(
        &mut self,
        start_key: &str,
        end_key: &str,
        page: Option<&Page>,
    ) -> Result<Batch, SimulationError> {
        let Some(page) = page else {
            let query = Query::Range(RangeQuery::new(&self.namespace, start_key, end_key));
            return self.open(query);
        };
        if self.wrote {
            return Err(SimulationError::PageAfterWrite(self.tx_id.clone()));
        }
        self.paginated = true;
        let start_key = if page.bookmark.is_empty() { start_key } else { &page.bookmark };
        let mut query = RangeQuery::new(&self.namespace, start_key, end_key);
        let limit = if page.size == 0 { TOTAL_QUERY_LIMIT } else { page.size.min(TOTAL_QUERY_LIMIT) };
        let mut results = Vec::new();
        while results.len() < limit {
            let Some(kv) = query.next(&*self.snapshot)? else { break };
            results.push(prost::Message::encode_to_vec(&kv));
        }
        let bookmark = query.bookmark(&*self.snapshot)?;
        let id = self.take_id();
        self.finished_ranges.insert(id, query);
        Ok(Batch { id: id.to_string(), results, has_more: false, bookmark: Some(bookmark) })
    }

    /// Opens the history of a key and gives its first part, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn history(&mut self, key: &str) -> Result<Batch, SimulationError> {
        let query = Query::History(HistoryQuery::new(&self.namespace, key));
        self.open(query)
    }

    /// The next part of an open query.
    ///
    /// # Errors
    /// When there is no such query, or the store fails.
    pub fn next(&mut self, id: &str) -> Result<Batch, SimulationError> {
        let id = id.parse().map_err(|_| SimulationError::QueryNotFound)?;
        let open = self.queries.remove(&id).ok_or(SimulationError::QueryNotFound)?;
        self.advance(id, open)
    }

    /// Closes a query; unknown ids are ignored, as in Fabric.
    pub fn close(&mut self, id: &str) {
        if let Some((id, open)) =
            id.parse().ok().and_then(|id| self.queries.remove(&id).map(|open| (id, open)))
        {
            self.finish_query(id, open.query);
        }
    }

    /// Ends the simulation: what it read and what it wants to write.
    #[must_use]
    pub fn finish(mut self) -> ReadWriteSet {
        for (id, open) in std::mem::take(&mut self.queries) {
            self.finish_query(id, open.query);
        }
        for range in std::mem::take(&mut self.finished_ranges).into_values() {
            let namespace = range.namespace().to_owned();
            self.set.range(&namespace, range.into_info());
        }
        self.set.build()
    }

    fn open(&mut self, query: Query) -> Result<Batch, SimulationError> {
        let id = self.take_id();
        self.advance(id, OpenQuery { query, pending: Vec::new(), returned: 0 })
    }

    /// Reads on until a part is full. Fabric reads one result more to learn whether there is one, and so do we:
    /// the read set tells.
    fn advance(&mut self, id: u64, mut open: OpenQuery) -> Result<Batch, SimulationError> {
        while open.returned < TOTAL_QUERY_LIMIT {
            let Some(result) = open.query.next(&*self.snapshot)? else { break };
            open.returned += 1;
            if open.pending.len() == BATCH {
                let results = std::mem::replace(&mut open.pending, vec![result]);
                self.queries.insert(id, open);
                return Ok(Batch { id: id.to_string(), results, has_more: true, bookmark: None });
            }
            open.pending.push(result);
        }
        self.finish_query(id, open.query);
        Ok(Batch { id: id.to_string(), results: open.pending, has_more: false, bookmark: None })
    }

    fn finish_query(&mut self, id: u64, query: Query) {
        if let Query::Range(range) = query {
            self.finished_ranges.insert(id, range);
        }
    }

    fn take_id(&mut self) -> u64 {
        let id = self.next_query;
        self.next_query += 1;
        id
    }
}
