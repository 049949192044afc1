//! The lockable signature [Spec §2]: one signature hidden under another.
//!
//! A locking signature is one value: RFC 6979's, or one made with a [presignature](crate::presignature) and stored with its payment.

use shake::{ExtendableOutput as _, Shake256, Update as _, XofReader as _};

use crate::codec::fixed_bytes;
use crate::hash::{Digest, tag};
use crate::key::{PublicKey, SecretKey};
use crate::signature::{BadSignature, Signature};

fixed_bytes! {
    /// ℓk = σ ⊕ H₆₄(tag "lock" ‖ σ̂), 64 bytes.
    Lock, 64
}

/// Why a lock did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnlockError {
    /// σ̂ does not verify for (p̂k, m̂).
    #[error("the locking signature does not verify")]
    LockingSignature,
    /// What the lock opened to does not verify for (pk, m).
    #[error("the lock opens to something that is no signature")]
    LockedSignature,
}

/// H₆₄(tag "lock" ‖ σ̂): SHAKE256 with 64 bytes of output.
#[must_use]
pub fn mask(locking: &Signature) -> [u8; 64] {
    let mut hash = Shake256::default();
    hash.update(&tag("lock"));
    hash.update(locking.as_bytes());
    let mut out = [0; 64];
    hash.finalize_xof().read(&mut out);
    out
}

fn masked(bytes: &[u8; 64], locking: &Signature) -> [u8; 64] {
    let mut out = mask(locking);
    for (mask, byte) in out.iter_mut().zip(bytes) {
        *mask ^= byte;
    }
    out
}

impl Lock {
    /// ℓk₀, which stands in the fields of payment 1 [Spec §6].
    pub const ZERO: Self = Self([0; 64]);

    /// Hides `locked` under `locking`.
    #[must_use]
    pub fn seal(locked: &Signature, locking: &Signature) -> Self {
        Self(masked(locked.as_bytes(), locking))
    }

    /// What the lock opens to under `locking`; whether it is a signature is for the caller to verify.
    #[must_use]
    pub fn open(&self, locking: &Signature) -> Signature {
        Signature::from_bytes(masked(&self.0, locking))
    }
}

/// `lock(sk, m, sk̂, m̂)` [Spec §2]: hides `sk`'s signature on `message` under `locking_key`'s on `locking_message`.
#[must_use]
pub fn lock(sk: &SecretKey, message: &Digest, locking_key: &SecretKey, locking_message: &Digest) -> Lock {
    Lock::seal(&sk.sign(message), &locking_key.sign(locking_message))
}

/// `unlock(pk, m, p̂k, m̂, σ̂, ℓk)` [Spec §2]: recovers the hidden signature, verified.
///
/// # Errors
/// [`UnlockError`] unless σ̂ verifies for (p̂k, m̂) and the result for (pk, m).
pub fn unlock(
    pk: &PublicKey,
    message: &Digest,
    locking_key: &PublicKey,
    locking_message: &Digest,
    locking: &Signature,
    lock: &Lock,
) -> Result<Signature, UnlockError> {
    locking_key.verify(locking_message, locking).map_err(|BadSignature| UnlockError::LockingSignature)?;
    let locked = lock.open(locking);
    pk.verify(message, &locked).map_err(|BadSignature| UnlockError::LockedSignature)?;
    Ok(locked)
}
