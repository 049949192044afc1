//! What CouchDB as the state database does not take, in Fabric's words.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

/// The field in which Fabric keeps a value's version.
const VERSION: &str = "~version";

/// Checks a key and its new value.
///
/// # Errors
/// The text of a peer's refusal.
pub(crate) fn check(key: &str, value: &[u8]) -> Result<(), String> {
    if key.starts_with('_') {
        return Err(format!("invalid key [{key}], cannot begin with \"_\""));
    }
    let mut json = serde_json::Deserializer::from_slice(value);
    match json.deserialize_map(Fields).and_then(|field| json.end().map(|()| field)) {
        Ok(Some(field)) => Err(format!("field [{field}] is not valid for the CouchDB state database")),
        // What is no object is an attachment, which may be anything.
        Ok(None) | Err(_) => Ok(()),
    }
}

/// Finds the first field of an object that CouchDB or Fabric has for itself.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut reserved = None;
        while let Some(field) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            if reserved.is_none() && (field == VERSION || field.starts_with('_')) {
                reserved = Some(field);
            }
        }
        Ok(reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_an_underscore_in_front_are_couchdb_s_own() {
        check("a_", br#"{"a_":{"_id":1},"version":"~version"}"#).unwrap();
        check("\u{0}_\u{0}", b"[{\"_id\":1}]").unwrap();
        // No object, or not all of it: an attachment.
        for value in [&b""[..], b"{\"_id\":1", b"{\"_id\":1} _", b"null", b"\xff"] {
            check("key", value).unwrap();
        }
        assert_eq!(check("_key", b"").unwrap_err(), "invalid key [_key], cannot begin with \"_\"");
        for field in ["_id", "_", "~version"] {
            let value = format!("{{\"a\":[{{}}],\"{field}\":null,\"b\":1}}");
            let wanted = format!("field [{field}] is not valid for the CouchDB state database");
            assert_eq!(check("key", value.as_bytes()).unwrap_err(), wanted);
        }
    }
}
