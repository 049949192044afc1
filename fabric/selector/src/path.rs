//! Where a field is in a document.

use serde_json::{Map, Value};

/// The place of a field in a document, `colour.name`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Path(Vec<String>);

/// What is at a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place<'a> {
    Value(&'a Value),
    /// The object that would have the field does not.
    Missing,
    /// On the way there is no object, or a list that ends before.
    Blocked,
}

impl Path {
    /// Reads a path with dots between; `\.` is a dot in a name, and any other backslash is left out. None if there is
    /// nothing between two dots, which CouchDB refuses.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut names = Vec::new();
        let mut name = String::new();
        let (mut before, mut begun) = (None, false);
        for letter in text.chars() {
            if letter == '.' && before != Some('\\') {
                names.push(begun.then(|| std::mem::take(&mut name))?);
                begun = false;
            } else {
                begun = true;
                name.extend(Some(letter).filter(|letter| *letter != '\\'));
            }
            before = Some(letter);
        }
        names.push(begun.then_some(name)?);
        Some(Self(names))
    }

    /// Whether this is the document itself.
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn look<'a>(&self, document: &'a Value) -> Place<'a> {
        let mut place = document;
        for name in &self.0 {
            let inner = match place {
                Value::Object(fields) => fields.get(name).ok_or(Place::Missing),
                Value::Array(items) => {
                    // Erlang reads `-0` too.
                    let index = name.parse::<i64>().ok().and_then(|index| usize::try_from(index).ok());
                    index.and_then(|index| items.get(index)).ok_or(Place::Blocked)
                }
                _ => Err(Place::Blocked),
            };
            match inner {
                Ok(value) => place = value,
                Err(nothing) => return nothing,
            }
        }
        Place::Value(place)
    }

    /// The value at this place.
    pub(crate) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        match self.look(document) {
            Place::Value(value) => Some(value),
            Place::Missing | Place::Blocked => None,
        }
    }

    /// Puts a value at this place of an object, with objects around it as needed. What is there already and is no
    /// object stays.
    pub(crate) fn insert(&self, target: &mut Value, value: Value) {
        let mut place = target;
        for name in &self.0 {
            let Value::Object(fields) = place else { return };
            place = fields.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
        }
        *place = value;
    }
}
