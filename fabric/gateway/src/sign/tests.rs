use std::fmt::Write as _;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_FIXED_SIGNING, ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey,
};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};

use super::ecdsa::EcdsaKey;
use super::*;

fn pem(label: &str, der: &[u8]) -> String {
    // One character of base64 for every six bits; enough for a test.
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in der.chunks(3) {
        let mut word = [0; 4];
        word[1..=chunk.len()].copy_from_slice(chunk);
        let word = u32::from_be_bytes(word);
        for digit in 0..4 {
            let bits = usize::try_from((word >> (18 - 6 * digit)) & 63).unwrap();
            text.push(if digit <= chunk.len() { char::from(ALPHABET[bits]) } else { '=' });
        }
    }
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        writeln!(pem, "{}", std::str::from_utf8(line).unwrap()).unwrap();
    }
    writeln!(pem, "-----END {label}-----").unwrap();
    pem
}

fn pair(curve: Curve) -> EcdsaKeyPair {
    let algorithm: &'static EcdsaSigningAlgorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
    };
    EcdsaKeyPair::generate(algorithm).unwrap()
}

const MESSAGE: &[u8] = b"a message";

fn signs_verifiably(
    curve: Curve,
    pem: &str,
    hash: Hash,
    verification: &'static EcdsaVerificationAlgorithm,
) -> EcdsaKey {
    let key = EcdsaKey::from_pem(curve, pem.as_bytes()).unwrap();
    let public = UnparsedPublicKey::new(verification, key.public_key());
    for _ in 0..16 {
        let signature = key.sign(&hash.digest(MESSAGE)).unwrap();
        public.verify(MESSAGE, signature.as_bytes()).unwrap();
    }
    key
}

#[test]
fn keys_are_read_in_both_forms_under_both_labels() {
    for (curve, verification) in
        [(Curve::P256, &ECDSA_P256_SHA256_ASN1), (Curve::P384, &ECDSA_P384_SHA256_ASN1)]
    {
        let pair = pair(curve);
        let pkcs8 = pair.to_pkcs8v1().unwrap();
        let sec1 = pair.private_key().as_der().unwrap();
        for label in ["PRIVATE KEY", "EC PRIVATE KEY"] {
            signs_verifiably(curve, &pem(label, pkcs8.as_ref()), Hash::Sha256, verification);
            signs_verifiably(curve, &pem(label, sec1.as_ref()), Hash::Sha256, verification);
        }
    }
}

/// A digest that is shorter or longer than the order of the curve is the same number to whoever verifies.
#[test]
fn every_hash_goes_with_every_curve() {
    let (p256, p384) =
        (KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256), KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384));
    let (p256, p384) = (p256.unwrap().serialize_pem(), p384.unwrap().serialize_pem());
    signs_verifiably(Curve::P256, &p256, Hash::Sha256, &ECDSA_P256_SHA256_ASN1);
    signs_verifiably(Curve::P256, &p256, Hash::Sha384, &ECDSA_P256_SHA384_ASN1);
    signs_verifiably(Curve::P384, &p384, Hash::Sha256, &ECDSA_P384_SHA256_ASN1);
    signs_verifiably(Curve::P384, &p384, Hash::Sha384, &ECDSA_P384_SHA384_ASN1);
}

#[test]
fn curve_parameters_before_the_key_are_skipped() {
    let parameters = pem("EC PARAMETERS", &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    let key = pem("EC PRIVATE KEY", pair(Curve::P256).private_key().as_der().unwrap().as_ref());
    signs_verifiably(Curve::P256, &format!("{parameters}{key}"), Hash::Sha256, &ECDSA_P256_SHA256_ASN1);
}

#[tokio::test]
async fn an_ed25519_key_signs_the_message_itself() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let text = pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref());
    let signer = PrivateKeySigner::from_pem(text.as_bytes()).unwrap();
    assert!(matches!(signer, PrivateKeySigner::Ed25519(_)), "{signer:?}");
    let digest = signer.hash().digest(MESSAGE);
    assert_eq!(digest.as_bytes(), MESSAGE);
    let signature = signer.sign(&digest).await.unwrap();
    UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref())
        .verify(MESSAGE, signature.as_bytes())
        .unwrap();
}

