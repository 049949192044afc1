//! The name of a transaction.

use std::fmt;

use rand::Rng as _;
use sha2::{Digest as _, Sha256};

/// The name under which a transaction is known on its channel.
///
/// Fabric derives it from a nonce and the creator, so that nobody can take another's: see [`Nonce`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(String);

impl TransactionId {
    /// The id of a transaction that `creator` proposes with `nonce`: hex(SHA-256(nonce ‖ creator)).
    #[must_use]
    pub fn derive(nonce: &Nonce, creator: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(nonce.as_bytes()).chain_update(creator).finalize();
        Self(hex::encode(hash))
    }

    /// The id as Fabric writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes an id as it was received or stored. It is not checked: only the network knows which ids exist.
impl From<String> for TransactionId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

/// Takes an id as it was received or stored. It is not checked: only the network knows which ids exist.
impl From<&str> for TransactionId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

impl From<TransactionId> for String {
    fn from(id: TransactionId) -> Self {
        id.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransactionId({})", self.0)
    }
}

/// 24 random bytes that make a transaction id unique.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nonce([u8; 24]);

impl Nonce {
    /// Draws a nonce from the thread's cryptographically secure generator.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; 24];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The 24 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; 24]> for Nonce {
    fn from(bytes: [u8; 24]) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_hash_of_nonce_and_creator() {
        let nonce = Nonce::from([7; 24]);
        let mut bytes = vec![7; 24];
        bytes.extend_from_slice(b"creator");
        let expected = hex::encode(Sha256::digest(&bytes));
        assert_eq!(TransactionId::derive(&nonce, b"creator").as_str(), expected);
    }

    #[test]
    fn nonces_differ() {
        assert_ne!(Nonce::random(), Nonce::random());
    }
}
