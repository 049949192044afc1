//! What is answered, in the JSON that the twin makes: fields in the same order, text in place of bytes.

use std::collections::BTreeMap;

use hlf_shim::{CompositeKey, KeyError, KeyValue, LedgerError, Page, Query, Response};
use serde::Serialize;

/// A key and its value.
pub(crate) type Pair = (String, String);

/// A page of keys.
#[derive(Serialize)]
pub(crate) struct Keys {
    keys: Vec<String>,
    bookmark: String,
    count: usize,
}

/// A document that rich queries find.
#[derive(Serialize)]
pub(crate) struct Document {
    pub(crate) number: u32,
    pub(crate) even: bool,
}

/// What another chaincode answered.
#[derive(Serialize)]
pub(crate) struct Called {
    status: i32,
    message: String,
    payload: String,
}

/// Parts of a composite key.
#[derive(Serialize)]
pub(crate) struct Parts {
    #[serde(rename = "objectType")]
    object_type: String,
    attributes: Vec<String>,
}

/// What a transaction knows of itself and its client.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Context {
    pub(crate) channel: String,
    pub(crate) transaction: String,
    pub(crate) function: String,
    pub(crate) parameters: Vec<String>,
    pub(crate) client: String,
    pub(crate) peer: String,
    pub(crate) transient: BTreeMap<String, String>,
    pub(crate) binding: String,
    /// Seconds and nanoseconds, with a point between.
    pub(crate) timestamp: String,
}

impl From<Page<KeyValue>> for Keys {
    fn from(Page { entries, bookmark, .. }: Page<KeyValue>) -> Self {
        let count = entries.len();
        Self { keys: entries.into_iter().map(|entry| entry.key).collect(), bookmark, count }
    }
}

impl From<Response> for Called {
    fn from(response: Response) -> Self {
        let message = response.message().to_owned();
        Self { status: response.status(), message, payload: text(response.payload()) }
    }
}

impl From<CompositeKey> for Parts {
    fn from(key: CompositeKey) -> Self {
        Self { object_type: key.object_type().to_owned(), attributes: key.attributes().to_vec() }
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value, or nothing at all if there is none.
pub(crate) fn text_or_empty(value: Option<Vec<u8>>) -> String {
    value.as_deref().map(text).unwrap_or_default()
}

/// All that is found.
pub(crate) async fn pairs(found: Query<KeyValue>) -> Result<Vec<Pair>, LedgerError> {
    let pair = |KeyValue { key, value, .. }| (key, text(&value));
    Ok(found.collect().await?.into_iter().map(pair).collect())
}

/// All that is found, with the attributes of their composite keys in place of the keys.
pub(crate) fn by_attributes(found: Vec<Pair>) -> Result<Vec<(Vec<String>, String)>, KeyError> {
    found
        .into_iter()
        .map(|(key, value)| Ok((CompositeKey::parse(&key)?.attributes().to_vec(), value)))
        .collect()
}
