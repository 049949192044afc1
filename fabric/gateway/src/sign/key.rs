//! Private keys in PEM, of whichever kind.

use std::error::Error as StdError;

use async_trait::async_trait;
use aws_lc_rs::error::KeyRejected;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use thiserror::Error;

use super::digest::Digest;
use super::ecdsa::{P256Signer, P384Signer};
use super::ed25519::Ed25519Signer;
use super::hash::Hash;
use super::signature::Signature;
use super::signer::{SignError, Signer};

/// Signs with a private key in memory, of whichever kind its PEM holds.
#[derive(Debug)]
#[non_exhaustive]
pub enum PrivateKeySigner {
    /// ECDSA on P-256.
    P256(P256Signer),
    /// ECDSA on P-384.
    P384(P384Signer),
    /// Ed25519.
    Ed25519(Ed25519Signer),
}

impl PrivateKeySigner {
    /// Reads an unencrypted private key, PEM: PKCS#8, or for ECDSA SEC 1 too.
    ///
    /// # Errors
    /// [`KeyError`] when there is no key in the PEM, or none of these kinds.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        // The first kind's error says whether there is a key at all.
        P256Signer::from_pem(pem).map(Self::P256).or_else(|error| match error {
            KeyError::Unfit { source, .. } => P384Signer::from_pem(pem)
                .map(Self::P384)
                .or_else(|_not_p384| Ed25519Signer::from_pem(pem).map(Self::Ed25519))
                .map_err(|_not_ed25519| KeyError::Unfit { wanted: "P-256, P-384 or Ed25519", source }),
            other => Err(other),
        })
    }

    fn as_signer(&self) -> &dyn Signer {
        match self {
            Self::P256(signer) => signer,
            Self::P384(signer) => signer,
            Self::Ed25519(signer) => signer,
        }
    }
}

#[async_trait]
impl Signer for PrivateKeySigner {
    async fn sign(&self, digest: &Digest) -> Result<Signature, SignError> {
        self.as_signer().sign(digest).await
    }

    fn hash(&self) -> Hash {
        self.as_signer().hash()
    }
}

/// Why something is not a private key that can be used.
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
    #[error("not a {wanted} private key")]
    Unfit {
        /// The kind that it should be.
        wanted: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl KeyError {
    pub(super) fn unfit(wanted: &'static str, source: KeyRejected) -> Self {
        Self::Unfit { wanted, source: source.into() }
    }
}

/// The label of PKCS#8 under a passphrase.
const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// The first private key in a PEM.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, KeyError> {
    if pem.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED) {
        return Err(KeyError::Encrypted);
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(KeyError::NoKey)
}
