//! Requests with many results.

use std::collections::BTreeMap;

use hlf_proto::Message;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{
    GetHistoryForKey, GetQueryResult, GetStateByRange, QueryMetadata, QueryResponse, QueryResponseMetadata,
    QueryResultBytes, QueryStateClose, QueryStateNext,
};
use hlf_proto::queryresult::Kv;
use hlf_selector::RichQuery;

use super::simulation::{Progress, Refusal, Simulation};

/// How many results a peer sends at once.
const BATCH: usize = 100;

/// What is left of open queries.
#[derive(Debug, Default)]
pub(super) struct Queries {
    open: BTreeMap<String, Vec<Vec<u8>>>,
    opened: usize,
}

impl Queries {
    /// The first batch of results; the others stay for QUERY_STATE_NEXT.
    fn open(&mut self, mut results: Vec<Vec<u8>>) -> Vec<u8> {
        let rest = results.split_off(results.len().min(BATCH));
        self.opened = self.opened.saturating_add(1);
        let id = self.opened.to_string();
        let has_more = !rest.is_empty();
        if has_more {
            self.open.insert(id.clone(), rest);
        }
        response(results, has_more, id, Vec::new())
    }
}

impl Simulation {
    pub(super) fn query(&self, kind: Type, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        match kind {
            Type::GetStateByRange => self.range(GetStateByRange::decode(payload)?),
            Type::GetQueryResult => self.rich(GetQueryResult::decode(payload)?),
            Type::GetHistoryForKey => {
                let GetHistoryForKey { key } = Message::decode(payload)?;
                let place = (self.chaincode().to_owned(), String::new(), key);
                let changes = self.setting.state.history.get(&place).into_iter().flatten().rev();
                Ok(self.progress().queries.open(changes.map(Message::encode_to_vec).collect()))
            }
            Type::QueryStateNext => {
                let QueryStateNext { id } = Message::decode(payload)?;
                let mut progress = self.progress();
                let rest = progress.queries.open.remove(&id).ok_or(Refusal::NoQuery)?;
                Ok(progress.queries.open(rest))
            }
            _ => {
                let QueryStateClose { id } = Message::decode(payload)?;
                self.progress().queries.open.remove(&id);
                Ok(response(Vec::new(), false, id, Vec::new()))
            }
        }
    }

    fn range(&self, request: GetStateByRange) -> Result<Vec<u8>, Refusal> {
        let GetStateByRange { start_key, end_key, collection, metadata } = request;
        let mut progress = self.begin_query(&collection)?;
        let entry = |(key, value): (&str, &Vec<u8>)| self.entry(key, value.clone());
        let state = &self.setting.state;
        if !collection.is_empty() || metadata.is_empty() {
            let results = state.between(self.chaincode(), &collection, &start_key, &end_key).map(entry);
            // A peer looks for what it has itself.
            let kept = if self.is_kept(&collection) { results.collect() } else { Vec::new() };
            return Ok(progress.queries.open(kept));
        }
        let QueryMetadata { page_size, bookmark } = Message::decode(metadata.as_slice())?;
        progress.page(&self.setting.key.tx_id)?;
        let start = if bookmark.is_empty() { start_key } else { bookmark };
        let mut rest = state.between(self.chaincode(), &collection, &start, &end_key);
        let results: Vec<_> = rest.by_ref().take(size(page_size)).map(entry).collect();
        let bookmark = rest.next().map(|(key, _)| key.to_owned()).unwrap_or_default();
        Ok(page(results, bookmark))
    }

    /// As CouchDB answers, in the order of the keys unless the query sorts.
    fn rich(&self, request: GetQueryResult) -> Result<Vec<u8>, Refusal> {
        let GetQueryResult { query, collection, metadata } = request;
        let mut progress = self.begin_query(&collection)?;
        let query = RichQuery::parse(&query)?;
        let page_of = match (collection.as_str(), metadata.as_slice()) {
            ("", metadata @ [_, ..]) => Some(QueryMetadata::decode(metadata)?),
            _ => None,
        };
        if page_of.is_some() {
            progress.page(&self.setting.key.tx_id)?;
        }
        let mut search = query.search(page_of.as_ref().map_or("", |page| &page.bookmark))?;
        if self.is_kept(&collection) {
            for (key, value) in self.setting.state.between(self.chaincode(), &collection, "", "") {
                search.offer(key, value.clone(), ());
            }
        }
        let found = search.page(page_of.as_ref().map_or(usize::MAX, |page| size(page.page_size)));
        let results = found.entries.into_iter().map(|entry| self.entry(&entry.key, entry.value)).collect();
        Ok(match page_of {
            Some(_) => page(results, found.bookmark),
            None => progress.queries.open(results),
        })
    }

    /// Private data can only be queried by a transaction that writes nothing.
    fn begin_query(&self, collection: &str) -> Result<std::sync::MutexGuard<'_, Progress>, Refusal> {
        self.may_read(collection)?;
        let mut progress = self.progress();
        if !collection.is_empty() {
            if !progress.writes.is_empty() {
                return Err(Refusal::PrivateQueryAfterWrite(self.setting.key.tx_id.clone()));
            }
            progress.private_query = true;
        }
        Ok(progress)
    }

    fn entry(&self, key: &str, value: Vec<u8>) -> Vec<u8> {
        Kv { namespace: self.chaincode().to_owned(), key: key.to_owned(), value }.encode_to_vec()
    }
}

impl Progress {
    fn page(&mut self, tx_id: &str) -> Result<(), Refusal> {
        self.paged = true;
        if self.writes.is_empty() { Ok(()) } else { Err(Refusal::PageAfterWrite(tx_id.to_owned())) }
    }
}

fn size(page_size: i32) -> usize {
    usize::try_from(page_size).unwrap_or_default()
}

fn page(results: Vec<Vec<u8>>, bookmark: String) -> Vec<u8> {
    let fetched_records_count = results.len().try_into().unwrap_or(i32::MAX);
    let metadata = QueryResponseMetadata { fetched_records_count, bookmark };
    response(results, false, String::new(), metadata.encode_to_vec())
}

fn response(results: Vec<Vec<u8>>, has_more: bool, id: String, metadata: Vec<u8>) -> Vec<u8> {
    let results = results.into_iter().map(|result_bytes| QueryResultBytes { result_bytes }).collect();
    QueryResponse { results, has_more, id, metadata }.encode_to_vec()
}
