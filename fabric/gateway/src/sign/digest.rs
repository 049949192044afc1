//! What is signed.

use std::fmt;

/// What is to be signed: the hash of a message, or with [`Hash::None`](crate::Hash::None) the message itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Digest(Vec<u8>);

impl Digest {
    /// The bytes: as many as the hash has.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Takes a digest that was made elsewhere.
impl From<Vec<u8>> for Digest {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}
