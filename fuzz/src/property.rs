//! Properties that decoders share.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use hlf_proto::protos::ChaincodeMessage;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A layout with one spelling: what was read is written with the same bytes.
#[track_caller]
pub(crate) fn bytes_return<T, E>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, E>,
    encode: impl Fn(&T) -> Vec<u8>,
) -> bool {
    let Ok(value) = decode(bytes) else { return false };
    assert_eq!(encode(&value), bytes, "written otherwise than it was read");
    true
}

/// A JSON document: what is written of a value is read as that value.
#[track_caller]
pub(crate) fn json_returns<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) -> bool {
    value_returns(serde_json::from_slice::<T>(bytes).ok())
}

/// A value that was read: what is written of it is read as that value.
#[track_caller]
pub(crate) fn value_returns<T: DeserializeOwned + Serialize + PartialEq + Debug>(value: Option<T>) -> bool {
    let Some(value) = value else { return false };
    let json = serde_json::to_vec(&value).expect("what was read can be written");
    let again: T = serde_json::from_slice(&json).expect("what was written can be read");
    assert_eq!(again, value, "another value came back");
    true
}

/// A text form: what is written of a value is read as that value.
#[track_caller]
pub(crate) fn text_returns<T: FromStr + Display + PartialEq + Debug>(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Ok(value) = text.parse::<T>() else { return false };
    assert_eq!(value.to_string().parse::<T>().ok().as_ref(), Some(&value), "another value came back");
    true
}

/// A text form with one spelling: what was read is written in the same way.
#[track_caller]
pub(crate) fn spelling_returns<T: FromStr + Display>(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Ok(value) = text.parse::<T>() else { return false };
    assert_eq!(value.to_string(), text, "written otherwise than it was read");
    true
}

/// A message of the wire that stands for a value: what is written of the value is read as that value.
#[track_caller]
pub(crate) fn message_returns<W, T>(bytes: &[u8]) -> Option<T>
where
    W: Message + Default,
    T: TryFrom<W> + Clone + PartialEq + Debug + Into<W>,
{
    let value = T::try_from(W::decode(bytes).ok()?).ok()?;
    let again = W::decode(value.clone().into().encode_to_vec().as_slice()).expect("just encoded");
    let again = T::try_from(again).ok().expect("what was written can be read");
    assert_eq!(again, value, "another value came back");
    Some(value)
}

/// Splits off the front as many bytes as the two before them say, or all there are.
pub(crate) fn with_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    Some(rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len())))
}

/// As [`spelling_returns`], for a text that is read and written by functions of its own.
#[track_caller]
pub(crate) fn spelling_bytes<T>(
    bytes: &[u8],
    read: impl Fn(&str) -> Option<T>,
    write: impl Fn(&T) -> String,
) -> bool {
    let Some(value) = str::from_utf8(bytes).ok().and_then(read) else { return false };
    assert_eq!(write(&value).as_bytes(), bytes, "written otherwise than it was read");
    true
}

/// What `rewrite` writes of something it reads: read again, it is written in the same way.
#[track_caller]
pub(crate) fn written_returns<T: PartialEq + Debug>(read: T, rewrite: impl Fn(&T) -> Option<T>) -> bool {
    let Some(written) = rewrite(&read) else { return false };
    assert_eq!(rewrite(&written).as_ref(), Some(&written), "what was written is written otherwise");
    true
}

/// A chaincode's or a peer's messages, each with its length before it; what is none is left out.
pub(crate) fn messages(mut bytes: &[u8]) -> Vec<ChaincodeMessage> {
    let mut messages = Vec::new();
    while let Some((message, rest)) = with_length(bytes) {
        messages.extend(ChaincodeMessage::decode(message));
        bytes = rest;
    }
    messages
}
