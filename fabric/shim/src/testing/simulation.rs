//! One call's requests, answered as a peer answers them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{
    DelState, GetHistoryForKey, GetState, GetStateByRange, PutState, QueryMetadata, QueryResponse,
    QueryResponseMetadata, QueryResultBytes, QueryStateClose, QueryStateNext,
};
use hlf_proto::queryresult::Kv;
use hlf_proto::{DecodeError, Message};

use super::ledger::State;
use crate::LedgerError;
use crate::peer::Peer;

/// How many results a peer sends at once.
const BATCH: usize = 100;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the request cannot be decoded: {0}")]
    Undecodable(#[from] DecodeError),
    #[error("the ledger in memory has no {0}")]
    Unsupported(&'static str),
    #[error("a transaction that reads pages of a query cannot write")]
    PagedAndWritten,
    #[error("there is no open query {0:?}")]
    NoQuery(String),
}

/// What one call did so far.
#[derive(Debug, Default)]
struct Progress {
    writes: BTreeMap<String, Option<Vec<u8>>>,
    paged: bool,
    /// What is left of open queries.
    queries: BTreeMap<String, Vec<QueryResultBytes>>,
    opened: usize,
}

/// The simulation of one call.
#[derive(Debug)]
pub(super) struct Simulation {
    state: Arc<State>,
    tx_id: String,
    progress: Mutex<Progress>,
}

impl Simulation {
    pub(super) fn new(state: Arc<State>, tx_id: String) -> Self {
        Self { state, tx_id, progress: Mutex::default() }
    }

    /// What the call wrote.
    pub(super) fn take_writes(&self) -> BTreeMap<String, Option<Vec<u8>>> {
        std::mem::take(&mut self.progress().writes)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, kind: Type, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut progress = self.progress();
        match kind {
            Type::GetState => {
                let GetState { key, collection } = Message::decode(payload)?;
                public(&collection)?;
                Ok(self.state.values.get(&key).cloned().unwrap_or_default())
            }
            Type::PutState => {
                let PutState { key, value, collection } = Message::decode(payload)?;
                public(&collection)?;
                // A peer takes an empty value for a deletion.
                progress.write(key, (!value.is_empty()).then_some(value))
            }
            Type::DelState => {
                let DelState { key, collection } = Message::decode(payload)?;
                public(&collection)?;
                progress.write(key, None)
            }
            Type::GetStateByRange => {
                let request = GetStateByRange::decode(payload)?;
                public(&request.collection)?;
                self.range(&mut progress, request)
            }
            Type::GetHistoryForKey => {
                let GetHistoryForKey { key } = Message::decode(payload)?;
                let changes = self.state.history.get(&key).into_iter().flatten().rev();
                Ok(progress.open(changes.map(Message::encode_to_vec)))
            }
            Type::QueryStateNext => {
                let QueryStateNext { id } = Message::decode(payload)?;
                let rest = progress.queries.remove(&id).ok_or(Refusal::NoQuery(id))?;
                Ok(progress.open(rest.into_iter().map(|result| result.result_bytes)))
            }
            Type::QueryStateClose => {
                let QueryStateClose { id } = Message::decode(payload)?;
                progress.queries.remove(&id);
                Ok(QueryResponse { id, ..QueryResponse::default() }.encode_to_vec())
            }
            kind => Err(Refusal::Unsupported(kind.as_str_name())),
        }
    }

    fn range(&self, progress: &mut Progress, request: GetStateByRange) -> Result<Vec<u8>, Refusal> {
        let GetStateByRange { start_key, end_key, metadata, .. } = request;
        let entry = |(key, value): (&String, &Vec<u8>)| {
            Kv { namespace: String::new(), key: key.clone(), value: value.clone() }.encode_to_vec()
        };
        if metadata.is_empty() {
            return Ok(progress.open(self.between(start_key, end_key).map(entry)));
        }
        let QueryMetadata { page_size, bookmark } = Message::decode(metadata.as_slice())?;
        progress.page()?;
        let start = if bookmark.is_empty() { start_key } else { bookmark };
        let mut rest = self.between(start, end_key);
        let size = usize::try_from(page_size).unwrap_or_default();
        let results: Vec<_> = rest
            .by_ref()
            .take(size)
            .map(entry)
            .map(|result_bytes| QueryResultBytes { result_bytes })
            .collect();
        let metadata = QueryResponseMetadata {
            fetched_records_count: results.len().try_into().unwrap_or(i32::MAX),
            bookmark: rest.next().map(|(key, _)| key.clone()).unwrap_or_default(),
        };
        Ok(QueryResponse { results, metadata: metadata.encode_to_vec(), ..QueryResponse::default() }
            .encode_to_vec())
    }

    /// The entries from one key up to another; an empty last key is after all.
    fn between(&self, start: String, end: String) -> impl Iterator<Item = (&String, &Vec<u8>)> {
        let empty = !end.is_empty() && end <= start;
        let end = if end.is_empty() { Bound::Unbounded } else { Bound::Excluded(end) };
        let range = (!empty).then(|| self.state.values.range((Bound::Included(start), end)));
        range.into_iter().flatten()
    }
}

impl Progress {
    fn write(&mut self, key: String, value: Option<Vec<u8>>) -> Result<Vec<u8>, Refusal> {
        if self.paged {
            return Err(Refusal::PagedAndWritten);
        }
        self.writes.insert(key, value);
        Ok(Vec::new())
    }

    fn page(&mut self) -> Result<(), Refusal> {
        self.paged = true;
        if self.writes.is_empty() { Ok(()) } else { Err(Refusal::PagedAndWritten) }
    }

    /// The first batch of results; the others stay for QUERY_STATE_NEXT.
    fn open(&mut self, results: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
        let mut results: Vec<_> = results.map(|result_bytes| QueryResultBytes { result_bytes }).collect();
        let rest = results.split_off(results.len().min(BATCH));
        self.opened = self.opened.saturating_add(1);
        let id = self.opened.to_string();
        let has_more = !rest.is_empty();
        if has_more {
            self.queries.insert(id.clone(), rest);
        }
        QueryResponse { results, has_more, id, metadata: Vec::new() }.encode_to_vec()
    }
}

impl Peer for Simulation {
    fn call(&self, kind: Type, payload: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, LedgerError>> {
        let answer = self.answer(kind, &payload).map_err(|refusal| LedgerError::Peer {
            text: format!("{} failed: transaction ID: {}: {refusal}", kind.as_str_name(), self.tx_id),
        });
        std::future::ready(answer).boxed()
    }
}

fn public(collection: &str) -> Result<(), Refusal> {
    if collection.is_empty() { Ok(()) } else { Err(Refusal::Unsupported("private data")) }
}
