//! The lockable signature and plain signatures [Spec §1, §2].

use lockstep_protocol::lock::{UnlockError, lock, unlock};
use lockstep_protocol::{Digest, Lock, SecretKey, Signature};

use crate::scene::rng;

fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

#[test]
fn a_lock_opens_with_the_locking_signature_and_with_no_other() {
    let mut rng = rng(31);
    let (sk, locking) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let made = lock(&sk, &digest(1), &locking, &digest(2));
    let open = |signature: &Signature| {
        unlock(sk.public_key(), &digest(1), locking.public_key(), &digest(2), signature, &made)
    };
    assert_eq!(open(&locking.sign(&digest(2))), Ok(sk.sign(&digest(1))));
    assert_eq!(open(&locking.sign(&digest(3))), Err(UnlockError::LockingSignature));
    assert_eq!(open(&sk.sign(&digest(2))), Err(UnlockError::LockingSignature));
    let garbage = Lock::from_bytes([5; 64]);
    let result = unlock(
        sk.public_key(),
        &digest(1),
        locking.public_key(),
        &digest(2),
        &locking.sign(&digest(2)),
        &garbage,
    );
    assert_eq!(result, Err(UnlockError::LockedSignature));
}

#[test]
fn locking_twice_gives_one_lock() {
    let mut rng = rng(32);
    let (sk, locking) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let make = || lock(&sk, &digest(1), &locking, &digest(2));
    assert_eq!(make(), make());
}

#[test]
fn no_bit_of_either_signature_shows_in_the_lock() {
    const SAMPLES: i32 = 2000;
    let mut rng = rng(33);
    let (sk, locking) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let mut agreements = vec![(0_i32, 0_i32); 512];
    for sample in 0..SAMPLES {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&sample.to_be_bytes());
        let message = Digest::from_bytes(bytes);
        let (locked, key) = (sk.sign(&message), locking.sign(&message));
        let made = Lock::seal(&locked, &key);
        for (bit, (with_locked, with_locking)) in agreements.iter_mut().enumerate() {
            let at = |bytes: &[u8; 64]| (bytes[bit / 8] >> (bit % 8)) & 1;
            *with_locked += i32::from(at(made.as_bytes()) == at(locked.as_bytes()));
            *with_locking += i32::from(at(made.as_bytes()) == at(key.as_bytes()));
        }
    }
    // Six standard deviations of 2 000 fair coins are 134.
    for (with_locked, with_locking) in agreements {
        assert!((with_locked - SAMPLES / 2).abs() < 134 && (with_locking - SAMPLES / 2).abs() < 134);
    }
}

#[test]
fn keys_survive_pkcs8_and_never_show() {
    let key = SecretKey::random(&mut rng(34));
    let secret = hex::encode(key.dangerous_to_bytes().as_ref());
    let pem = key.dangerous_to_pkcs8_pem();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!(SecretKey::from_pkcs8_pem(&pem).unwrap().public_key(), key.public_key());
    let der = key.dangerous_to_pkcs8_der();
    assert_eq!(SecretKey::from_pkcs8_der(&der).unwrap().public_key(), key.public_key());
    assert!(!format!("{key:?}").contains(&secret));
    assert!(SecretKey::from_pkcs8_pem("no key").is_err());
    assert!(SecretKey::from_bytes(&[0; 32]).is_err() && SecretKey::from_bytes(&[0xff; 32]).is_err());
}

#[test]
fn a_presignature_signs_once_and_what_it_signs_verifies() {
    use lockstep_protocol::presignature::Presignature;

    let mut rng = rng(5);
    let key = SecretKey::random(&mut rng);
    let presignatures = Presignature::draw(&mut rng, 20).unwrap();
    assert_eq!(presignatures.len(), 20);
    let digest = Digest::from_bytes([7; 32]);
    let signatures: Vec<_> = presignatures.into_iter().map(|drawn| key.sign_with(drawn, &digest)).collect();
    for (place, signature) in signatures.iter().enumerate() {
        // Verifying refuses high-s, so half of a careless signer's would fail here.
        assert!(key.public_key().verify(&digest, signature).is_ok());
        assert!(!signatures[..place].contains(signature), "two signatures with one nonce");
        assert!(key.public_key().verify(&Digest::from_bytes([8; 32]), signature).is_err());
    }
    assert!(Presignature::draw(&mut rng, 0).unwrap().is_empty());
}