#[test]
fn the_kind_of_a_key_is_found_out() {
    for (curve, expected) in [(Curve::P256, "P256(P256Signer(…))"), (Curve::P384, "P384(P384Signer(…))")]
    {
        let sec1 = pem("EC PRIVATE KEY", pair(curve).private_key().as_der().unwrap().as_ref());
        let signer = PrivateKeySigner::from_pem(sec1.as_bytes()).unwrap();
        assert_eq!(format!("{signer:?}"), expected, "a signer does not show its key");
        assert_eq!(signer.hash(), Hash::Sha256);
    }
    let junk = PrivateKeySigner::from_pem(pem("PRIVATE KEY", b"junk").as_bytes()).unwrap_err();
    assert!(junk.to_string().contains("Ed25519"), "{junk}");
    assert!(matches!(PrivateKeySigner::from_pem(b""), Err(KeyError::NoKey(_))));
}

#[test]
fn other_keys_are_refused_with_the_reason() {
    let other = pair(Curve::P384).to_pkcs8v1().unwrap();
    let refusal = |pem: &str| P256Signer::from_pem(pem.as_bytes()).unwrap_err();
    assert!(matches!(refusal(&pem("PRIVATE KEY", other.as_ref())), KeyError::Unfit { wanted: "P-256", .. }));
    assert!(matches!(refusal(&pem("PRIVATE KEY", b"junk")), KeyError::Unfit { .. }));
    assert!(matches!(refusal(&pem("CERTIFICATE", other.as_ref())), KeyError::NoKey(_)));
    assert!(matches!(refusal(""), KeyError::NoKey(_)));
    assert!(matches!(refusal(&pem("ENCRYPTED PRIVATE KEY", other.as_ref())), KeyError::Encrypted));
    assert!(P384Signer::from_pem(pem("PRIVATE KEY", other.as_ref()).as_bytes()).is_ok());
    assert!(Ed25519Signer::from_pem(pem("PRIVATE KEY", other.as_ref()).as_bytes()).is_err());
}

/// The hashes of no bytes, as the standards (FIPS 180-4, FIPS 202) have them.
#[test]
fn hashes_are_those_of_the_standards() {
    let expected = [
        (Hash::Sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (
            Hash::Sha384,
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
        ),
        (Hash::Sha3_256, "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"),
        (
            Hash::Sha3_384,
            "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e058d5f004",
        ),
        (Hash::None, ""),
    ];
    for (hash, hex) in expected {
        assert_eq!(hash.digest(b"").to_string(), hex, "{hash:?}");
    }
}

#[tokio::test]
async fn a_function_signs_where_the_key_is() {
    let key = pair(Curve::P256);
    let public = key.public_key().as_ref().to_vec();
    let key = std::sync::Arc::new(key);
    let signer = signer_fn(|digest: Digest| {
        let key = std::sync::Arc::clone(&key);
        async move {
            tokio::task::yield_now().await;
            let digest =
                aws_lc_rs::digest::Digest::import_less_safe(digest.as_bytes(), &aws_lc_rs::digest::SHA256)
                    .map_err(|error| error.to_string())?;
            let fixed = key.sign_digest(&digest).map_err(|error| error.to_string())?;
            Signature::ecdsa(Curve::P256, fixed.as_ref()).map_err(|error| error.to_string())
        }
    });
    let signature = signer.sign(&Hash::Sha256.digest(MESSAGE)).await.unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public).verify(MESSAGE, signature.as_bytes()).unwrap();
    assert_eq!(Signature::ecdsa_der(Curve::P256, signature.as_bytes()), Ok(signature));

    let locked = signer_fn(|_digest| async { Err::<Signature, _>("the module is locked") });
    let error = locked.sign(&Hash::Sha256.digest(MESSAGE)).await.unwrap_err();
    assert!(matches!(&error, SignError::Failed(cause) if cause.to_string() == "the module is locked"));
}

#[test]
fn what_is_no_signature_is_refused() {
    assert_eq!(
        Signature::ecdsa(Curve::P384, &[1; 64]),
        Err(SignatureError::Length { expected: 96, found: 64 })
    );
    for der in [&b""[..], b"\x30\x00", b"\x30\x06\x02\x01\x01\x02\x01", b"\x30\x06\x02\x01\x80\x02\x01\x01"] {
        assert_eq!(Signature::ecdsa_der(Curve::P256, der), Err(SignatureError::NotDer), "{der:?}");
    }
    assert!(Signature::ecdsa_der(Curve::P256, b"\x30\x06\x02\x01\x01\x02\x01\x01").is_ok());
}
