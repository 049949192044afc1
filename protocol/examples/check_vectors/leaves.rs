//! A document as its leaves in order, each under its JSON path.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use serde_json::Value;

/// The first field that differs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `payments[3].lock`.
    pub(crate) path: String,
    /// What is wrong with it.
    pub(crate) what: String,
}

impl Difference {
    pub(crate) fn new(path: impl Into<String>, what: impl Display) -> Self {
        Self { path: path.into(), what: what.to_string() }
    }
}

impl Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// What this crate computes, in the order of the document.
#[derive(Default)]
pub(crate) struct Leaves(Vec<(String, Value)>);

impl Leaves {
    pub(crate) fn text(&mut self, path: impl Into<String>, value: impl Display) {
        self.0.push((path.into(), Value::String(value.to_string())));
    }

    pub(crate) fn hex(&mut self, path: impl Into<String>, bytes: &[u8]) {
        self.text(path, hex::encode(bytes));
    }

    pub(crate) fn number(&mut self, path: impl Into<String>, value: impl Into<u64>) {
        self.0.push((path.into(), Value::from(value.into())));
    }

    /// Compares with a document: every leaf here must be there, and nothing else.
    pub(crate) fn compare(&self, document: &Value) -> Result<usize, Difference> {
        for (path, expected) in &self.0 {
            match find(document, path) {
                None => return Err(Difference::new(path, "is missing")),
                Some(found) if found != expected => {
                    return Err(Difference::new(path, format!("expected {expected}, found {found}")));
                }
                Some(_) => {}
            }
        }
        let known: BTreeSet<&str> = self.0.iter().map(|(path, _)| path.as_str()).collect();
        let mut found = Vec::new();
        list(document, String::new(), &mut found);
        match found.iter().find(|path| !known.contains(path.as_str())) {
            Some(path) => Err(Difference::new(path, "is not a field of this format")),
            None => Ok(self.0.len()),
        }
    }
}

/// The value under a JSON path such as `payments[3].lock`.
pub(crate) fn find<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let pointer = path.replace('[', "/").replace(']', "").replace('.', "/");
    document.pointer(&format!("/{pointer}"))
}

fn list(value: &Value, path: String, out: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                list(member, path, out);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (index, element) in elements.iter().enumerate() {
                list(element, format!("{path}[{index}]"), out);
            }
        }
        _ => out.push(path),
    }
}
