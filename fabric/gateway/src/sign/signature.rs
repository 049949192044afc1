//! Signatures in the form that Fabric's wire has.

use thiserror::Error;

use super::ecdsa::Curve;
use super::low_s;

/// A signature over a [`Digest`](crate::Digest), in the form that Fabric's wire has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// Takes an ECDSA signature as r ‖ s, each as long as the curve's order; that is what PKCS#11 modules answer. Of the
    /// two possible values of s the lower is taken, the only one that peers accept.
    ///
    /// # Errors
    /// [`SignatureError`] when it has not that length.
    pub fn ecdsa(curve: Curve, fixed: &[u8]) -> Result<Self, SignatureError> {
        let size = curve.size();
        if fixed.len() != 2 * size {
            return Err(SignatureError::Length { expected: 2 * size, found: fixed.len() });
        }
        let (r, s) = fixed.split_at(size);
        Ok(Self(low_s::der(r, s, curve.order())))
    }

    /// Takes an ECDSA signature in DER, as key services answer it, with s made low as in [`Self::ecdsa`].
    ///
    /// # Errors
    /// [`SignatureError`] when it is not two numbers of that curve in DER.
    pub fn ecdsa_der(curve: Curve, der: &[u8]) -> Result<Self, SignatureError> {
        let (r, s) = low_s::parse(der, curve.size()).ok_or(SignatureError::NotDer)?;
        Ok(Self(low_s::der(&r, &s, curve.order())))
    }

    /// The bytes of the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Takes a signature that has the wire's form already: for ECDSA, DER with the low s; for Ed25519, its 64 bytes.
impl From<Vec<u8>> for Signature {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// Why something is not an ECDSA signature.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// r ‖ s has another length than two numbers of the curve.
    #[error("an ECDSA signature on this curve has {expected} bytes, not {found}")]
    Length {
        /// What it should be.
        expected: usize,
        /// What it is.
        found: usize,
    },
    /// It is not a DER sequence of two numbers that are no longer than the curve's.
    #[error("not an ECDSA signature in DER")]
    NotDer,
}
