//! Arguments and results that are bytes alone, which are neither text nor JSON.

use std::fmt::Display;

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde::ser::{Impossible, Serialize, Serializer};

use super::bytes::NAME;

/// Reads an argument that is not UTF-8; `None` if the type takes no such.
pub(super) fn read<T: DeserializeOwned>(argument: &[u8]) -> Option<T> {
    T::deserialize(NotText(argument)).ok()
}

/// The bytes of a result that is [`Bytes`](super::Bytes), or an option or a newtype of them.
pub(super) fn written<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    value.serialize(BytesAlone { inside: false }).ok()
}

struct NotText<'a>(&'a [u8]);

impl<'de> Deserializer<'de> for NotText<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("not UTF-8"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == NAME { visitor.visit_borrowed_bytes(self.0) } else { visitor.visit_newtype_struct(self) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// Takes bytes and nothing else.
struct BytesAlone {
    /// Whether this is what is in [`Bytes`](super::Bytes).
    inside: bool,
}

/// The value is something else.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not bytes alone")]
struct Other;

impl serde::ser::Error for Other {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

type Written = Result<Vec<u8>, Other>;
type Never = Impossible<Vec<u8>, Other>;

/// Methods that write something else: their names, the types of what they take and what they give.
macro_rules! other {
    ($($method:ident($($ty:ty),*) -> $end:ty;)*) => {$(
        fn $method(self, $(_: $ty),*) -> Result<$end, Other> {
            Err(Other)
        }
    )*};
}

impl Serializer for BytesAlone {
    type Ok = Vec<u8>;
    type Error = Other;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    fn is_human_readable(&self) -> bool {
        !self.inside
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Written {
        if self.inside { Ok(bytes.to_vec()) } else { Err(Other) }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Written {
        value.serialize(Self { inside: name == NAME })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Written {
        Err(Other)
    }

    /// Without the text, which would be made in vain.
    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Written {
        Err(Other)
    }

    other! {
        serialize_bool(bool) -> Vec<u8>;
        serialize_i8(i8) -> Vec<u8>;
        serialize_i16(i16) -> Vec<u8>;
        serialize_i32(i32) -> Vec<u8>;
        serialize_i64(i64) -> Vec<u8>;
        serialize_i128(i128) -> Vec<u8>;
        serialize_u8(u8) -> Vec<u8>;
        serialize_u16(u16) -> Vec<u8>;
        serialize_u32(u32) -> Vec<u8>;
        serialize_u64(u64) -> Vec<u8>;
        serialize_u128(u128) -> Vec<u8>;
        serialize_f32(f32) -> Vec<u8>;
        serialize_f64(f64) -> Vec<u8>;
        serialize_char(char) -> Vec<u8>;
        serialize_str(&str) -> Vec<u8>;
        serialize_none() -> Vec<u8>;
        serialize_unit() -> Vec<u8>;
        serialize_unit_struct(&'static str) -> Vec<u8>;
        serialize_unit_variant(&'static str, u32, &'static str) -> Vec<u8>;
        serialize_seq(Option<usize>) -> Never;
        serialize_tuple(usize) -> Never;
        serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never;
        serialize_map(Option<usize>) -> Never;
        serialize_struct(&'static str, usize) -> Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never;
    }
}
