//! The same documents and queries put to this crate and to the CouchDB that `HLF_SELECTOR_COUCHDB` names, as
//! `http://user:password@host:port`: what is found must be the same, and the reason where a query is refused. Without it
//! nothing is compared, and the test says so.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, but not what they call")]
#![expect(clippy::indexing_slicing, reason = "clippy knows test functions, but not what they call")]

mod questions;
mod server;

use hlf_selector::RichQuery;
use serde_json::{Value, json};

use crate::server::Database;

/// How many selectors are generated.
const GENERATED: usize = 400;

/// Keys and what is shown of the values, or the reason of a refusal.
type Answer = Result<Vec<(String, Option<Value>)>, String>;

#[test]
fn answers_are_those_of_couchdb() {
    let Some(database) = Database::create() else { return };
    let documents = questions::documents();
    put(&database, &documents);
    let mut comparison = Comparison { database, documents, compared: 0, different: Vec::new() };

    for selector in questions::selectors(GENERATED) {
        comparison.compare(&json!({"selector": selector}));
    }
    for query in questions::queries() {
        comparison.compare(&query);
    }
    for fields in [json!(["v"]), json!(["k", "n"])] {
        let index = json!({"index": {"fields": fields}});
        let made = comparison.database.ask("POST", "/_index", &index.to_string());
        assert_eq!(made["result"], "created");
    }
    for query in questions::sorted() {
        comparison.compare(&query);
    }

    eprintln!("compared {} queries", comparison.compared);
    let different = &comparison.different;
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}

struct Comparison {
    database: Database,
    documents: Vec<(String, Value)>,
    compared: usize,
    different: Vec<String>,
}

impl Comparison {
    fn compare(&mut self, query: &Value) {
        let theirs = self.theirs(query);
        let ours = self.ours(query);
        self.compared += 1;
        if ours != theirs {
            self.different.push(format!("{query}\n  CouchDB {theirs:?}\n  ours    {ours:?}"));
        }
    }

    fn ours(&self, query: &Value) -> Answer {
        let run = || {
            let query = RichQuery::parse(&query.to_string())?;
            let mut search = query.search("")?;
            for (key, document) in &self.documents {
                search.offer(key, document.to_string().into_bytes(), ());
            }
            Ok(search.page(1000))
        };
        let found = run().map_err(|refusal: hlf_selector::RichQueryError| {
            // What is supported is listed behind CouchDB's own words.
            refusal.to_string().split(" (supported are").next().unwrap_or_default().to_owned()
        })?;
        let shown = |value: &[u8]| query.get("fields").map(|_| serde_json::from_slice(value).unwrap());
        Ok(found.entries.iter().map(|entry| (entry.key.clone(), shown(&entry.value))).collect())
    }

    fn theirs(&self, query: &Value) -> Answer {
        let mut query = query.clone();
        query["limit"] = json!(1000);
        let answer = self.database.ask("POST", "/_find", &query.to_string());
        if let Some(error) = answer["error"].as_str() {
            let reason = answer["reason"].as_str().unwrap();
            return Err(format!(
                "error handling CouchDB request. Error:{error},  Status Code:400,  Reason:{reason}"
            ));
        }
        let mut found = Vec::new();
        for document in answer["docs"].as_array().unwrap() {
            let mut fields = document.as_object().unwrap().clone();
            let key = fields.remove("_id").unwrap().as_str().unwrap().to_owned();
            found.push((key, query.get("fields").map(|_| Value::Object(fields))));
        }
        Ok(found)
    }
}

/// Puts the documents as Fabric's peers do.
fn put(database: &Database, documents: &[(String, Value)]) {
    let written: Vec<_> = documents
        .iter()
        .map(|(key, document)| {
            let mut document = document.clone();
            document["_id"] = json!(key);
            as_peers_write(&document)
        })
        .collect();
    let answer = database.ask("POST", "/_bulk_docs", &format!(r#"{{"docs":[{}]}}"#, written.join(",")));
    for put in answer.as_array().unwrap() {
        assert_eq!(put["ok"], true, "{put}");
    }
}

/// With numbers as Go's `encoding/json` writes a `float64`.
fn as_peers_write(value: &Value) -> String {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().unwrap();
            if float.abs() < 1e21 { float.to_string() } else { format!("{float:e}") }
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(as_peers_write).collect::<Vec<_>>().join(","))
        }
        Value::Object(fields) => {
            let field =
                |(name, field): (&String, &Value)| format!("{}:{}", json!(name), as_peers_write(field));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}
