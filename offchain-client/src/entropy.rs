//! Random bytes of the operating system, with an error where there are none.

use lockstep_protocol::key::SecretKey;
use rand_core::TryRng;
use zeroize::Zeroizing;

/// The operating system gives no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoEntropy(#[from] getrandom::Error);

/// Fresh random bytes.
///
/// # Errors
/// There are none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    getrandom::SysRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}

/// A fresh secret key.
///
/// # Errors
/// There are no random bytes.
pub fn random_key() -> Result<SecretKey, NoEntropy> {
    loop {
        let bytes = Zeroizing::new(random_bytes::<32>()?);
        // All but one in 2¹²⁸ strings of 32 bytes are keys.
        if let Ok(key) = SecretKey::from_bytes(&bytes) {
            return Ok(key);
        }
    }
}
