//! Who signs.

use std::error::Error as StdError;

use async_trait::async_trait;
use thiserror::Error;

use super::digest::Digest;
use super::hash::Hash;
use super::signature::Signature;

/// Holds, or reaches, the private key of an [`Identity`](crate::Identity).
///
/// [`PrivateKeySigner`](crate::PrivateKeySigner) keeps a key in memory; [`signer_fn`](crate::signer_fn) makes a signer of
/// a function that reaches one elsewhere.
#[async_trait]
pub trait Signer: Send + Sync {
    /// Signs `digest` and answers the signature as Fabric wants it; for ECDSA that is DER with the lower of the two
    /// possible values of s (peers refuse the higher).
    ///
    /// # Errors
    /// [`SignError`] with whatever went wrong where the key is.
    async fn sign(&self, digest: &Digest) -> Result<Signature, SignError>;

    /// How messages are to be hashed for this key, unless the gateway is told otherwise.
    fn hash(&self) -> Hash {
        Hash::Sha256
    }
}

/// A message could not be signed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignError {
    /// There is no signer: the signature is to be made elsewhere and handed in.
    #[error("there is no signer, and no signature was handed in")]
    NoSigner,
    /// The signer failed.
    #[error("the signer failed")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

/// The signer of a gateway that was built without one: everything is signed off-line.
pub(crate) struct NoSigner;

#[async_trait]
impl Signer for NoSigner {
    async fn sign(&self, _digest: &Digest) -> Result<Signature, SignError> {
        Err(SignError::NoSigner)
    }
}
