//! Query documents and what they find, as Fabric hands them to CouchDB
//! (`core/ledger/kvledger/txmgmt/statedb/statecouchdb`).

use std::cmp::Ordering;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::path::Path;
use crate::selector::{Selector, SelectorError, compare};

/// The bookmark after nothing was found from the beginning, as CouchDB gives it. It takes it from nobody.
const NOTHING: &str = "nil";

/// What Fabric adds to a document, and takes out of what is found.
const RESERVED: [&str; 3] = ["_id", "_rev", "~version"];

/// Why a rich query cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RichQueryError {
    /// Not JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// There is no selector.
    #[error(
        "error handling CouchDB request. Error:missing_required_key,  Status Code:400,  Reason:Missing required key: selector"
    )]
    NoSelector,
    /// `fields` is no array. This refusal is Fabric's own.
    #[error("fields definition must be an array")]
    Fields,
    /// A part has a value that it cannot have.
    #[error(
        "error handling CouchDB request. Error:invalid_value,  Status Code:400,  Reason:Invalid value for {name}: {value}"
    )]
    Value {
        /// The part.
        name: String,
        /// The value.
        value: String,
    },
    /// Fields are to be sorted by in different directions.
    #[error(
        "error handling CouchDB request. Error:unsupported_mixed_sort,  Status Code:400,  Reason:Sorts currently only support a single direction for all fields."
    )]
    MixedSort,
    /// A part that is not supported.
    #[error("{0:?} is not supported in rich queries")]
    Unsupported(String),
    /// The selector is wrong or uses what is not supported.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// A bookmark that no query gave.
    #[error(
        "error handling CouchDB request. Error:invalid_bookmark,  Status Code:400,  Reason:Invalid bookmark value: {0:?}"
    )]
    Bookmark(String),
}

/// A parsed query.
#[derive(Debug)]
pub struct RichQuery {
    selector: Selector,
    sort: Vec<Path>,
    descending: bool,
    fields: Option<Vec<Path>>,
    /// How many results to leave out, on each page anew.
    skip: usize,
    /// Where to begin unless the caller says otherwise.
    bookmark: String,
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<V> {
    /// The key.
    pub key: String,
    /// Its value, or the fields of it that were asked for.
    pub value: Vec<u8>,
    /// What was offered with it; its version, for instance.
    pub version: V,
}

/// A page of results.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found<V> {
    /// The results in the query's order.
    pub entries: Vec<Entry<V>>,
    /// Where the next page starts.
    pub bookmark: String,
}

/// A query that is being run: takes entries in the order of their keys, then gives a page of those that match.
#[derive(Debug)]
pub struct Search<'a, V> {
    query: &'a RichQuery,
    /// Results on the pages before.
    before: usize,
    /// The bookmark to give if nothing is found.
    nothing: String,
    matching: Vec<(Entry<V>, Value)>,
}

impl RichQuery {
    /// Reads a query document.
    ///
    /// # Errors
    /// When it is malformed or uses what is not supported.
    pub fn parse(text: &str) -> Result<Self, RichQueryError> {
        let document: Map<String, Value> = serde_json::from_str(text)?;
        let selector = document.get("selector").ok_or(RichQueryError::NoSelector)?;
        let mut query = Self {
            selector: Selector::parse(selector)?,
            sort: Vec::new(),
            descending: false,
            fields: None,
            skip: 0,
            bookmark: String::new(),
        };
        for (name, value) in &document {
            query.take(name, value)?;
        }
        Ok(query)
    }

    /// Takes a part of the document.
    fn take(&mut self, name: &str, value: &Value) -> Result<(), RichQueryError> {
        let fits = match name {
            // Fabric puts its own limit in the place of any.
            "selector" | "limit" => true,
            "sort" => {
                (self.sort, self.descending) = sort(value)?;
                true
            }
            "fields" => {
                self.fields = Some(fields(value)?);
                true
            }
            "skip" => {
                let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
                self.skip = number.ok_or_else(|| wrong(name, value))?;
                true
            }
            "bookmark" => {
                value.as_str().unwrap_or_default().clone_into(&mut self.bookmark);
                value.is_string() || value.is_null()
            }
            // CouchDB looks whether they make sense; on the results they have no effect.
            "execution_stats" | "update" | "stable" | "conflicts" => value.is_boolean(),
            "r" => value.as_u64().is_some_and(|number| number > 0),
            "stale" => *value == Value::Bool(false) || matches!(value.as_str(), Some("ok" | "false")),
            "use_index" => match value {
                Value::Array(names) => names.len() <= 2 && names.iter().all(Value::is_string),
                _ => value.is_string() || value.is_null(),
            },
            other => return Err(RichQueryError::Unsupported(other.to_owned())),
        };
        if fits { Ok(()) } else { Err(wrong(name, value)) }
    }

