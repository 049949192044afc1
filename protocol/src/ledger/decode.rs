//! Arguments of contract functions: any bytes give a value or a coded refusal [Spec §10, §11].

use std::str::FromStr;

use super::command::Command;
use crate::refusal::Refusal;

/// The longest argument that a contract function reads, in bytes. The longest document, an opening, has about 1 500.
pub const MAX_ARGUMENT_BYTES: usize = 8 * 1024;

/// Exactly `N` arguments.
///
/// # Errors
/// [`Refusal::WrongArgumentCount`].
pub fn arguments<const N: usize, A: AsRef<[u8]>>(arguments: &[A]) -> Result<&[A; N], Refusal> {
    arguments.try_into().map_err(|_| Refusal::WrongArgumentCount)
}

/// Exactly one argument.
///
/// # Errors
/// [`Refusal::WrongArgumentCount`].
pub fn one_argument<A: AsRef<[u8]>>(given: &[A]) -> Result<&[u8], Refusal> {
    let [only] = arguments::<1, A>(given)?;
    Ok(only.as_ref())
}

/// An argument as text of 1 to [`MAX_ARGUMENT_BYTES`] bytes.
///
/// # Errors
/// [`Refusal::EmptyArgument`], [`Refusal::ArgumentTooLarge`], [`Refusal::ArgumentNotUtf8`].
pub fn text_argument(argument: &[u8]) -> Result<&str, Refusal> {
    if argument.is_empty() {
        return Err(Refusal::EmptyArgument);
    }
    if argument.len() > MAX_ARGUMENT_BYTES {
        return Err(Refusal::ArgumentTooLarge);
    }
    std::str::from_utf8(argument).map_err(|_| Refusal::ArgumentNotUtf8)
}

/// An argument that is the text form of one value: an id, a key, a number.
///
/// # Errors
/// As [`text_argument`], and [`Refusal::MalformedValue`].
pub fn parse_argument<T: FromStr>(argument: &[u8]) -> Result<T, Refusal> {
    text_argument(argument)?.parse().map_err(|_| Refusal::MalformedValue)
}

/// An argument that is a command's JSON document. Unknown and repeated fields are refused.
///
/// # Errors
/// As [`text_argument`], and [`Refusal::MalformedDocument`].
pub fn decode_command<T: Command>(argument: &[u8]) -> Result<T, Refusal> {
    let text = text_argument(argument)?;
    serde_json::from_str(text).map_err(|_| Refusal::MalformedDocument)
}
