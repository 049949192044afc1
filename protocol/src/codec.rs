//! Bounded reading of fixed-width big-endian fields [Spec §1], and what can be wrong with outside bytes.

/// What is wrong with bytes or text from outside; nothing is ever decoded halfway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A fixed-size value has another number of bytes.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// Bytes that the layout asks for.
        expected: usize,
        /// Bytes that were there.
        found: usize,
    },
    /// The bytes end inside a field.
    #[error("the bytes end inside a field")]
    Truncated,
    /// Bytes are left over behind the last field.
    #[error("{0} bytes follow the last field")]
    Trailing(usize),
    /// More elements than the receiver allows.
    #[error("more than {0} elements")]
    TooMany(usize),
    /// Not lower-case hexadecimal.
    #[error("not lower-case hexadecimal")]
    Hex,
    /// A text that is not UTF-8 or longer than allowed.
    #[error("a text is not UTF-8 or longer than {0} bytes")]
    Text(usize),
    /// A number outside what its type can hold.
    #[error("a number is out of range")]
    Range,
    /// Another version of the layout.
    #[error("version {0} of the layout is not known")]
    Version(u8),
    /// 33 bytes that are no compressed point of the curve.
    #[error("not a compressed point of secp256k1")]
    Key,
}

/// Takes fields off the front of a slice and never reads past its end.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) const fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(self.0.len())) }
    }
}

/// Reads exactly `out.len()` bytes of lower-case hexadecimal.
pub(crate) fn hex_into(text: &str, out: &mut [u8]) -> Result<(), DecodeError> {
    if text.len() != out.len() * 2 {
        return Err(DecodeError::Length { expected: out.len(), found: text.len() / 2 });
    }
    // [Spec §11] lower-case hex: one value has one spelling.
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(DecodeError::Hex);
    }
    hex::decode_to_slice(text, out).map_err(|_| DecodeError::Hex)
}

/// Writes lower-case hexadecimal.
pub(crate) fn write_hex(bytes: &[u8], f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    // Many digits at once: a call of the formatter for each byte costs more than all else in a document.
    let mut digits = [0; 64];
    bytes.chunks(digits.len() / 2).try_for_each(|chunk| {
        let (digits, _) = digits.split_at_mut(2 * chunk.len());
        hex::encode_to_slice(chunk, digits).map_err(|_| std::fmt::Error)?;
        f.write_str(std::str::from_utf8(digits).map_err(|_| std::fmt::Error)?)
    })
}

/// `Serialize` as the `Display` text, `Deserialize` through `FromStr`.
macro_rules! serde_as_text {
    ($name:ident, $what:literal) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($what)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

/// A value of exactly `$size` bytes: hexadecimal in text and JSON.
macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $size]);

        impl $name {
            /// Takes the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = $crate::codec::DecodeError;

            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                bytes.try_into().map(Self).map_err(|_| $crate::codec::DecodeError::Length {
                    expected: $size,
                    found: bytes.len(),
                })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::codec::write_hex(&self.0, f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::codec::DecodeError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; $size];
                $crate::codec::hex_into(text, &mut bytes)?;
                Ok(Self(bytes))
            }
        }

        $crate::codec::serde_as_text!($name, "lower-case hexadecimal");
    };
}

pub(crate) use {fixed_bytes, serde_as_text};
