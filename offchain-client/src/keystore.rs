//! Secret keys at rest: PKCS#8 in PEM, mode 0600; encrypted (PBES2: scrypt, AES-256-CBC) when there is a
//! passphrase. `openssl pkcs8` reads and writes the same files.

use std::fmt;
use std::path::{Path, PathBuf};

use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::pem::PemLabel;
use pkcs8::der::{Decode, Encode, SecretDocument};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use crate::home::{Access, HomeError, read_small_text, write_atomic};

/// Environment variable with the passphrase of the keys.
pub const PASSPHRASE_VARIABLE: &str = "LOCKSTEP_PASSPHRASE";

/// id-alg-hkdf-with-sha256 (RFC 8619): a key that other keys are derived from, such as a wallet's seed.
const SEED_ALGORITHM: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.3.28");

/// What encrypts the secret keys of a home folder.
pub struct Passphrase(Zeroizing<String>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

impl From<String> for Passphrase {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Passphrase {
    /// The value of `LOCKSTEP_PASSPHRASE`, unless it is unset or empty.
    pub fn from_environment() -> Option<Self> {
        std::env::var(PASSPHRASE_VARIABLE).ok().filter(|text| !text.is_empty()).map(Self::from)
    }

    /// Asks on the terminal, without showing what is typed.
    ///
    /// # Errors
    /// There is no terminal to ask on.
    pub fn ask() -> Result<Self, KeystoreError> {
        rpassword::prompt_password("Passphrase: ").map(Self::from).map_err(KeystoreError::Prompt)
    }

    /// Asks twice on the terminal.
    ///
    /// # Errors
    /// There is no terminal to ask on, or the two answers differ.
    pub fn ask_new() -> Result<Self, KeystoreError> {
        let first = Self::ask()?;
        let second =
            rpassword::prompt_password("Once more: ").map(Self::from).map_err(KeystoreError::Prompt)?;
        if *first.0 == *second.0 { Ok(first) } else { Err(KeystoreError::PassphrasesDiffer) }
    }
}

/// Why a secret key cannot be stored or read. No variant holds any of its bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeystoreError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] HomeError),
    /// The key is encrypted and no passphrase was given.
    #[error("{} is encrypted; set {PASSPHRASE_VARIABLE} or use --ask-passphrase", .0.display())]
    PassphraseNeeded(PathBuf),
    /// The passphrase does not open the key, or the file is damaged.
    #[error("the passphrase does not open {}", .0.display())]
    WrongPassphrase(PathBuf),
    /// The file is not a PKCS#8 key in PEM.
    #[error("{} is not a PKCS#8 key in PEM", .0.display())]
    NotAKey(PathBuf),
    /// The key is of another kind than is needed here.
    #[error("{} holds a key of another kind", .0.display())]
    OtherKind(PathBuf),
    /// The key cannot be encoded or encrypted.
    #[error("the key cannot be encoded")]
    Encode,
    /// The terminal cannot be read.
    #[error("cannot ask for the passphrase")]
    Prompt(#[source] std::io::Error),
    /// The two passphrases typed are not equal.
    #[error("the two passphrases differ")]
    PassphrasesDiffer,
}

/// Stores a key that is given as PKCS#8 DER.
///
/// # Errors
/// It is not PKCS#8, or the file cannot be written.
pub fn save_pkcs8(path: &Path, der: &[u8], passphrase: Option<&Passphrase>) -> Result<(), KeystoreError> {
    let key = PrivateKeyInfoRef::from_der(der).map_err(|_| KeystoreError::Encode)?;
    let pem = match passphrase {
        None => SecretDocument::encode_msg(&key)
            .and_then(|document| document.to_pem(PrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)),
        Some(Passphrase(text)) => key
            .encrypt_with_rng(&mut getrandom::SysRng, text.as_bytes())
            .map_err(|_| KeystoreError::Encode)?
            .to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF),
    };
    let pem = pem.map_err(|_| KeystoreError::Encode)?;
    write_atomic(path, pem.as_bytes(), Access::Private)?;
    Ok(())
}

/// Reads a key; the answer is its PKCS#8 DER.
///
/// # Errors
/// The file cannot be read, is no key, or does not open with the passphrase.
pub fn load_pkcs8(path: &Path, passphrase: Option<&Passphrase>) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
    let pem = Zeroizing::new(read_small_text(path)?);
    let not_a_key = || KeystoreError::NotAKey(path.to_owned());
    let (label, document) = SecretDocument::from_pem(&pem).map_err(|_| not_a_key())?;
    let document = if label == EncryptedPrivateKeyInfoRef::PEM_LABEL {
        let Some(Passphrase(text)) = passphrase else {
            return Err(KeystoreError::PassphraseNeeded(path.to_owned()));
        };
        let encrypted = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|_| not_a_key())?;
        encrypted.decrypt(text.as_bytes()).map_err(|_| KeystoreError::WrongPassphrase(path.to_owned()))?
    } else if label == PrivateKeyInfoRef::PEM_LABEL {
        document
    } else {
        return Err(not_a_key());
    };
    PrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|_| not_a_key())?;
    Ok(Zeroizing::new(document.as_bytes().to_vec()))
}

