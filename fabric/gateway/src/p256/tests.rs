use std::fmt::Write as _;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_FIXED_SIGNING, KeyPair as _, UnparsedPublicKey,
};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};

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

async fn signs_verifiably(pem: &str) {
    let signer = P256Signer::from_pem(pem.as_bytes()).unwrap();
    let message = b"a message";
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, signer.0.public_key().as_ref().to_vec());
    for _ in 0..16 {
        let signature = signer.sign(&Digest::of(message)).await.unwrap();
        public.verify(message, signature.as_bytes()).unwrap();
    }
}

#[tokio::test]
async fn keys_are_read_in_both_forms_under_both_labels() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let pkcs8 = pair.to_pkcs8v1().unwrap();
    let sec1 = pair.private_key().as_der().unwrap();
    for label in ["PRIVATE KEY", "EC PRIVATE KEY"] {
        signs_verifiably(&pem(label, pkcs8.as_ref())).await;
        signs_verifiably(&pem(label, sec1.as_ref())).await;
    }
}

#[tokio::test]
async fn curve_parameters_before_the_key_are_skipped() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let parameters = pem("EC PARAMETERS", &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    let key = pem("EC PRIVATE KEY", pair.private_key().as_der().unwrap().as_ref());
    signs_verifiably(&format!("{parameters}{key}")).await;
}

#[tokio::test]
async fn keys_of_another_library_are_read() {
    signs_verifiably(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem()).await;
}

#[test]
fn other_keys_are_refused_with_the_reason() {
    let other = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap().to_pkcs8v1().unwrap();
    let refusal = |pem: &str| P256Signer::from_pem(pem.as_bytes()).unwrap_err();
    assert!(matches!(refusal(&pem("PRIVATE KEY", other.as_ref())), KeyError::NotP256(_)));
    assert!(matches!(refusal(&pem("PRIVATE KEY", b"junk")), KeyError::NotP256(_)));
    assert!(matches!(refusal(&pem("CERTIFICATE", other.as_ref())), KeyError::NoKey(_)));
    assert!(matches!(refusal(""), KeyError::NoKey(_)));
    assert!(matches!(refusal(&pem("ENCRYPTED PRIVATE KEY", other.as_ref())), KeyError::Encrypted));
}

#[test]
fn a_signer_does_not_show_its_key() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let signer = P256Signer(pair);
    assert_eq!(format!("{signer:?}"), "P256Signer(…)");
}
