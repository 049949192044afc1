//! One simulation of a transaction on a snapshot: reads are noted, writes are collected, nothing is changed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hlf_proto::queryresult::Kv;
use hlf_selector::RichQuery;
use prost::Message;

use super::couchdb;
use super::definition::Collection;
use super::interest::PrivateReads;
use super::policy_envelope::{self, EnvelopeError};
use super::private::{hashed_namespace, private_namespace, state_key};
use super::query::{HistoryQuery, ListQuery, Query, RangeQuery};
use super::rich_query;
use super::rwset::RwsetBuilder;
use super::snapshot::{Metadata, Snapshot, VALIDATION_PARAMETER};

mod error;
mod setting;
#[cfg(test)]
mod tests;

pub(crate) use error::SimulationError;
pub(crate) use setting::{Batch, Context, Page, Place, Setting, Simulation};

/// Results that go to the chaincode in one message, as in Fabric.
const BATCH: usize = 100;

/// Most results of one query (`ledger.state.totalQueryLimit` of Fabric's sample configuration).
const TOTAL_QUERY_LIMIT: usize = 100_000;

/// A running simulation.
pub(crate) struct Simulator {
    pub(super) snapshot: Arc<dyn Snapshot>,
    setting: Setting,
    set: RwsetBuilder,
    queries: BTreeMap<u64, OpenQuery>,
    finished_ranges: BTreeMap<u64, RangeQuery>,
    private_reads: PrivateReads,
    next_query: u64,
    wrote: bool,
    paginated: bool,
    private_queried: bool,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Simulator").field("tx_id", &self.setting.tx_id).finish_non_exhaustive()
    }
}

struct OpenQuery {
    query: Query,
    pending: Vec<Vec<u8>>,
    returned: usize,
}

impl Simulator {
    /// Starts the simulation of a transaction.
    #[must_use]
    pub(crate) fn new(snapshot: Arc<dyn Snapshot>, setting: Setting) -> Self {
        Self {
            snapshot,
            setting,
            set: RwsetBuilder::default(),
            queries: BTreeMap::new(),
            finished_ranges: BTreeMap::new(),
            private_reads: PrivateReads::new(),
            next_query: 1,
            wrote: false,
            paginated: false,
            private_queried: false,
        }
    }

    /// For whom and by whom it is simulated.
    #[must_use]
    pub(crate) fn setting(&self) -> &Setting {
        &self.setting
    }

    /// The committed value of a key. Own writes are not seen, as in Fabric.
    ///
    /// # Errors
    /// When the collection may not be read, its value is not here, or the store fails.
    pub(crate) fn get(
        &mut self,
        context: &Context,
        place: Place<'_>,
    ) -> Result<Option<Vec<u8>>, SimulationError> {
        let Place { collection, key } = place;
        let chaincode = &context.namespace;
        if collection.is_empty() {
            let found = self.snapshot.get(chaincode, key)?;
            self.set.read(chaincode, key, found.as_ref().map(|found| found.version));
            return Ok(found.map(|found| found.value));
        }
        let found = self.readable(context, collection)?;
        let hash = self.snapshot.get(&hashed_namespace(chaincode, collection), &state_key(key))?;
        let hash = hash.map(|hash| hash.version);
        let value = match found.has_member(&self.setting.peer) {
            true => self.snapshot.get(&private_namespace(chaincode, collection), key)?,
            false => None,
        };
        let version = value.as_ref().map(|value| value.version);
        if hash != version {
            return Err(SimulationError::PrivateMissing(hash, version));
        }
        self.set.read_private(chaincode, collection, key, version);
        self.private_reads.insert((chaincode.clone(), collection.to_owned()));
        Ok(value.map(|value| value.value))
    }

    /// The SHA-256 of a private value, which the peers of all organisations have.
    ///
    /// # Errors
    /// When there is no such collection, or the store fails.
    pub(crate) fn private_hash(
        &mut self,
        context: &Context,
        place: Place<'_>,
    ) -> Result<Option<Vec<u8>>, SimulationError> {
        self.collection(context, place.collection)?;
        Ok(self.hashed(context, place)?.map(|(hash, _)| hash))
    }

    /// A key's metadata. They count as a read of the key.
    ///
    /// # Errors
    /// When the collection may not be read, or the store fails.
    pub(crate) fn metadata(
        &mut self,
        context: &Context,
        place: Place<'_>,
    ) -> Result<Metadata, SimulationError> {
        let chaincode = &context.namespace;
        if place.collection.is_empty() {
            let found = self.snapshot.get(chaincode, place.key)?;
            self.set.read(chaincode, place.key, found.as_ref().map(|found| found.version));
            return Ok(found.map(|found| found.metadata).unwrap_or_default());
        }
        self.readable(context, place.collection)?;
        Ok(self.hashed(context, place)?.map(|(_, metadata)| metadata).unwrap_or_default())
    }

