//! Rich queries: CouchDB's query documents, run over the JSON values of a namespace.
//!
//! Every value of the namespace is looked at; there are no indexes, and `use_index` is taken without effect. As in
//! Fabric, a `limit` in the query counts for nothing.

use std::cmp::Ordering;

use hlf_proto::queryresult::Kv;
use prost::Message;
use serde_json::{Map, Value};
use std::ops::Bound;
use thiserror::Error;

use super::selector::{Path, Selector, SelectorError, compare};
use super::snapshot::{Snapshot, SnapshotError, Version};

/// How many keys are taken from the snapshot at once.
const CHUNK: usize = 256;

/// The bookmark after nothing was found, as CouchDB gives it.
const NOTHING: &str = "nil";

/// Why a rich query cannot be run.
#[derive(Debug, Error)]
pub enum RichQueryError {
    /// Not JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A part is missing or of the wrong type.
    #[error("error handling CouchDB request. Error:bad_request,  Status Code:400,  Reason:{0}")]
    Part(&'static str),
    /// A part that devnet does not support.
    #[error("hlf-devnet does not support {0:?} in rich queries")]
    Unsupported(String),
    /// The selector is wrong or uses what is not supported.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// A bookmark that no query gave.
    #[error(
        "error handling CouchDB request. Error:invalid_bookmark,  Status Code:400,  Reason:Invalid bookmark value: {0:?}"
    )]
    Bookmark(String),
    /// The store failed.
    #[error("the ledger cannot be read")]
    Snapshot(#[from] SnapshotError),
}

/// A parsed query.
#[derive(Debug)]
pub struct RichQuery {
    selector: Selector,
    sort: Vec<(Path, bool)>,
    fields: Option<Vec<Path>>,
    skip: usize,
}

/// One result.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value, or the fields of it that were asked for.
    pub value: Vec<u8>,
    /// The value's version.
    pub version: Version,
}

impl Entry {
    /// The result as it goes to the chaincode.
    #[must_use]
    pub fn into_result(self, namespace: &str) -> Vec<u8> {
        Kv { namespace: namespace.to_owned(), key: self.key, value: self.value }.encode_to_vec()
    }
}

/// A page of results.
#[derive(Debug, PartialEq)]
pub struct Found {
    /// The results in the query's order.
    pub entries: Vec<Entry>,
    /// Where the next page starts.
    pub bookmark: String,
}

impl RichQuery {
    /// Reads a query document.
    ///
    /// # Errors
    /// When it is malformed or uses what is not supported.
    pub fn parse(text: &str) -> Result<Self, RichQueryError> {
        let document: Map<String, Value> = serde_json::from_str(text)?;
        let selector =
            document.get("selector").ok_or(RichQueryError::Part("Missing required key: selector"))?;
        let mut query =
            Self { selector: Selector::parse(selector)?, sort: Vec::new(), fields: None, skip: 0 };
        for (name, value) in &document {
            match name.as_str() {
                "selector" => {}
                // No effect on the results.
                "limit" | "use_index" | "execution_stats" | "update" | "stable" | "r" | "conflicts"
                | "bookmark" => {}
                "sort" => query.sort = sort(value)?,
                "fields" => query.fields = Some(fields(value)?),
                "skip" => {
                    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
                    query.skip = number.ok_or(RichQueryError::Part("`skip` should be an integer >= 0"))?;
                }
                other => return Err(RichQueryError::Unsupported(other.to_owned())),
            }
        }
        Ok(query)
    }

