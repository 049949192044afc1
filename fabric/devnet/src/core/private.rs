//! Where private data are in the state, and where validation finds the plain text of hashed writes.
//!
//! As in Fabric, a collection has two namespaces of its own: one with the values, one with their hashes under the
//! hashes of their keys.

use hlf_proto::kvrwset::KvrwSet;
use sha2::{Digest, Sha256};

/// Namespace of a collection's values.
#[must_use]
pub(crate) fn private_namespace(chaincode: &str, collection: &str) -> String {
    format!("{chaincode}$$p{collection}")
}

/// Namespace of the hashes of a collection's values.
#[must_use]
pub(crate) fn hashed_namespace(chaincode: &str, collection: &str) -> String {
    format!("{chaincode}$$h{collection}")
}

/// Hash of a private key.
#[must_use]
pub(crate) fn hashed_key(key: &str) -> Vec<u8> {
    Sha256::digest(key).to_vec()
}

/// Key under which the hash of a private value is in the state.
#[must_use]
pub(crate) fn state_key(key: &str) -> String {
    hex::encode(hashed_key(key))
}

/// Private writes that endorsers have produced and that no block has committed yet.
pub(crate) trait PrivateWrites {
    /// The writes of a transaction to a collection whose encoding has this SHA-256.
    fn find(&self, tx_id: &str, chaincode: &str, collection: &str, hash: &[u8]) -> Option<KvrwSet>;
}

#[cfg(test)]
mod tests;
