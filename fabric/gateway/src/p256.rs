//! Signing with a P-256 key in memory, Fabric's usual kind.

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::digest::{Digest as LcDigest, SHA256};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use thiserror::Error;

use crate::digest::Digest;
use crate::low_s::low_s_der;
use crate::signer::{SignError, Signature, Signer};

/// Signs with a P-256 private key in memory; s is always the lower one.
pub struct P256Signer(EcdsaKeyPair);

impl P256Signer {
    /// Reads an unencrypted private key, PEM: PKCS#8 or SEC 1, whichever of the two labels it bears. (Tools of Fabric
    /// have written PKCS#8 under `EC PRIVATE KEY`.)
    ///
    /// # Errors
    /// [`KeyError`] when there is no key in the PEM, or none on P-256.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        if pem.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED) {
            return Err(KeyError::Encrypted);
        }
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(KeyError::NoKey)?;
        let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_der())
            .map_err(KeyError::NotP256)?;
        Ok(Self(key))
    }
}

/// The label of PKCS#8 under a passphrase.
const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";

#[async_trait]
impl Signer for P256Signer {
    async fn sign(&self, digest: &Digest) -> Result<Signature, SignError> {
        // Tens of microseconds: not worth another thread.
        let failed = |error: Unspecified| SignError::Failed(error.into());
        let digest = LcDigest::import_less_safe(digest.as_bytes(), &SHA256).map_err(failed)?;
        let signature = self.0.sign_digest(&digest).map_err(failed)?;
        let fixed = signature.as_ref().try_into().map_err(|_length| failed(Unspecified))?;
        Ok(Signature::from(low_s_der(fixed)))
    }
}

impl fmt::Debug for P256Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P256Signer(…)")
    }
}

/// Why something is not a P-256 private key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is under a passphrase; decrypt it first.
    #[error("the private key is encrypted; decrypt it first")]
    Encrypted,
    /// The PEM holds no private key.
    #[error("no PEM private key")]
    NoKey(#[source] rustls_pki_types::pem::Error),
    /// The key is damaged, or of another kind or curve.
    #[error("not a P-256 private key")]
    NotP256(#[source] KeyRejected),
}

#[cfg(test)]
mod tests;
