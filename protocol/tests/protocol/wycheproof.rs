//! Wycheproof's vectors for ECDSA on secp256k1, as far as they speak of r‖s signatures over a 32-byte prehash.

use k256::ecdsa::signature::digest::Digest as _;
use lockstep_protocol::{Digest, PublicKey, Signature};
use sha2::Sha256;
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

fn compressed(uncompressed: &[u8]) -> PublicKey {
    let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(uncompressed).unwrap();
    PublicKey::try_from(key.to_sec1_point(true).as_bytes()).unwrap()
}

/// Whether the second half is above half of the order.
fn is_high(signature: &[u8]) -> bool {
    const HALF: &str = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";
    let half = hex::decode(HALF).unwrap();
    signature.len() == 64 && signature[32..] > half[..]
}

#[test]
fn signatures_of_fixed_size() {
    let set = TestSet::load(TestName::EcdsaSecp256k1Sha256P1363).unwrap();
    let (mut valid, mut high, mut invalid) = (0, 0, 0);
    for group in set.test_groups {
        let key = compressed(&group.key.key);
        for test in group.tests {
            let digest = Digest::from_bytes(Sha256::digest(&test.msg).into());
            let parsed = Signature::try_from(test.sig.as_slice());
            let accepted = parsed.is_ok_and(|signature| key.verify(&digest, &signature).is_ok());
            let expected = match test.result {
                TestResult::Valid if is_high(&test.sig) => {
                    high += 1;
                    false
                }
                TestResult::Valid => {
                    valid += 1;
                    true
                }
                TestResult::Invalid | TestResult::Acceptable => {
                    invalid += 1;
                    false
                }
            };
            assert_eq!(accepted, expected, "test {}: {}", test.tc_id, test.comment);
        }
    }
    assert!(valid > 50 && high > 20 && invalid > 50, "{valid} valid, {high} high-s, {invalid} invalid");
}