    /// Runs it over the JSON values of a namespace, from a bookmark on.
    ///
    /// # Errors
    /// When the bookmark is none, or the snapshot cannot be read.
    pub fn run(
        &self,
        snapshot: &dyn Snapshot,
        namespace: &str,
        bookmark: &str,
        limit: usize,
    ) -> Result<Found, RichQueryError> {
        let before = match bookmark {
            "" | NOTHING => self.skip,
            bookmark => bookmark.parse().map_err(|_| RichQueryError::Bookmark(bookmark.to_owned()))?,
        };
        let mut matching = self.matching(snapshot, namespace)?;
        if !self.sort.is_empty() {
            // A stable sort: equal ones stay in the order of their keys.
            matching.sort_by(|(_, left, _), (_, right, _)| self.order(left, right));
        }
        let page: Vec<Entry> = matching
            .into_iter()
            .skip(before)
            .take(limit)
            .map(|(key, document, version)| Entry { key, value: self.project(document), version })
            .collect();
        let bookmark = if page.is_empty() { NOTHING.to_owned() } else { (before + page.len()).to_string() };
        Ok(Found { entries: page, bookmark })
    }

    fn matching(
        &self,
        snapshot: &dyn Snapshot,
        namespace: &str,
    ) -> Result<Vec<(String, Document, Version)>, RichQueryError> {
        let mut matching = Vec::new();
        let mut start = Bound::Unbounded;
        loop {
            let found =
                snapshot.scan(namespace, (start.as_ref().map(String::as_str), Bound::Unbounded), CHUNK)?;
            let last = found.last().map(|(key, _)| key.clone());
            let complete = found.len() < CHUNK;
            for (key, versioned) in found {
                // Values that are no JSON objects are attachments in CouchDB, which no query finds.
                let Ok(Value::Object(mut object)) = serde_json::from_slice(&versioned.value) else {
                    continue;
                };
                object.insert("_id".into(), Value::String(key.clone()));
                let document = Document { bytes: versioned.value, json: Value::Object(object) };
                // Sorting by a field leaves out what does not have it.
                let sortable = self.sort.iter().all(|(path, _)| path.find(&document.json).is_some());
                if sortable && self.selector.matches(&document.json) {
                    matching.push((key, document, versioned.version));
                }
            }
            match last {
                Some(last) if !complete => start = Bound::Excluded(last),
                _ => return Ok(matching),
            }
        }
    }

    fn order(&self, left: &Document, right: &Document) -> Ordering {
        let by_field = self.sort.iter().map(|(path, descending)| {
            let null = Value::Null;
            let (left, right) = (path.find(&left.json), path.find(&right.json));
            let order = compare(left.unwrap_or(&null), right.unwrap_or(&null));
            if *descending { order.reverse() } else { order }
        });
        by_field.fold(Ordering::Equal, Ordering::then)
    }

    fn project(&self, document: Document) -> Vec<u8> {
        let Some(fields) = &self.fields else { return document.bytes };
        let mut projected = Value::Object(Map::new());
        for path in fields {
            if let Some(value) = path.find(&document.json) {
                path.insert(&mut projected, value.clone());
            }
        }
        projected.to_string().into_bytes()
    }
}

struct Document {
    bytes: Vec<u8>,
    json: Value,
}

fn sort(value: &Value) -> Result<Vec<(Path, bool)>, RichQueryError> {
    let malformed = || RichQueryError::Part("Invalid sort json");
    let mut fields = Vec::new();
    for field in value.as_array().ok_or_else(malformed)? {
        match field {
            Value::String(name) => fields.push((Path::parse(name), false)),
            Value::Object(object) => {
                for (name, direction) in object {
                    let descending = match direction.as_str() {
                        Some("asc") => false,
                        Some("desc") => true,
                        _ => return Err(malformed()),
                    };
                    fields.push((Path::parse(name), descending));
                }
            }
            _ => return Err(malformed()),
        }
    }
    Ok(fields)
}

fn fields(value: &Value) -> Result<Vec<Path>, RichQueryError> {
    let malformed = || RichQueryError::Part("fields definition must be an array");
    let names = value.as_array().ok_or_else(malformed)?;
    names.iter().map(|name| name.as_str().map(Path::parse).ok_or_else(malformed)).collect()
}

#[cfg(test)]
mod tests;
