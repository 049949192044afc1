//! How a message becomes what is signed.

use aws_lc_rs::digest::{SHA3_256, SHA3_384, SHA256, SHA384, digest};

use super::digest::Digest;

/// How a message is hashed before it is signed: the options of Fabric's official clients.
///
/// The network decides. Peers hash with SHA-256 for every ECDSA key, P-384 too, unless the organisation's MSP names
/// SHA-3 as its signature hash family; for Ed25519 (Fabric 3) they verify the message itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-256, 32 bytes.
    #[default]
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA3-256, 32 bytes.
    Sha3_256,
    /// SHA3-384, 48 bytes.
    Sha3_384,
    /// No hash: the message itself is signed, as Ed25519 wants it.
    None,
}

impl Hash {
    /// Hashes `message`.
    #[must_use]
    pub fn digest(self, message: &[u8]) -> Digest {
        let algorithm = match self {
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha3_256 => &SHA3_256,
            Self::Sha3_384 => &SHA3_384,
            Self::None => return Digest::from(message.to_vec()),
        };
        Digest::from(digest(algorithm, message).as_ref().to_vec())
    }
}