    /// Begins to run it, from a bookmark on. An empty one is the beginning, or the bookmark in the query.
    ///
    /// # Errors
    /// When the bookmark is none.
    pub fn search<V>(&self, bookmark: &str) -> Result<Search<'_, V>, RichQueryError> {
        let given = if bookmark.is_empty() { &self.bookmark } else { bookmark };
        let (before, nothing) = match given {
            "" => (0, NOTHING),
            given => (given.parse().map_err(|_| RichQueryError::Bookmark(given.to_owned()))?, given),
        };
        Ok(Search { query: self, before, nothing: nothing.to_owned(), matching: Vec::new() })
    }

    fn matches(&self, document: &Value) -> bool {
        // Sorting by a field leaves out what does not have it.
        let sortable = self.sort.iter().all(|path| path.find(document).is_some());
        sortable && self.selector.matches(document)
    }

    fn order(&self, left: &Value, right: &Value) -> Ordering {
        let by_field = self.sort.iter().map(|path| {
            let null = Value::Null;
            let (left, right) = (path.find(left), path.find(right));
            let order = compare(left.unwrap_or(&null), right.unwrap_or(&null));
            if self.descending { order.reverse() } else { order }
        });
        by_field.fold(Ordering::Equal, Ordering::then)
    }

    fn project(&self, document: &Value) -> Option<Vec<u8>> {
        let mut projected = Value::Object(Map::new());
        for path in self.fields.as_ref()? {
            if let Some(value) = path.find(document) {
                path.insert(&mut projected, value.clone());
            }
        }
        if let Value::Object(fields) = &mut projected {
            fields.retain(|name, _| !RESERVED.contains(&name.as_str()));
        }
        Some(projected.to_string().into_bytes())
    }
}

impl<V> Search<'_, V> {
    /// Looks at an entry. Values that are no JSON objects are attachments in CouchDB, which no query finds.
    pub fn offer(&mut self, key: impl Into<String>, value: Vec<u8>, version: V) {
        let Ok(Value::Object(mut object)) = serde_json::from_slice(&value) else { return };
        let key = key.into();
        object.insert("_id".into(), Value::String(key.clone()));
        let document = Value::Object(object);
        if self.query.matches(&document) {
            self.matching.push((Entry { key, value, version }, document));
        }
    }

    /// At most `limit` results in the query's order.
    #[must_use]
    pub fn page(mut self, limit: usize) -> Found<V> {
        if !self.query.sort.is_empty() {
            // A stable sort: equal ones stay in the order of their keys.
            self.matching.sort_by(|(_, left), (_, right)| self.query.order(left, right));
        }
        let matching = self.matching.len();
        let start = self.before.saturating_add(self.query.skip);
        let page = self.matching.into_iter().skip(start).take(limit);
        let entries: Vec<_> = page
            .map(|(entry, document)| match self.query.project(&document) {
                Some(value) => Entry { value, ..entry },
                None => entry,
            })
            .collect();
        // What was left out is passed too.
        let end = start.saturating_add(entries.len()).min(matching);
        let bookmark = if end > self.before { end.to_string() } else { self.nothing };
        Found { entries, bookmark }
    }
}

/// The fields to sort by, and whether the order is descending.
fn sort(value: &Value) -> Result<(Vec<Path>, bool), RichQueryError> {
    let malformed = || wrong("sort", value);
    let mut sorted = Vec::new();
    let mut directions = Vec::new();
    for field in value.as_array().ok_or_else(malformed)? {
        let (name, descending) = match field {
            Value::String(name) => (name, false),
            Value::Object(object) => match object.iter().next() {
                Some((name, Value::String(direction))) if object.len() == 1 => match direction.as_str() {
                    "asc" => (name, false),
                    "desc" => (name, true),
                    _ => return Err(malformed()),
                },
                _ => return Err(malformed()),
            },
            _ => return Err(malformed()),
        };
        sorted.push(Path::parse(name).ok_or_else(malformed)?);
        directions.push(descending);
    }
    directions.dedup();
    match directions.as_slice() {
        [] => Ok((sorted, false)),
        [descending] => Ok((sorted, *descending)),
        _ => Err(RichQueryError::MixedSort),
    }
}

fn fields(value: &Value) -> Result<Vec<Path>, RichQueryError> {
    let names = value.as_array().ok_or(RichQueryError::Fields)?;
    let path = |name: &Value| name.as_str().and_then(Path::parse).ok_or_else(|| wrong("fields", name));
    names.iter().map(path).collect()
}

fn wrong(name: &str, value: &Value) -> RichQueryError {
    RichQueryError::Value { name: name.to_owned(), value: value.to_string() }
}

#[cfg(test)]
mod tests;
