//! Signatures: 64 bytes `r‖s`, judged when they are verified [Spec §1].

use crate::codec::fixed_bytes;

fixed_bytes! {
    /// `r‖s`, 64 bytes, as received: nothing is known of it until [`crate::PublicKey::verify`] accepts it.
    Signature, 64
}

/// A signature that does not verify, or that no verifier takes: high-s, or r or s outside 1…n−1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;
