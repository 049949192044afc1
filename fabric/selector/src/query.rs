//! Query documents and what they find, as Fabric hands them to CouchDB
//! (`core/ledger/kvledger/txmgmt/statedb/statecouchdb`).

use std::cmp::Ordering;

use serde_json::{Map, Value};

pub use error::RichQueryError;

use crate::order::{as_peers_put, compare};
use crate::path::Path;
use crate::selector::{Selector, SelectorError};
use crate::term;

mod error;

/// The bookmark after nothing was found from the beginning, as CouchDB gives it. It takes it from nobody.
const NOTHING: &str = "nil";

/// What Fabric adds to a document, and takes out of what is found.
const RESERVED: [&str; 3] = ["_id", "_rev", "~version"];

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
        let plain = || term::plain(value);
        let must = |fits: bool, refusal: fn(String) -> RichQueryError| {
            if fits { Ok(()) } else { Err(refusal(plain())) }
        };
        match name {
            // Fabric puts its own limit in the place of any.
            "selector" | "limit" => {}
            "sort" => (self.sort, self.descending) = sort(value)?,
            "fields" => self.fields = Some(fields(value)?),
            "skip" => {
                let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
                self.skip = number.ok_or_else(|| RichQueryError::Count(plain()))?;
            }
            "bookmark" => match value {
                Value::String(bookmark) => self.bookmark.clone_from(bookmark),
                Value::Null => {}
                _ => return Err(wrong(name, value)),
            },
            // CouchDB looks whether they make sense; on the results they have no effect.
            "execution_stats" | "update" | "stable" | "conflicts" => {
                must(value.is_boolean(), RichQueryError::Boolean)?;
            }
            "r" => must(value.as_u64().is_some_and(|number| number > 0), RichQueryError::Positive)?,
            "use_index" => must(names_index(value), RichQueryError::IndexName)?,
            "stale" => match value {
                Value::Bool(false) => {}
                Value::String(word) if word == "ok" || word == "false" => {}
                _ => return Err(wrong(name, value)),
            },
            "partition" => return Err(RichQueryError::Unsupported(name.to_owned())),
            other => return Err(RichQueryError::Key(other.to_owned())),
        }
        Ok(())
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
            compare(path.find(left).unwrap_or(&null), path.find(right).unwrap_or(&null))
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
        let Ok(mut document @ Value::Object(_)) = serde_json::from_slice(&value) else { return };
        as_peers_put(&mut document);
        let key = key.into();
        if let Value::Object(fields) = &mut document {
            fields.insert("_id".into(), Value::String(key.clone()));
        }
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
            if self.query.descending {
                // So are the keys of equal ones: CouchDB reads its index backwards.
                self.matching.reverse();
            }
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
    let malformed = |field: &Value| RichQueryError::SortField(term::pretty(field));
    let mut sorted = Vec::new();
    let mut directions = Vec::new();
    for field in value.as_array().ok_or_else(|| RichQueryError::Sort(term::pretty(value)))? {
        let (name, descending) = match field {
            Value::String(name) => (name, false),
            Value::Object(object) => match object.iter().next() {
                Some((name, Value::String(direction))) if object.len() == 1 => match direction.as_str() {
                    "asc" => (name, false),
                    "desc" => (name, true),
                    _ => return Err(malformed(field)),
                },
                _ => return Err(malformed(field)),
            },
            _ => return Err(malformed(field)),
        };
        sorted.push(Path::parse(name).ok_or_else(|| malformed(field))?);
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
    let path = |name: &Value| match name {
        Value::String(text) => Path::parse(text).ok_or_else(|| SelectorError::FieldName(text.clone()).into()),
        _ => Err(RichQueryError::Field(term::plain(name))),
    };
    names.iter().map(path).collect()
}

/// A design document, or one and an index in it.
fn names_index(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(name) => name.strip_prefix("_design/").unwrap_or(name).split('/').count() <= 2,
        Value::Array(names) => names.len() <= 2 && names.iter().all(Value::is_string),
        _ => false,
    }
}

fn wrong(name: &str, value: &Value) -> RichQueryError {
    RichQueryError::Value { name: name.to_owned(), value: value.to_string() }
}

#[cfg(test)]
mod tests;
