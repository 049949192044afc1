//! Who signs.

use std::error::Error as StdError;

use async_trait::async_trait;
use thiserror::Error;

use crate::digest::Digest;

/// Holds, or reaches, the private key of an [`Identity`](crate::Identity).
///
/// [`P256Signer`](crate::P256Signer) keeps the key in memory. Implement the trait to sign elsewhere.
#[async_trait]
pub trait Signer: Send + Sync {
    /// Signs `digest` and answers the signature as Fabric wants it; for ECDSA that is DER with the lower of the two
    /// possible values of s (peers refuse the higher).
    ///
    /// # Errors
    /// [`SignError`] with whatever went wrong where the key is.
    async fn sign(&self, digest: &Digest) -> Result<Signature, SignError>;
}

/// A signature over a [`Digest`], in the form that Fabric's wire has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// The bytes of the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Signature {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
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
