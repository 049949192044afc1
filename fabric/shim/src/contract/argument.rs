//! Arguments are bytes; functions take types.

use std::str::FromStr;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, Error, IntoDeserializer, Visitor};

use super::{CallError, Function, bytes, raw};

/// An argument that a function does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidArgument {
    /// It is not UTF-8.
    #[error("conversion error. the argument is not UTF-8")]
    NotUtf8,
    /// It is not of the parameter's type.
    #[error("conversion error. {0}")]
    Value(String),
}

/// A type that functions take as an argument.
///
/// Every type that serde can deserialise is one. What it is made of decides how the argument is read: text (`String`, a
/// newtype around it, anything that deserialises from a string) as it stands, without quotes; numbers and truth values as
/// Go's contract API reads them, but never from an empty argument; everything else as JSON. An empty argument is `None`
/// for an `Option`. [`Bytes`](super::Bytes), and an `Option` or a newtype of them, take the argument as it is,
/// [`DateTime`](super::DateTime) a time in RFC 3339.
pub trait FromArgument: Sized {
    /// Reads an argument.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`] if it is not of this type.
    fn from_argument(argument: &[u8]) -> Result<Self, InvalidArgument>;
}

impl<T: DeserializeOwned> FromArgument for T {
    fn from_argument(argument: &[u8]) -> Result<Self, InvalidArgument> {
        match std::str::from_utf8(argument) {
            Ok(text) => T::deserialize(Text(text)).map_err(|error| InvalidArgument::Value(error.to_string())),
            Err(_) => raw::read(argument).ok_or(InvalidArgument::NotUtf8),
        }
    }
}

/// The arguments of one call, taken one after the other. What `#[contract]` expands to uses it.
#[derive(Debug)]
pub struct Arguments<'a> {
    function: &'static Function,
    arguments: std::iter::Zip<std::slice::Iter<'static, &'static str>, std::slice::Iter<'a, Vec<u8>>>,
}

impl<'a> Arguments<'a> {
    /// The arguments of a call of this function.
    #[must_use]
    pub fn new(function: &'static Function, arguments: &'a [Vec<u8>]) -> Self {
        Self { function, arguments: function.parameters.iter().zip(arguments) }
    }

    /// The next argument.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is none, or it is not of the parameter's type.
    pub fn take<T: FromArgument>(&mut self) -> Result<T, CallError> {
        let function = self.function.name;
        let expected = self.function.parameters.len();
        let actual = expected.saturating_sub(self.arguments.len());
        let (&parameter, argument) =
            self.arguments.next().ok_or(CallError::ArgumentCount { function, expected, actual })?;
        T::from_argument(argument).map_err(|source| CallError::InvalidArgument {
            function,
            parameter,
            source,
        })
    }
}

/// Deserialises from the text of an argument: strings, numbers and truth values from the text itself, everything else
/// from JSON.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// Reads JSON; `expected` is what Go would call the type.
    fn json<T>(
        self,
        expected: &str,
        read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::StrRead<'a>>) -> serde_json::Result<T>,
    ) -> serde_json::Result<T> {
        let mut json = serde_json::Deserializer::from_str(self.0);
        let value = read(&mut json).and_then(|value| json.end().map(|()| value));
        value.map_err(|error| {
            let text = self.0;
            Error::custom(format_args!("value {text} was not passed in expected format {expected}: {error}"))
        })
    }

    /// Reads a number.
    fn number<T: FromStr>(&self, expected: &str) -> serde_json::Result<T> {
        self.0.parse().map_err(|_| self.unconverted(expected))
    }

    fn unconverted(&self, expected: &str) -> serde_json::Error {
        Error::custom(format_args!("cannot convert passed value {} to {expected}", self.0))
    }
}

/// Methods that read a number: their names, their visitor's and what Go calls the type.
macro_rules! numbers {
    ($($method:ident $visit:ident $go:literal)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            visitor.$visit(self.number($go)?)
        }
    )*};
}

/// Methods that read JSON, and what Go calls the type.
macro_rules! json {
    ($($method:ident $expected:literal)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            self.json($expected, |json| serde::Deserializer::$method(json, visitor))
        }
    )*};
}