    fn hashed(
        &mut self,
        context: &Context,
        place: Place<'_>,
    ) -> Result<Option<(Vec<u8>, Metadata)>, SimulationError> {
        let Place { collection, key } = place;
        let chaincode = &context.namespace;
        let found = self.snapshot.get(&hashed_namespace(chaincode, collection), &state_key(key))?;
        self.set.read_private(chaincode, collection, key, found.as_ref().map(|found| found.version));
        Ok(found.map(|found| (found.value, found.metadata)))
    }

    /// Collects a write; an empty value deletes the key, as in Fabric.
    ///
    /// # Errors
    /// After a query that forbids writes, when the collection may not be written, or the state database does not take
    /// the key or the value.
    pub(crate) fn put(
        &mut self,
        context: &Context,
        place: Place<'_>,
        value: Vec<u8>,
    ) -> Result<(), SimulationError> {
        self.writable(context, place.collection)?;
        if self.setting.couchdb {
            couchdb::check(place.key, &value).map_err(SimulationError::Unstorable)?;
        }
        if place.collection.is_empty() {
            self.set.write(&context.namespace, place.key, value);
        } else {
            self.set.write_private(&context.namespace, place.collection, place.key, value);
        }
        Ok(())
    }

    /// Collects new metadata of a key, in place of all that it has.
    ///
    /// # Errors
    /// As of [`put`](Self::put), and when an endorsement policy is of a kind that is not supported.
    pub(crate) fn put_metadata(
        &mut self,
        context: &Context,
        place: Place<'_>,
        metadata: Metadata,
    ) -> Result<(), SimulationError> {
        self.writable(context, place.collection)?;
        let policy = metadata.get(VALIDATION_PARAMETER).map(|policy| policy_envelope::decode(policy));
        // What is no policy at all Fabric takes, too; nobody can write the key any more then.
        if let Some(Err(error @ EnvelopeError::Principal)) = policy {
            return Err(error.into());
        }
        if place.collection.is_empty() {
            self.set.write_metadata(&context.namespace, place.key, metadata);
        } else {
            self.set.write_private_metadata(&context.namespace, place.collection, place.key, metadata);
        }
        Ok(())
    }

    /// Collects the deletion of a private key with its past values.
    ///
    /// # Errors
    /// As of [`put`](Self::put), and when no collection is named.
    pub(crate) fn purge(&mut self, context: &Context, place: Place<'_>) -> Result<(), SimulationError> {
        if place.collection.is_empty() {
            return Err(SimulationError::NotPrivate);
        }
        self.writable(context, place.collection)?;
        self.set.purge_private(&context.namespace, place.collection, place.key);
        Ok(())
    }

    /// Opens a range query and gives its first part.
    ///
    /// # Errors
    /// When the query may not follow what the transaction has done, or the store fails.
    pub(crate) fn range(
        &mut self,
        context: &Context,
        collection: &str,
        (start_key, end_key): (&str, &str),
        page: Option<&Page>,
    ) -> Result<Batch, SimulationError> {
        if !collection.is_empty() {
            let namespace = self.private_query(context, collection)?;
            // Private ranges are not part of the read set.
            let query = RangeQuery::new(&namespace, start_key, end_key).shown_as(&context.namespace);
            return self.open(Query::Unrecorded(query));
        }
        let Some(page) = page else {
            return self.open(Query::Range(RangeQuery::new(&context.namespace, start_key, end_key)));
        };
        self.begin_page()?;
        let start_key = if page.bookmark.is_empty() { start_key } else { &page.bookmark };
        let mut query = RangeQuery::new(&context.namespace, start_key, end_key);
        let limit = page_limit(page);
        let mut results = Vec::new();
        while results.len() < limit {
            let Some(kv) = query.next(&*self.snapshot)? else { break };
            results.push(kv.encode_to_vec());
        }
        let bookmark = Some(query.bookmark(&*self.snapshot)?);
        let id = self.take_id();
        self.finish_query(id, Query::Range(query));
        Ok(Batch { id: id.to_string(), results, has_more: false, bookmark })
    }

    /// Opens a rich query over JSON values and gives its first part. The keys that it gives count as read; keys that
    /// come later are not noticed, in Fabric neither.
    ///
    /// # Errors
    /// When the query is malformed or uses what is not supported, may not follow what the transaction has done, or
    /// the store fails.
    pub(crate) fn query(
        &mut self,
        context: &Context,
        collection: &str,
        text: &str,
        page: Option<&Page>,
    ) -> Result<Batch, SimulationError> {
        let namespace = match collection {
            "" => context.namespace.clone(),
            collection => self.private_query(context, collection)?,
        };
        if page.is_some() && collection.is_empty() {
            self.begin_page()?;
        }
        let page = page.filter(|_| collection.is_empty());
        let query = RichQuery::parse(text)?;
        let bookmark = page.map(|page| page.bookmark.as_str()).unwrap_or_default();
        let limit = page.map_or(TOTAL_QUERY_LIMIT, page_limit);
        let found = rich_query::run(&query, &*self.snapshot, &namespace, bookmark, limit)?;
        if collection.is_empty() {
            for entry in &found.entries {
                self.set.read(&context.namespace, &entry.key, Some(entry.version));
            }
        }
        let results = found.entries.into_iter().map(|entry| {
            let namespace = context.namespace.clone();
            Kv { namespace, key: entry.key, value: entry.value }.encode_to_vec()
        });
        let results: Vec<Vec<u8>> = results.collect();
        if page.is_none() {
            return self.open(Query::List(ListQuery::new(results)));
        }
        let id = self.take_id();
        Ok(Batch { id: id.to_string(), results, has_more: false, bookmark: Some(found.bookmark) })
    }

