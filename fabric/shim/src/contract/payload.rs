//! Results are types; answers are bytes.

use std::fmt::Display;

use serde::Serialize;

use super::{json, raw};
use crate::Response;

/// A result that cannot be written as JSON, such as a map whose keys are no strings.
#[derive(Debug, thiserror::Error)]
#[error("the result cannot be written as JSON: {0}")]
pub struct PayloadError(#[from] serde_json::Error);

/// A type that functions give as a result.
///
/// Every type that serde can serialise is one: what serialises to a string is that text without quotes, `()` and `None`
/// are nothing, everything else is JSON, with numbers as Go's contract API writes them: `1` and not `1.0`.
/// [`Bytes`](super::Bytes), and an `Option` or a newtype of them, are what they are. A result is compared between endorsers,
/// so it must not depend on the order of a `HashMap`.
pub trait Payload {
    /// The bytes of the result.
    ///
    /// # Errors
    ///
    /// [`PayloadError`] if the result cannot be written as JSON.
    fn into_payload(self) -> Result<Vec<u8>, PayloadError>;
}

impl<T: Serialize> Payload for T {
    fn into_payload(self) -> Result<Vec<u8>, PayloadError> {
        if let Some(bytes) = raw::written(&self) {
            return Ok(bytes);
        }
        let json = json::to_vec(&self)?;
        match json.as_slice() {
            b"null" => Ok(Vec::new()),
            [b'"', ..] => Ok(serde_json::from_slice::<String>(&json)?.into_bytes()),
            _ => Ok(json),
        }
    }
}

/// How a function ends: with a result, or with an error whose text the client gets with status 500 and after which
/// nothing is written; or with a [`Response`] of its own wording.
#[diagnostic::on_unimplemented(
    message = "a transaction returns a `Result` of something to serialise and an error to display",
    label = "this is what the transaction returns"
)]
pub trait Outcome {
    /// The result of a success.
    type Value;

    /// The answer.
    fn into_response(self) -> Response;
}

impl<T: Payload, E: Display> Outcome for Result<T, E> {
    type Value = T;

    fn into_response(self) -> Response {
        match self.map(Payload::into_payload) {
            Ok(Ok(payload)) => Response::success(payload),
            Ok(Err(error)) => Response::error(error.to_string()),
            Err(error) => Response::error(error.to_string()),
        }
    }
}

/// A function may word its answer itself, with a status of its own.
impl Outcome for Response {
    type Value = ();

    fn into_response(self) -> Response {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Bytes;

    fn answer(outcome: impl Outcome) -> (i32, String) {
        let response = outcome.into_response();
        let text = if response.is_success() { response.payload() } else { response.message().as_bytes() };
        (response.status(), String::from_utf8(text.to_vec()).unwrap())
    }

    fn success<T: Payload>(value: T) -> String {
        let (status, text) = answer(Ok::<T, String>(value));
        assert_eq!(status, 200);
        text
    }

    #[test]
    fn results_are_text_or_json() {
        assert_eq!(success("a \"b\"\n"), "a \"b\"\n");
        assert_eq!((success(17), success(1.0), success(vec![1.0])), ("17".into(), "1".into(), "[1]".into()));
        assert_eq!(success(()), "");
        assert_eq!(success(None::<u8>), "");
        assert_eq!(success(vec!["a"]), r#"["a"]"#);
        assert_eq!(success(BTreeMap::from([("a", 1)])), r#"{"a":1}"#);
    }

    #[derive(Serialize)]
    struct Document(Bytes);

    /// The base64 is that of Go's `encoding/json`.
    #[test]
    fn bytes_are_raw_alone_and_base64_inside_of_anything() {
        let bytes = || Bytes(b"\"raw\"".to_vec());
        assert_eq!(success(bytes()), "\"raw\"");
        assert_eq!((success(Some(bytes())), success(None::<Bytes>)), ("\"raw\"".into(), String::new()));
        assert_eq!(success(Some(Document(bytes()))), "\"raw\"");
        assert_eq!(success(vec![bytes(), Bytes::default()]), r#"["InJhdyI=",""]"#);
        assert_eq!(
            success(BTreeMap::from([("a", Some(Document(bytes()))), ("b", None)])),
            r#"{"a":"InJhdyI=","b":null}"#
        );
        assert_eq!(Bytes(vec![0xff, 0]).into_payload().unwrap(), [0xff, 0]);
    }

    #[test]
    fn errors_are_status_500_with_their_text() {
        assert_eq!(answer(Err::<(), _>("no")), (500, "no".to_owned()));
        assert_eq!(answer(Ok::<_, String>(BTreeMap::from([((1, 2), 3)]))).0, 500);
    }
}
