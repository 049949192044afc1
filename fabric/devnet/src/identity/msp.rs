//! Membership: which organisation an identity belongs to, in which role, and what it signed.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hlf_proto::msp::SerializedIdentity;
use prost::Message;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::certificate::{CertificateError, ParsedCertificate};
use super::signature::EcdsaSignature;
use crate::core::policy::{Principal, Role};

/// Most identities that are remembered as checked.
const CACHE: usize = 4096;

/// Most signatures of one identity that are remembered as good.
const SIGNATURES: usize = 8192;

/// Why an organisation's certificate authority cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MspError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no usable certificate.
    #[error("{path} holds no usable certificate")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: CertificateError,
    },
}

/// Why an identity is refused.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub(crate) enum IdentityError {
    /// Not a serialised identity.
    #[error("not a serialised identity")]
    Malformed,
    /// An organisation that is not on the channel.
    #[error("MSP {0} is unknown")]
    UnknownMsp(String),
    /// The certificate does not read.
    #[error("the certificate does not read")]
    Unreadable(#[source] CertificateError),
    /// The organisation's authority did not issue the certificate.
    #[error("the certificate is not valid in its organisation")]
    Invalid(#[source] CertificateError),
    /// The certificate has not exactly one of the units admin, client, peer, orderer.
    #[error("the identity must be a client, a peer, an orderer or an admin identity to be valid")]
    NoRole {
        /// The organisation.
        msp_id: String,
    },
}

/// Why a signature does not count.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignatureError {
    /// Not a DER signature of P-256.
    #[error("not a DER signature")]
    Malformed,
    /// The higher of the two possible values of s.
    #[error("the signature has a high s")]
    HighS,
    /// It does not verify.
    #[error("the signature does not verify")]
    Wrong,
}

/// A checked member of an organisation.
#[derive(Debug)]
pub(crate) struct Identity {
    principal: Principal,
    certificate: ParsedCertificate,
    /// What has been verified. All organisations are in one process, and each looks at the same signatures.
    good: Mutex<HashSet<[u8; 32]>>,
}

impl Identity {
    /// Organisation and role.
    #[must_use]
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// True when the certificate has expired at `now`.
    #[must_use]
    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        now > self.certificate.not_after
    }

    /// Checks a signature by this identity: ECDSA over SHA-256, low s.
    ///
    /// # Errors
    /// When the signature is malformed, has a high s, or does not verify.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let mark = mark(message, signature);
        if self.good().contains(&mark) {
            return Ok(());
        }
        let parsed = EcdsaSignature::from_der(signature).ok_or(SignatureError::Malformed)?;
        if !parsed.is_low_s() {
            return Err(SignatureError::HighS);
        }
        self.certificate.key.verify_sig(message, signature).map_err(|_| SignatureError::Wrong)?;
        self.remember(mark);
        Ok(())
    }

    /// Takes a signature for good that this process has just made with the identity's key.
    pub(crate) fn signed_here(&self, message: &[u8], signature: &[u8]) {
        self.remember(mark(message, signature));
    }

    fn remember(&self, mark: [u8; 32]) {
        let mut good = self.good();
        if good.len() >= SIGNATURES {
            good.clear();
        }
        good.insert(mark);
    }

    fn good(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The organisations of a channel and their certificate authorities.
#[derive(Debug, Default)]
pub(crate) struct MspManager {
    authorities: HashMap<String, ParsedCertificate>,
    cache: Mutex<HashMap<Vec<u8>, Arc<Identity>>>,
}

impl MspManager {
    /// Adds an organisation with its authority's certificate in PEM.
    ///
    /// # Errors
    /// When the certificate cannot be read.
    pub(crate) fn add(&mut self, msp_id: &str, authority: &Path) -> Result<(), MspError> {
        let path = authority.to_owned();
        let pem = std::fs::read(authority).map_err(|source| MspError::Read { path: path.clone(), source })?;
        let certificate =
            ParsedCertificate::from_pem(&pem).map_err(|source| MspError::Certificate { path, source })?;
        self.authorities.insert(msp_id.to_owned(), certificate);
        Ok(())
    }

    /// Checks a serialised identity: its organisation is known, issued the certificate, and gives it one role.
    ///
    /// # Errors
    /// When one of these does not hold.
    pub(crate) fn identify(&self, serialized: &[u8]) -> Result<Arc<Identity>, IdentityError> {
        if let Some(known) = self.cache().get(serialized) {
            return Ok(Arc::clone(known));
        }
        let identity = Arc::new(self.check(serialized)?);
        let mut cache = self.cache();
        if cache.len() >= CACHE {
            cache.clear();
        }
        cache.insert(serialized.to_vec(), Arc::clone(&identity));
        Ok(identity)
    }

    fn check(&self, serialized: &[u8]) -> Result<Identity, IdentityError> {
        let SerializedIdentity { mspid: msp_id, id_bytes } =
            SerializedIdentity::decode(serialized).map_err(|_| IdentityError::Malformed)?;
        let Some(authority) = self.authorities.get(&msp_id) else {
            return Err(IdentityError::UnknownMsp(msp_id));
        };
        let certificate = ParsedCertificate::from_pem(&id_bytes).map_err(IdentityError::Unreadable)?;
        certificate.check_issuer(authority).map_err(IdentityError::Invalid)?;
        match role(&certificate.units) {
            Some(role) => {
                Ok(Identity { principal: Principal { msp_id, role }, certificate, good: Mutex::default() })
            }
            None => Err(IdentityError::NoRole { msp_id }),
        }
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Arc<Identity>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stands for a message with its signature: SHA-256 over the signature's length, the signature, the message.
fn mark(message: &[u8], signature: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(signature.len().to_be_bytes());
    hash.update(signature);
    hash.update(message);
    hash.finalize().into()
}

/// The role that exactly one of the units gives.
fn role(units: &[String]) -> Option<Role> {
    let mut roles = units.iter().filter_map(|unit| match unit.as_str() {
        "admin" => Some(Role::Admin),
        "client" => Some(Role::Client),
        "peer" => Some(Role::Peer),
        "orderer" => Some(Role::Orderer),
        _ => None,
    });
    let role = roles.next()?;
    roles.next().is_none().then_some(role)
}

#[cfg(test)]
mod tests;