    /// Opens the history of a key, newest change first, and gives its first part.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn history(&mut self, context: &Context, key: &str) -> Result<Batch, SimulationError> {
        self.open(Query::History(HistoryQuery::new(&context.namespace, key)))
    }

    /// The next part of an open query.
    ///
    /// # Errors
    /// When there is no such query, or the store fails.
    pub(crate) fn next(&mut self, id: &str) -> Result<Batch, SimulationError> {
        let id = id.parse().map_err(|_| SimulationError::QueryNotFound)?;
        let open = self.queries.remove(&id).ok_or(SimulationError::QueryNotFound)?;
        self.advance(id, open)
    }

    /// Closes a query; unknown ids are ignored, as in Fabric.
    pub(crate) fn close(&mut self, id: &str) {
        if let Some((id, open)) =
            id.parse().ok().and_then(|id| self.queries.remove(&id).map(|open| (id, open)))
        {
            self.finish_query(id, open.query);
        }
    }

    /// Ends the simulation: what it read and what it wants to write.
    #[must_use]
    pub(crate) fn finish(&mut self) -> Simulation {
        for (id, open) in std::mem::take(&mut self.queries) {
            self.finish_query(id, open.query);
        }
        for range in std::mem::take(&mut self.finished_ranges).into_values() {
            let namespace = range.namespace().to_owned();
            self.set.range(&namespace, range.into_info());
        }
        let (set, private) = std::mem::take(&mut self.set).build();
        Simulation { set, private, private_reads: std::mem::take(&mut self.private_reads) }
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

    fn begin_page(&mut self) -> Result<(), SimulationError> {
        if self.wrote {
            return Err(SimulationError::PageAfterWrite(self.setting.tx_id.clone()));
        }
        self.paginated = true;
        Ok(())
    }

    /// Checks a query on private data; gives the namespace of its values.
    fn private_query(&mut self, context: &Context, collection: &str) -> Result<String, SimulationError> {
        let found = self.readable(context, collection)?;
        if self.wrote {
            return Err(SimulationError::PrivateQueryAfterWrite(self.setting.tx_id.clone()));
        }
        self.private_queried = true;
        self.private_reads.insert((context.namespace.clone(), collection.to_owned()));
        // The peer of an organisation that is no member has none of the values.
        let member = found.has_member(&self.setting.peer);
        Ok(if member { private_namespace(&context.namespace, collection) } else { String::new() })
    }

    fn collection(&self, context: &Context, collection: &str) -> Result<Collection, SimulationError> {
        if context.is_init {
            return Err(SimulationError::PrivateInInit);
        }
        let found = self.setting.definitions.collection(&context.namespace, collection);
        found.ok_or_else(|| SimulationError::NoCollection {
            channel: self.setting.channel.clone(),
            chaincode: context.namespace.clone(),
            collection: collection.to_owned(),
        })
    }

    fn readable(&self, context: &Context, collection: &str) -> Result<Collection, SimulationError> {
        let found = self.collection(context, collection)?;
        self.permitted(context, collection, "read", found.member_only_read, &found)?;
        Ok(found)
    }

    fn writable(&mut self, context: &Context, collection: &str) -> Result<(), SimulationError> {
        if !collection.is_empty() {
            let found = self.collection(context, collection)?;
            self.permitted(context, collection, "write", found.member_only_write, &found)?;
        }
        if self.private_queried {
            return Err(SimulationError::WriteAfterPrivateQuery(self.setting.tx_id.clone()));
        }
        if self.paginated {
            return Err(SimulationError::WriteAfterPage(self.setting.tx_id.clone()));
        }
        self.wrote = true;
        Ok(())
    }

    fn permitted(
        &self,
        context: &Context,
        collection: &str,
        access: &'static str,
        members_only: bool,
        found: &Collection,
    ) -> Result<(), SimulationError> {
        if !members_only || found.members.is_satisfied_by(std::slice::from_ref(&self.setting.creator)) {
            return Ok(());
        }
        let (chaincode, collection) = (context.namespace.clone(), collection.to_owned());
        Err(SimulationError::NotPermitted { access, chaincode, collection })
    }
}

fn page_limit(page: &Page) -> usize {
    if page.size == 0 { TOTAL_QUERY_LIMIT } else { page.size.min(TOTAL_QUERY_LIMIT) }
}
