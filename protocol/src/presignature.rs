//! Presignatures [Spec §2]: the part of an ECDSA signature that does not depend on what is signed, drawn ahead.
//!
//! A channel's payments are signed one behind the other, because each names the lock before it. What costs the time of a signature
//! is its nonce's point, and that can be made earlier, in rows, and on another thread.
//!
//! A signature made so is another one every time. Whoever uses presignatures stores every signature with its payment and gives the
//! stored one whenever it is asked again: [`crate::payer::State`].

use std::fmt;

use k256::elliptic_curve::Generate as _;
use k256::elliptic_curve::ops::Reduce as _;
use k256::elliptic_curve::point::{AffineCoordinates as _, BatchNormalize as _};
use k256::elliptic_curve::scalar::IsHigh as _;
use k256::{FieldBytes, NonZeroScalar, ProjectivePoint, Scalar};
use rand_core::TryCryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::hash::Digest;
use crate::key::SecretKey;
use crate::signature::Signature;

/// A nonce with its point, for one signature: neither cloned, nor printed, nor written anywhere.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Presignature {
    r: Scalar,
    inverse_nonce: Scalar,
}

impl Presignature {
    /// Draws up to `count`; cheaper each the more are drawn at once. The generator must be the operating system's: a nonce used twice
    /// gives the key away.
    ///
    /// # Errors
    /// The generator's.
    pub fn draw<R: TryCryptoRng + ?Sized>(rng: &mut R, count: usize) -> Result<Vec<Self>, R::Error> {
        let mut nonces = Zeroizing::new(Vec::with_capacity(count));
        for _ in 0..count {
            nonces.push(*NonZeroScalar::try_generate_from_rng(rng)?);
        }
        let points: Vec<ProjectivePoint> = nonces.iter().map(ProjectivePoint::mul_by_generator).collect();
        let points: Vec<_> = ProjectivePoint::batch_normalize(points.as_slice());
        invert_all(&mut nonces);
        let drawn = points.iter().zip(&*nonces).filter_map(|(point, inverse)| {
            let r = Scalar::reduce(&point.x());
            // One nonce in 2¹²⁸ has no usable point.
            (!bool::from(r.is_zero())).then_some(Self { r, inverse_nonce: *inverse })
        });
        Ok(drawn.collect())
    }
}

/// Inverts all of them, none of which is zero, with one inversion (Montgomery's trick).
fn invert_all(scalars: &mut [Scalar]) {
    let mut product = Scalar::ONE;
    let mut before: Vec<Scalar> = Vec::with_capacity(scalars.len());
    for scalar in &*scalars {
        before.push(product);
        product *= scalar;
    }
    let mut inverse = product.invert().unwrap_or(Scalar::ONE);
    for (scalar, before) in scalars.iter_mut().zip(&before).rev() {
        let own = inverse * before;
        inverse *= &*scalar;
        *scalar = own;
    }
    before.zeroize();
    product.zeroize();
    inverse.zeroize();
}

impl SecretKey {
    /// Signs a prehash with a presignature, which is used up: low-s, as [`SecretKey::sign`], but not the same twice.
    #[must_use]
    pub fn sign_with(&self, presignature: Presignature, digest: &Digest) -> Signature {
        let z = Scalar::reduce(&FieldBytes::from(*digest.as_bytes()));
        let s = presignature.inverse_nonce * (z + presignature.r * self.scalar());
        let s = if bool::from(s.is_high()) { -s } else { s };
        let mut bytes = [0; 64];
        let (left, right) = bytes.split_at_mut(32);
        left.copy_from_slice(&presignature.r.to_bytes());
        right.copy_from_slice(&s.to_bytes());
        Signature::from_bytes(bytes)
    }
}

impl fmt::Debug for Presignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presignature(secret)")
    }
}