impl<'de> serde::Deserializer<'de> for Text<'de> {
    type Error = serde_json::Error;

    json! {
        deserialize_any "any" deserialize_seq "array" deserialize_map "map" deserialize_ignored_any "any"
    }

    numbers! {
        deserialize_i8 visit_i8 "int8" deserialize_i16 visit_i16 "int16" deserialize_i32 visit_i32 "int32"
        deserialize_i64 visit_i64 "int64" deserialize_i128 visit_i128 "int128"
        deserialize_u8 visit_u8 "uint8" deserialize_u16 visit_u16 "uint16" deserialize_u32 visit_u32 "uint32"
        deserialize_u64 visit_u64 "uint64" deserialize_u128 visit_u128 "uint128"
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let number: f32 = self.number("float32")?;
        // What is no number would be no JSON as a result either.
        if number.is_finite() { visitor.visit_f32(number) } else { Err(self.unconverted("float32")) }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let number: f64 = self.number("float64")?;
        if number.is_finite() { visitor.visit_f64(number) } else { Err(self.unconverted("float64")) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => visitor.visit_bool(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => visitor.visit_bool(false),
            _ => Err(self.unconverted("bool")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_borrowed_bytes(self.0.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.0.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.0.is_empty() {
            return visitor.visit_unit();
        }
        self.json("null", |json| serde::Deserializer::deserialize_unit(json, visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if name == bytes::NAME {
            return visitor.visit_borrowed_bytes(self.0.as_bytes());
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Self::Error> {
        self.json("array", |json| serde::Deserializer::deserialize_tuple(json, len, visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.json(name, |json| serde::Deserializer::deserialize_tuple_struct(json, name, len, visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.json(name, |json| serde::Deserializer::deserialize_struct(json, name, fields, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        // A variant without data is its name; one with data is an object in JSON.
        if self.0.trim_start().starts_with('{') {
            return self
                .json(name, |json| serde::Deserializer::deserialize_enum(json, name, variants, visitor));
        }
        let variant: StrDeserializer<'_, Self::Error> = self.0.into_deserializer();
        visitor.visit_enum(variant)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::Bytes;

    fn read<T: FromArgument>(argument: &str) -> Result<T, InvalidArgument> {
        T::from_argument(argument.as_bytes())
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Id(String);

    #[derive(Debug, PartialEq, Deserialize)]
    enum Colour {
        Red,
        Mixed { red: u8 },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Asset {
        id: Id,
        value: u64,
        colour: Option<Colour>,
    }

    #[test]
    fn the_type_decides_how_an_argument_is_read() {
        assert_eq!(read("17"), Ok("17".to_owned()));
        assert_eq!(read("a \"quoted\\ text"), Ok(Id("a \"quoted\\ text".into())));
        assert_eq!(read("17"), Ok(17_u64));
        assert_eq!(read("-1.5"), Ok(-1.5_f64));
        assert_eq!((read("+5"), read("007")), (Ok(5_i32), Ok(7_u8)));
        assert_eq!((read("true"), read("1"), read("F")), (Ok(true), Ok(true), Ok(false)));
        assert_eq!(read("x"), Ok('x'));
        assert_eq!(read(""), Ok(None::<u64>));
        assert_eq!(read("3"), Ok(Some(3_u64)));
        assert_eq!(read("[1,2]"), Ok(vec![1, 2]));
        assert_eq!(read(r#"{"a":1}"#), Ok(BTreeMap::from([("a".to_owned(), 1)])));
        assert_eq!(read("Red"), Ok(Colour::Red));
        assert_eq!(read(r#"{"Mixed":{"red":3}}"#), Ok(Colour::Mixed { red: 3 }));
        let asset = Asset { id: Id("a".into()), value: 5, colour: Some(Colour::Red) };
        assert_eq!(read(r#"{"id":"a","value":5,"colour":"Red"}"#), Ok(asset));
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Document(Bytes);

    #[test]
    fn bytes_alone_are_taken_as_they_are() {
        for bytes in [&b""[..], b"AP8=", b"\"x", &[0xff, 0]] {
            assert_eq!(Bytes::from_argument(bytes), Ok(Bytes(bytes.into())));
            assert_eq!(Document::from_argument(bytes), Ok(Document(Bytes(bytes.into()))));
            let some = (!bytes.is_empty()).then(|| Bytes(bytes.into()));
            assert_eq!(Option::<Bytes>::from_argument(bytes), Ok(some));
        }
        assert_eq!(Vec::<Bytes>::from_argument(&[0xff]), Err(InvalidArgument::NotUtf8));
        assert_eq!(Option::<u8>::from_argument(&[0xff]), Err(InvalidArgument::NotUtf8));
        assert_eq!(read(r#"["AP8=",""]"#), Ok(vec![Bytes(vec![0, 0xff]), Bytes(vec![])]));
        let refused = read::<Vec<Bytes>>(r#"["AP8"]"#).unwrap_err().to_string();
        assert!(refused.contains("bytes are not base64"), "{refused}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(String::from_argument(&[0xff]), Err(InvalidArgument::NotUtf8));
        assert!(read::<u64>("-1").is_err() && read::<u64>("1 2").is_err() && read::<u64>("").is_err());
        assert!(read::<u64>("\"1\"").is_err() && read::<bool>("yes").is_err());
        for not_finite in ["NaN", "inf", "1e999"] {
            assert!(read::<f64>(not_finite).is_err());
        }
        assert!(read::<Colour>("Green").is_err() && read::<Asset>("{}").is_err());
    }

    #[test]
    fn refusals_read_as_those_of_the_go_contract_api() {
        let said = |refused: InvalidArgument| refused.to_string();
        let text = said(read::<i64>("abc").unwrap_err());
        assert_eq!(text, "conversion error. cannot convert passed value abc to int64");
        let text = said(read::<bool>("yes").unwrap_err());
        assert_eq!(text, "conversion error. cannot convert passed value yes to bool");
        let text = said(read::<Asset>("{}").unwrap_err());
        assert!(text.starts_with(
            "conversion error. value {} was not passed in expected format Asset: missing field"
        ));
    }

    proptest! {
        #[test]
        fn text_comes_through_unchanged(text in any::<String>()) {
            prop_assert_eq!(read::<String>(&text), Ok(text));
        }

        #[test]
        fn nothing_panics(argument in any::<Vec<u8>>()) {
            let _ = u64::from_argument(&argument);
            let _ = Asset::from_argument(&argument);
            let _ = Colour::from_argument(&argument);
            let _ = serde_json::Value::from_argument(&argument);
        }
    }
}
