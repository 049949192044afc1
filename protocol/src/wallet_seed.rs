//! From one 32-byte seed of the wallet to the secrets of every channel [Spec §4].

use std::fmt;

use k256::elliptic_curve::bigint::{NonZero, U256, U384};
use rand_core::CryptoRng;
use shake::{ExtendableOutput as _, Shake256, Update as _, XofReader as _};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::hash::{Hasher, Nonce, tag};
use crate::key::SecretKey;

/// n − 1, one less than the order of secp256k1.
const ORDER_MINUS_ONE: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140";

/// The wallet's seed; wiped when dropped, never printed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct WalletSeed([u8; 32]);

/// s, from which a channel's token chain grows; wiped when dropped, never printed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct ChainSeed([u8; 32]);

impl WalletSeed {
    /// Draws a fresh seed.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut seed = Self([0; 32]);
        rng.fill_bytes(&mut seed.0);
        seed
    }

    /// Takes a stored seed.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The seed itself. For storing it at rest only.
    #[must_use]
    pub const fn dangerous_as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// s = H(tag "chain" ‖ seed ‖ nonce).
    #[must_use]
    pub fn chain_seed(&self, nonce: &Nonce) -> ChainSeed {
        ChainSeed(Hasher::new("chain").bytes(&self.0).bytes(nonce.as_bytes()).finish())
    }

    /// sk = 1 + (SHAKE256(tag "channel key" ‖ seed ‖ nonce; 48 bytes) as a big-endian integer) mod (n−1).
    ///
    /// # Panics
    /// Never: the sum is 1…n−1.
    #[must_use]
    pub fn payment_key(&self, nonce: &Nonce) -> SecretKey {
        let mut hash = Shake256::default();
        hash.update(&tag("channel key"));
        hash.update(&self.0);
        hash.update(nonce.as_bytes());
        let mut wide = Zeroizing::new([0; 48]);
        hash.finalize_xof().read(wide.as_mut());
        let order_minus_one = NonZero::new(U256::from_be_hex(ORDER_MINUS_ONE)).expect("n − 1 is not zero");
        let wide = Zeroizing::new(U384::from_be_slice(wide.as_ref()));
        let modulus = order_minus_one.resize::<{ U384::LIMBS }>();
        let modulus = NonZero::new(modulus).expect("n − 1 is not zero");
        let reduced = Zeroizing::new(wide.rem(&modulus).resize::<{ U256::LIMBS }>());
        let scalar = Zeroizing::new(reduced.wrapping_add(&U256::ONE));
        let bytes = Zeroizing::new(<[u8; 32]>::from(scalar.to_be_bytes()));
        SecretKey::from_bytes(&bytes).expect("1 + (x mod (n−1)) is 1…n−1")
    }
}

impl ChainSeed {
    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// s itself. For comparing with vectors only.
    #[must_use]
    pub const fn dangerous_as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for WalletSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WalletSeed(secret)")
    }
}

impl fmt::Debug for ChainSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainSeed(secret)")
    }
}
