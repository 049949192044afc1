//! A signing identity: certificate and P-256 key of a peer.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use hlf_proto::msp::SerializedIdentity;
use prost::Message;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;

use super::signature::EcdsaSignature;

/// Why a signing identity cannot be loaded or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignerError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The key file holds no PKCS#8 P-256 key.
    #[error("{0} holds no PKCS#8 key of P-256")]
    Key(PathBuf),
    /// The library failed to sign.
    #[error("signing failed")]
    Sign,
}

/// A certificate and its key.
pub(crate) struct Signer {
    identity: Vec<u8>,
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// Loads the identity of a member of `msp_id` from PEM files.
    ///
    /// # Errors
    /// When a file cannot be read or holds no fitting key.
    pub(crate) fn load(msp_id: &str, certificate: &Path, key: &Path) -> Result<Self, SignerError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| SignerError::Read { path: path.to_owned(), source })
        };
        let id_bytes = read(certificate)?;
        let malformed = || SignerError::Key(key.to_owned());
        let der = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| malformed())?;
        // Some Fabric tools label PKCS#8 as "EC PRIVATE KEY", so the content decides.
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_der())
            .map_err(|_| malformed())?;
        let identity = SerializedIdentity { mspid: msp_id.to_owned(), id_bytes }.encode_to_vec();
        Ok(Self { identity, key, random: SystemRandom::new() })
    }

    /// The serialised identity, as it stands in headers and endorsements.
    #[must_use]
    pub(crate) fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// Signs a message: ECDSA over its SHA-256, low s, in DER.
    ///
    /// # Errors
    /// When the library fails.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signature = self.key.sign(&self.random, message).map_err(|_| SignerError::Sign)?;
        let signature = EcdsaSignature::from_fixed(signature.as_ref()).ok_or(SignerError::Sign)?;
        Ok(signature.into_low_s().to_der())
    }
}
