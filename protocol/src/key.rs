//! secp256k1 keys: ECDSA over a 32-byte prehash, RFC 6979, low-s [Spec §1].

use std::fmt;
use std::str::FromStr;

use k256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use k256::ecdsa::{SigningKey, VerifyingKey};
use k256::elliptic_curve::Generate as _;
use k256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::codec::{DecodeError, hex_into, serde_as_text, write_hex};
use crate::hash::Digest;
use crate::signature::{BadSignature, Signature};

/// A public key: a point of the curve, 33 bytes compressed. JSON: hexadecimal.
#[derive(Clone, Copy)]
pub struct PublicKey {
    bytes: [u8; 33],
    point: VerifyingKey,
}

impl PublicKey {
    /// Takes a compressed point: 02 or 03, then x.
    ///
    /// # Errors
    /// [`DecodeError::Key`] when the bytes are no compressed point of the curve.
    pub fn from_bytes(bytes: [u8; 33]) -> Result<Self, DecodeError> {
        let point = VerifyingKey::from_sec1_bytes(&bytes).map_err(|_| DecodeError::Key)?;
        let key = Self::of(&point);
        // SEC 1 also has 05 ‖ x, a second spelling: one key under two names would be two accounts.
        if key.bytes == bytes { Ok(key) } else { Err(DecodeError::Key) }
    }

    fn of(point: &VerifyingKey) -> Self {
        let compressed = point.to_sec1_point(true);
        let bytes = compressed.as_bytes().try_into().expect("a compressed point has 33 bytes");
        Self { bytes, point: *point }
    }

    /// The compressed point.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 33] {
        &self.bytes
    }

    /// Checks a signature on a prehash.
    ///
    /// # Errors
    /// [`BadSignature`] for high-s, r or s outside 1…n−1, and a signature by another key or on another prehash.
    pub fn verify(&self, digest: &Digest, signature: &Signature) -> Result<(), BadSignature> {
        // Refuses r and s outside 1…n−1.
        let scalars = k256::ecdsa::Signature::from_slice(signature.as_bytes()).map_err(|_| BadSignature)?;
        // Refuses high-s: the curve's `NORMALIZE_S`.
        self.point.verify_prehash(digest.as_bytes(), &scalars).map_err(|_| BadSignature)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for PublicKey {}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl std::hash::Hash for PublicKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.bytes, f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        let mut bytes = [0; 33];
        hex_into(text, &mut bytes)?;
        Self::from_bytes(bytes)
    }
}

impl TryFrom<&[u8]> for PublicKey {
    type Error = DecodeError;

    fn try_from(bytes: &[u8]) -> Result<Self, DecodeError> {
        let length = DecodeError::Length { expected: 33, found: bytes.len() };
        Self::from_bytes(bytes.try_into().map_err(|_| length)?)
    }
}

serde_as_text!(PublicKey, "33 bytes of a compressed point in lower-case hexadecimal");

/// A secret key with its public one; wiped when dropped, never cloned, never printed.
pub struct SecretKey {
    signing: SigningKey,
    public: PublicKey,
}

/// Bytes or a file that hold no secret key of secp256k1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secret key of secp256k1")]
pub struct BadSecretKey;

impl SecretKey {
    /// `keygen` [Spec §2]: draws a fresh key.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::of(SigningKey::generate_from_rng(rng))
    }

    /// Takes a scalar, big-endian.
    ///
    /// # Errors
    /// [`BadSecretKey`] outside 1…n−1.
    pub fn from_bytes(scalar: &[u8; 32]) -> Result<Self, BadSecretKey> {
        SigningKey::from_slice(scalar).map(Self::of).map_err(|_| BadSecretKey)
    }

    fn of(signing: SigningKey) -> Self {
        let public = PublicKey::of(signing.verifying_key());
        Self { signing, public }
    }

    /// The scalar itself. For storing keys at rest only.
    #[must_use]
    pub fn dangerous_to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes().into())
    }

    pub(crate) fn scalar(&self) -> &k256::Scalar {
        self.signing.as_nonzero_scalar()
    }

    /// The public key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a prehash: RFC 6979 nonce, low-s; the same prehash gives the same signature.
    ///
    /// # Panics
    /// Never: RFC 6979 draws nonces until one signs.
    #[must_use]
    pub fn sign(&self, digest: &Digest) -> Signature {
        let signature: k256::ecdsa::Signature =
            self.signing.sign_prehash(digest.as_bytes()).expect("RFC 6979 draws nonces until one signs");
        Signature::from_bytes(signature.to_bytes().into())
    }

    /// PKCS#8 DER, unencrypted. For storing keys at rest only.
    ///
    /// # Panics
    /// Never: a valid key always encodes.
    #[must_use]
    pub fn dangerous_to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.signing.to_pkcs8_der().expect("a valid key always encodes").to_bytes()
    }

    /// PKCS#8 PEM, unencrypted. For storing keys at rest only.
    ///
    /// # Panics
    /// Never: a valid key always encodes.
    #[must_use]
    pub fn dangerous_to_pkcs8_pem(&self) -> Zeroizing<String> {
        self.signing.to_pkcs8_pem(LineEnding::LF).expect("a valid key always encodes")
    }

    /// Reads PKCS#8 DER.
    ///
    /// # Errors
    /// [`BadSecretKey`] for anything else.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, BadSecretKey> {
        SigningKey::from_pkcs8_der(der).map(Self::of).map_err(|_| BadSecretKey)
    }

    /// Reads PKCS#8 PEM.
    ///
    /// # Errors
    /// [`BadSecretKey`] for anything else.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, BadSecretKey> {
        SigningKey::from_pkcs8_pem(pem).map(Self::of).map_err(|_| BadSecretKey)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(secret of {})", self.public)
    }
}
