//! Queries with many results: ranges, composite keys, rich queries, history.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;

use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{
    GetHistoryForKey, GetQueryResult, GetStateByRange, QueryMetadata, QueryResponse, QueryResponseMetadata,
    QueryResultBytes, QueryStateClose, QueryStateNext,
};
use hlf_proto::queryresult::{KeyModification, Kv};
use hlf_proto::{DecodeError, Message, Timestamp};

use super::Stub;
use super::access::not_empty;
use crate::composite_key::{all_composite, check_simple};
use crate::peer::Peer;
use crate::{CompositeKey, LedgerError};

/// First of all simple keys: composite keys begin with U+0000 and are left out of ranges.
const FIRST_SIMPLE_KEY: &str = "\u{1}";

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyValue {
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Vec<u8>,
}

/// One change of a key.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyChange {
    /// The transaction that made it.
    pub tx_id: String,
    /// The value that it wrote; `None` if it deleted the key.
    pub value: Option<Vec<u8>>,
    /// The transaction's time by its client's clock.
    pub timestamp: Option<Timestamp>,
}

/// A page of results.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The results.
    pub entries: Vec<T>,
    /// What the next page is asked for with; empty after the last.
    pub bookmark: String,
}

/// Something that queries give.
pub trait QueryResult: Sized {
    /// Reads one result.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are not such a result.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;
}

impl QueryResult for KeyValue {
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let Kv { key, value, .. } = Message::decode(bytes)?;
        Ok(Self { key, value })
    }
}

impl QueryResult for KeyChange {
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let KeyModification { tx_id, value, timestamp, is_delete } = Message::decode(bytes)?;
        Ok(Self { tx_id, value: (!is_delete).then_some(value), timestamp })
    }
}

/// An open query: its results come in batches, as they are asked for.
///
/// A query that is dropped before its end is closed at the peer.
pub struct Query<T> {
    peer: Arc<dyn Peer>,
    kind: Type,
    batch: VecDeque<QueryResultBytes>,
    /// Under which id the peer keeps it open; `None` after the last batch.
    open: Option<String>,
    bookmark: String,
    result: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for Query<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query")
            .field("batch", &self.batch.len())
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

impl<T: QueryResult> Query<T> {
    async fn open(peer: Arc<dyn Peer>, kind: Type, request: Vec<u8>) -> Result<Self, LedgerError> {
        let reply = peer.call(kind, request).await?;
        let mut query = Self {
            peer,
            kind,
            batch: VecDeque::new(),
            open: None,
            bookmark: String::new(),
            result: PhantomData,
        };
        query.take(&reply)?;
        Ok(query)
    }

    /// The next result, or `None` at the end.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the peer cannot be asked or does not answer with results.
    pub async fn next(&mut self) -> Result<Option<T>, LedgerError> {
        while self.batch.is_empty()
            && let Some(id) = self.open.clone()
        {
            let request = QueryStateNext { id }.encode_to_vec();
            let reply = self.peer.call(Type::QueryStateNext, request).await?;
            self.take(&reply)?;
        }
        let Some(result) = self.batch.pop_front() else { return Ok(None) };
        let kind = self.kind.as_str_name();
        T::decode(&result.result_bytes).map(Some).map_err(|source| LedgerError::Undecodable { kind, source })
    }

    /// All results that are left.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub async fn collect(mut self) -> Result<Vec<T>, LedgerError> {
        let mut results = Vec::new();
        while let Some(result) = self.next().await? {
            results.push(result);
        }
        Ok(results)
    }

    async fn page(self) -> Result<Page<T>, LedgerError> {
        let bookmark = self.bookmark.clone();
        Ok(Page { entries: self.collect().await?, bookmark })
    }

    fn take(&mut self, reply: &[u8]) -> Result<(), LedgerError> {
        let kind = self.kind.as_str_name();
        let undecodable = |source| LedgerError::Undecodable { kind, source };
        let QueryResponse { results, has_more, id, metadata } =
            Message::decode(reply).map_err(undecodable)?;
        self.batch = results.into();
        self.open = has_more.then_some(id);
        if !metadata.is_empty() {
            let metadata = QueryResponseMetadata::decode(metadata.as_slice()).map_err(undecodable)?;
            self.bookmark = metadata.bookmark;
        }
        Ok(())
    }
}

impl<T> Drop for Query<T> {
    fn drop(&mut self) {
        if let Some(id) = self.open.take() {
            // The request is made here; nobody waits for the reply.
            drop(self.peer.call(Type::QueryStateClose, QueryStateClose { id }.encode_to_vec()));
        }
    }
}

