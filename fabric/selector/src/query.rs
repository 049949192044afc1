//! Query documents and what they find.

use std::cmp::Ordering;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::selector::{Path, Selector, SelectorError, compare};

/// The bookmark after nothing was found, as CouchDB gives it.
const NOTHING: &str = "nil";

/// Why a rich query cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RichQueryError {
    /// Not JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A part is missing or of the wrong type.
    #[error("error handling CouchDB request. Error:bad_request,  Status Code:400,  Reason:{0}")]
    Part(&'static str),
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
    sort: Vec<(Path, bool)>,
    fields: Option<Vec<Path>>,
    skip: usize,
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
    matching: Vec<(Entry<V>, Value)>,
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

    /// Begins to run it, from a bookmark on; an empty one is the beginning.
    ///
    /// # Errors
    /// When the bookmark is none.
    pub fn search<V>(&self, bookmark: &str) -> Result<Search<'_, V>, RichQueryError> {
        let before = match bookmark {
            "" | NOTHING => self.skip,
            bookmark => bookmark.parse().map_err(|_| RichQueryError::Bookmark(bookmark.to_owned()))?,
        };
        Ok(Search { query: self, before, matching: Vec::new() })
    }

    fn matches(&self, document: &Value) -> bool {
        // Sorting by a field leaves out what does not have it.
        let sortable = self.sort.iter().all(|(path, _)| path.find(document).is_some());
        sortable && self.selector.matches(document)
    }

    fn order(&self, left: &Value, right: &Value) -> Ordering {
        let by_field = self.sort.iter().map(|(path, descending)| {
            let null = Value::Null;
            let (left, right) = (path.find(left), path.find(right));
            let order = compare(left.unwrap_or(&null), right.unwrap_or(&null));
            if *descending { order.reverse() } else { order }
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
        let page = self.matching.into_iter().skip(self.before).take(limit);
        let entries: Vec<_> = page
            .map(|(entry, document)| match self.query.project(&document) {
                Some(value) => Entry { value, ..entry },
                None => entry,
            })
            .collect();
        let bookmark = match entries.len() {
            0 => NOTHING.to_owned(),
            found => self.before.saturating_add(found).to_string(),
        };
        Found { entries, bookmark }
    }
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
