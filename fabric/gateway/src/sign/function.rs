//! Signing where the key is: a hardware module, a key service, another process.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;

use async_trait::async_trait;

use super::digest::Digest;
use super::hash::Hash;
use super::signature::Signature;
use super::signer::{SignError, Signer};

/// Signs by calling a function. Made by [`signer_fn`].
pub struct SignerFn<F> {
    function: F,
    hash: Hash,
}

/// Makes a signer of an asynchronous function, for keys that never leave the place where they are.
///
/// The function gets the [`Digest`] and answers a [`Signature`], which for ECDSA [`Signature::ecdsa`] or
/// [`Signature::ecdsa_der`] make of what such places answer. It is called for several requests at once.
///
/// ```
/// use hlf_gateway::{Curve, Digest, Hash, Signature, SignatureError, signer_fn};
///
/// # async fn module_signs(_digest: &[u8]) -> Result<Vec<u8>, std::io::Error> { Ok(vec![0; 64]) }
/// let signer = signer_fn(|digest: Digest| async move {
///     // PKCS#11's CKM_ECDSA answers r ‖ s.
///     let fixed = module_signs(digest.as_bytes()).await?;
///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Signature::ecdsa(Curve::P256, &fixed)?)
/// })
/// .with_hash(Hash::Sha256);
/// ```
pub fn signer_fn<F, R, E>(function: F) -> SignerFn<F>
where
    F: Fn(Digest) -> R + Send + Sync,
    R: Future<Output = Result<Signature, E>> + Send,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    SignerFn { function, hash: Hash::default() }
}

impl<F> SignerFn<F> {
    /// Has messages hashed like this instead of with SHA-256.
    #[must_use]
    pub fn with_hash(mut self, hash: Hash) -> Self {
        self.hash = hash;
        self
    }
}

#[async_trait]
impl<F, R, E> Signer for SignerFn<F>
where
    F: Fn(Digest) -> R + Send + Sync,
    R: Future<Output = Result<Signature, E>> + Send,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    async fn sign(&self, digest: &Digest) -> Result<Signature, SignError> {
        (self.function)(digest.clone()).await.map_err(|error| SignError::Failed(error.into()))
    }

    fn hash(&self) -> Hash {
        self.hash
    }
}

impl<F> fmt::Debug for SignerFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerFn").field("hash", &self.hash).finish_non_exhaustive()
    }
}
