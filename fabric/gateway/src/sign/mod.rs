//! Signing: what is signed, with which key, and where.
//!
//! ```text
//! message ──Hash──► Digest ──Signer──► Signature
//! ```

mod digest;
mod ecdsa;
mod ed25519;
mod function;
mod hash;
mod key;
mod low_s;
mod signable;
mod signature;
mod signer;

#[cfg(test)]
mod tests;

pub use digest::Digest;
pub use ecdsa::{Curve, P256Signer, P384Signer};
pub use ed25519::Ed25519Signer;
pub use function::{SignerFn, signer_fn};
pub use hash::Hash;
pub use key::{KeyError, PrivateKeySigner};
pub(crate) use signable::Signable;
pub use signature::{Signature, SignatureError};
pub(crate) use signer::NoSigner;
pub use signer::{SignError, Signer};
