//! Signing with an Ed25519 key in memory, as Fabric 3 allows.

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::signature::Ed25519KeyPair;

use super::digest::Digest;
use super::hash::Hash;
use super::key::{KeyError, private_key};
use super::signature::Signature;
use super::signer::{SignError, Signer};

/// Signs with an Ed25519 private key in memory. The message is signed itself, without a hash before.
///
/// Channels take it from Fabric 3 on, with the channel capability `V3_0`.
pub struct Ed25519Signer(pub(super) Ed25519KeyPair);

impl Ed25519Signer {
    /// Reads an unencrypted private key, PEM of PKCS#8.
    ///
    /// # Errors
    /// [`KeyError`] when there is no key in the PEM, or none for Ed25519.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = private_key(pem)?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_der())
            .map(Self)
            .map_err(|source| KeyError::unfit("Ed25519", source))
    }
}

#[async_trait]
impl Signer for Ed25519Signer {
    async fn sign(&self, digest: &Digest) -> Result<Signature, SignError> {
        Ok(Signature::from(self.0.sign(digest.as_bytes()).as_ref().to_vec()))
    }

    fn hash(&self) -> Hash {
        Hash::None
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Signer(…)")
    }
}