/// Stores 32 secret bytes that keys are derived from, in the same form as a key.
///
/// # Errors
/// The file cannot be written.
pub fn save_seed(path: &Path, seed: &[u8; 32], passphrase: Option<&Passphrase>) -> Result<(), KeystoreError> {
    let algorithm = AlgorithmIdentifierRef { oid: SEED_ALGORITHM, parameters: None };
    let octets = OctetStringRef::new(seed).map_err(|_| KeystoreError::Encode)?;
    let der = PrivateKeyInfoRef::new(algorithm, octets).to_der().map_err(|_| KeystoreError::Encode)?;
    save_pkcs8(path, &Zeroizing::new(der), passphrase)
}

/// Reads 32 secret bytes that [`save_seed`] stored.
///
/// # Errors
/// As for [`load_pkcs8`], or the file holds something else.
pub fn load_seed(path: &Path, passphrase: Option<&Passphrase>) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    let der = load_pkcs8(path, passphrase)?;
    let other_kind = || KeystoreError::OtherKind(path.to_owned());
    let key = PrivateKeyInfoRef::from_der(&der).map_err(|_| other_kind())?;
    if key.algorithm.oid != SEED_ALGORITHM {
        return Err(other_kind());
    }
    let seed = <[u8; 32]>::try_from(key.private_key.as_bytes()).map_err(|_| other_kind())?;
    Ok(Zeroizing::new(seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 32] = [0x5a; 32];

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::from(text.to_owned())
    }

    #[test]
    fn a_seed_comes_back_with_and_without_a_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seed.pem");
        for phrase in [None, Some(passphrase("correct horse"))] {
            save_seed(&path, &SEED, phrase.as_ref()).unwrap();
            assert_eq!(*load_seed(&path, phrase.as_ref()).unwrap(), SEED);
        }
    }

    #[test]
    fn an_encrypted_key_needs_its_passphrase_and_does_not_show_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seed.pem");
        save_seed(&path, &SEED, Some(&passphrase("right"))).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{text}");
        assert!(matches!(load_seed(&path, None), Err(KeystoreError::PassphraseNeeded(_))));
        assert!(matches!(
            load_seed(&path, Some(&passphrase("wrong"))),
            Err(KeystoreError::WrongPassphrase(_))
        ));
    }

    #[test]
    fn a_file_that_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        for text in ["", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(load_pkcs8(&path, None), Err(KeystoreError::NotAKey(_))), "{text:?}");
        }
        assert!(matches!(load_pkcs8(&folder.path().join("none"), None), Err(KeystoreError::File(_))));
    }

    #[test]
    fn a_passphrase_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", passphrase("hunter2")).contains("hunter2"));
    }
}