impl Stub {
    /// The keys from `start` up to but not including `end`, in order of their bytes. An empty `start` is before all
    /// simple keys, an empty `end` after them. Composite keys are not among them.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if a key is a composite one or the peer cannot be asked.
    pub async fn range(&self, start: &str, end: &str) -> Result<Query<KeyValue>, LedgerError> {
        self.open_range("", simple_range(start, end)?, Vec::new()).await
    }

    /// A page of [`range`](Self::range). The transaction must not write anything. The first page's bookmark is empty.
    ///
    /// # Errors
    ///
    /// As [`range`](Self::range), and for a page size of 0 or above 2³¹ − 1.
    pub async fn range_page(
        &self,
        start: &str,
        end: &str,
        page_size: u32,
        bookmark: &str,
    ) -> Result<Page<KeyValue>, LedgerError> {
        self.open_range("", simple_range(start, end)?, page(page_size, bookmark)?).await?.page().await
    }

    /// The composite keys that begin with this type and these attributes, in order of their bytes. The key that has no
    /// further attributes is among them.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the peer cannot be asked.
    pub async fn composite_range(&self, prefix: &CompositeKey) -> Result<Query<KeyValue>, LedgerError> {
        self.open_range("", prefix.range(), Vec::new()).await
    }

    /// A page of [`composite_range`](Self::composite_range). The transaction must not write anything. The first page's
    /// bookmark is empty.
    ///
    /// # Errors
    ///
    /// As [`composite_range`](Self::composite_range), and for a page size of 0 or above 2³¹ − 1.
    pub async fn composite_range_page(
        &self,
        prefix: &CompositeKey,
        page_size: u32,
        bookmark: &str,
    ) -> Result<Page<KeyValue>, LedgerError> {
        self.open_range("", prefix.range(), page(page_size, bookmark)?).await?.page().await
    }

    /// Results of a query in the language of the state database; only CouchDB has one. They are not checked again when
    /// the transaction is validated.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the peer cannot be asked, or its database cannot answer.
    pub async fn query(&self, query: &str) -> Result<Query<KeyValue>, LedgerError> {
        self.open_rich("", query, Vec::new()).await
    }

    /// A page of [`query`](Self::query). The transaction must not write anything. The first page's bookmark is empty.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query), and for a page size of 0 or above 2³¹ − 1.
    pub async fn query_page(
        &self,
        query: &str,
        page_size: u32,
        bookmark: &str,
    ) -> Result<Page<KeyValue>, LedgerError> {
        self.open_rich("", query, page(page_size, bookmark)?).await?.page().await
    }

    /// All changes of a key by valid transactions, the newest first. They are not checked again when the transaction is
    /// validated.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the key is empty, the peer cannot be asked, or it keeps no history.
    pub async fn history(&self, key: &str) -> Result<Query<KeyChange>, LedgerError> {
        let request = GetHistoryForKey { key: not_empty(key)? };
        Query::open(Arc::clone(&self.0.peer), Type::GetHistoryForKey, request.encode_to_vec()).await
    }

    /// A page of all composite keys, whatever their type. The transaction must not write anything. The first page's
    /// bookmark is empty.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the peer cannot be asked, and for a page size of 0 or above 2³¹ − 1.
    pub async fn all_composite_page(
        &self,
        page_size: u32,
        bookmark: &str,
    ) -> Result<Page<KeyValue>, LedgerError> {
        self.open_range("", all_composite(), page(page_size, bookmark)?).await?.page().await
    }

    pub(super) async fn open_range(
        &self,
        collection: &str,
        (start_key, end_key): (String, String),
        metadata: Vec<u8>,
    ) -> Result<Query<KeyValue>, LedgerError> {
        let request = GetStateByRange { start_key, end_key, collection: collection.to_owned(), metadata };
        Query::open(Arc::clone(&self.0.peer), Type::GetStateByRange, request.encode_to_vec()).await
    }

    pub(super) async fn open_rich(
        &self,
        collection: &str,
        query: &str,
        metadata: Vec<u8>,
    ) -> Result<Query<KeyValue>, LedgerError> {
        let request = GetQueryResult { query: query.to_owned(), collection: collection.to_owned(), metadata };
        Query::open(Arc::clone(&self.0.peer), Type::GetQueryResult, request.encode_to_vec()).await
    }
}

pub(super) fn simple_range(start: &str, end: &str) -> Result<(String, String), LedgerError> {
    check_simple(start)?;
    check_simple(end)?;
    let start = if start.is_empty() { FIRST_SIMPLE_KEY } else { start };
    Ok((start.to_owned(), end.to_owned()))
}

fn page(entries: u32, bookmark: &str) -> Result<Vec<u8>, LedgerError> {
    let page_size = i32::try_from(entries).ok().filter(|&size| size > 0);
    let page_size = page_size.ok_or(LedgerError::PageSize { entries })?;
    Ok(QueryMetadata { page_size, bookmark: bookmark.to_owned() }.encode_to_vec())
}
