//! Bytes of any kind.

use std::borrow::Cow;
use std::fmt::Formatter;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

/// Bytes of any kind, as an argument, as a result, and inside of both.
///
/// A transaction takes and gives them as they are, also in an `Option`, as [`Stub::get`](crate::Stub::get) gives them, or in
/// a newtype. Inside of anything else they are base64 with padding, as Go's `encoding/json` writes `[]byte`; in a format
/// that is not for people they are bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

/// The newtype that what reads arguments and writes results knows them by; for all others it is what is in it.
pub(super) const NAME: &str = "$hlf_shim::Bytes";

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(NAME, &Content(&self.0))
    }
}

struct Content<'a>(&'a [u8]);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&STANDARD.encode(self.0))
        } else {
            serializer.serialize_bytes(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Bytes;

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(Bytes(bytes))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<Bytes, D::Error> {
        if !content.is_human_readable() {
            return content.deserialize_byte_buf(self);
        }
        let text = Cow::<'de, str>::deserialize(content)?;
        let bytes = STANDARD.decode(text.as_bytes());
        bytes.map(Bytes).map_err(|error| Error::custom(format_args!("the bytes are not base64: {error}")))
    }
}

impl JsonSchema for Bytes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        super::schema::text("byte")
    }
}
