//! What a payment or a channel is for, in the client's words [Spec §1].

use std::fmt;
use std::str::FromStr;

use crate::codec::{DecodeError, Reader, hex_into, serde_as_text, write_hex};
use crate::hash::{Hasher, MemoHash};

/// UTF-8 of at most 1 024 bytes. Text form and JSON: the bytes in lower-case hexadecimal.
///
/// A hash of a short text can be guessed: a memo that is to stay private starts with 16 random bytes of text [Spec §12].
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Memo(String);

impl Memo {
    /// The longest memo in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Takes a text.
    ///
    /// # Errors
    /// [`DecodeError::Text`] above 1 024 bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, DecodeError> {
        let text = text.into();
        if text.len() <= Self::MAX_BYTES { Ok(Self(text)) } else { Err(DecodeError::Text(Self::MAX_BYTES)) }
    }

    /// Takes received bytes.
    ///
    /// # Errors
    /// [`DecodeError::Text`] when they are not UTF-8 or more than 1 024.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::Text(Self::MAX_BYTES))?;
        Self::new(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// H(tag "memo" ‖ memo) [Spec §4].
    #[must_use]
    pub fn hash(&self) -> MemoHash {
        MemoHash::from_bytes(Hasher::new("memo").bytes(self.0.as_bytes()).finish())
    }

    /// Appends u16 length ‖ memo, as it stands behind every payment [Spec §11].
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        let length = u16::try_from(self.0.len()).expect("the constructor bounds the length");
        out.extend(length.to_be_bytes());
        out.extend(self.0.as_bytes());
    }

    /// Reads what [`Self::encode_into`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = reader.u16()?;
        Self::from_bytes(reader.bytes(length.into())?)
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A memo is the two parties' own: logs show its length alone.
        write!(f, "Memo({} bytes)", self.0.len())
    }
}

impl fmt::Display for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0.as_bytes(), f)
    }
}

impl FromStr for Memo {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        if text.len() > Self::MAX_BYTES * 2 {
            return Err(DecodeError::Text(Self::MAX_BYTES));
        }
        let mut bytes = vec![0; text.len() / 2];
        hex_into(text, &mut bytes)?;
        Self::from_bytes(&bytes)
    }
}

serde_as_text!(Memo, "at most 1 024 bytes of UTF-8 in lower-case hexadecimal");
