//! Signing with an ECDSA key in memory: P-256, Fabric's usual kind, and P-384.

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::digest::{Algorithm, Digest as LcDigest, SHA256, SHA384};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
};

use super::digest::Digest;
use super::key::{KeyError, private_key};
use super::signature::Signature;
use super::signer::{SignError, Signer};

/// A curve of the ECDSA keys that Fabric's identities have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Curve {
    /// NIST P-256: numbers of 32 bytes.
    P256,
    /// NIST P-384: numbers of 48 bytes.
    P384,
}

impl Curve {
    /// How many bytes a number modulo the order has.
    #[must_use]
    pub fn size(self) -> usize {
        self.order().len()
    }

    /// The order of the curve's group, big-endian.
    pub(super) fn order(self) -> &'static [u8] {
        match self {
            Self::P256 => &P256_ORDER,
            Self::P384 => &P384_ORDER,
        }
    }

    fn algorithm(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        }
    }

    /// A hash whose digests are as long as the order.
    fn digest(self) -> &'static Algorithm {
        match self {
            Self::P256 => &SHA256,
            Self::P384 => &SHA384,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }
}

const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a,
    0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

/// An ECDSA key, and how to sign with it.
pub(super) struct EcdsaKey {
    pair: EcdsaKeyPair,
    curve: Curve,
}

impl EcdsaKey {
    pub(super) fn from_pem(curve: Curve, pem: &[u8]) -> Result<Self, KeyError> {
        let der = private_key(pem)?;
        let pair = EcdsaKeyPair::from_private_key_der(curve.algorithm(), der.secret_der())
            .map_err(|source| KeyError::unfit(curve.name(), source))?;
        Ok(Self { pair, curve })
    }

    /// Signs. ECDSA takes the digest as a number: the leftmost bytes of a digest that is longer than the order, all of
    /// one that is shorter. The library wants one of just that length, so a short one gets zeros before it.
    pub(super) fn sign(&self, digest: &Digest) -> Result<Signature, SignError> {
        let failed = |error: Unspecified| SignError::Failed(error.into());
        let size = self.curve.size();
        let leftmost: Vec<u8> = digest.as_bytes().iter().copied().take(size).collect();
        let mut number = vec![0; size - leftmost.len()];
        number.extend(leftmost);
        let number = LcDigest::import_less_safe(&number, self.curve.digest()).map_err(failed)?;
        // Tens of microseconds: not worth another thread.
        let signature = self.pair.sign_digest(&number).map_err(failed)?;
        Signature::ecdsa(self.curve, signature.as_ref()).map_err(|error| SignError::Failed(error.into()))
    }

    #[cfg(test)]
    pub(super) fn public_key(&self) -> Vec<u8> {
        use aws_lc_rs::signature::KeyPair as _;
        self.pair.public_key().as_ref().to_vec()
    }
}

/// Declares the signer for keys on one curve.
macro_rules! ecdsa_signer {
    ($(#[$doc:meta])* $name:ident, $curve:expr, $shown:literal) => {
        $(#[$doc])*
        pub struct $name(pub(super) EcdsaKey);

        impl $name {
            /// Reads an unencrypted private key, PEM: PKCS#8 or SEC 1, whichever of the two labels it bears. (Tools of
            /// Fabric have written PKCS#8 under `EC PRIVATE KEY`.)
            ///
            /// # Errors
            /// [`KeyError`] when there is no key in the PEM, or none on this curve.
            pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
                EcdsaKey::from_pem($curve, pem).map(Self)
            }
        }

        #[async_trait]
        impl Signer for $name {
            async fn sign(&self, digest: &Digest) -> Result<Signature, SignError> {
                self.0.sign(digest)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($shown)
            }
        }
    };
}

ecdsa_signer!(
    /// Signs with a P-256 private key in memory; s is always the lower one.
    P256Signer,
    Curve::P256,
    "P256Signer(…)"
);
ecdsa_signer!(
    /// Signs with a P-384 private key in memory; s is always the lower one.
    ///
    /// Like the peers it hashes with SHA-256 unless the gateway is told otherwise.
    P384Signer,
    Curve::P384,
    "P384Signer(…)"
);
