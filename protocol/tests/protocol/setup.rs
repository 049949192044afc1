//! Accounts, credentials, requests and openings between bank, client and vendor [Spec §3, §4].

use lockstep_protocol::account::AccountProof;
use lockstep_protocol::credential::{Attribute, AttributeSet, Credential, CredentialError, Disclosure};
use lockstep_protocol::opening::{Approval, OpeningTerms, SignedOpening, SignedRequest};
use lockstep_protocol::{
    Amount, Challenge, LedgerId, MemoHash, Nonce, Refusal, Reputation, Salt, SecretKey, Token,
};

use crate::scene::{OPENED, Scene, approval, at, drift, refused, rng, text, units};

#[test]
fn an_account_proof_answers_one_bank_and_one_challenge() {
    let mut rng = rng(41);
    let (bank, key) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let (challenge, other) = (Challenge::random(&mut rng), Challenge::random(&mut rng));
    let proof = AccountProof::sign(&key, bank.public_key(), &challenge);
    assert_eq!(proof.verify(bank.public_key(), &challenge).unwrap().key(), key.public_key());
    assert!(proof.verify(bank.public_key(), &other).is_err());
    assert!(proof.verify(key.public_key(), &challenge).is_err());
    let stolen = AccountProof::from_parts(*bank.public_key(), *proof.signature());
    assert!(stolen.verify(bank.public_key(), &challenge).is_err());
}

fn attribute(name: &str, value: &str, salt: u8) -> Attribute {
    Attribute { name: text(name), value: text(value), salt: Salt::from_bytes([salt; 32]) }
}

#[test]
fn a_credential_shows_what_the_holder_wants_and_no_more() {
    let mut rng = rng(42);
    let (bank, key) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let challenge = Challenge::random(&mut rng);
    let proof = AccountProof::sign(&key, bank.public_key(), &challenge);
    let holder = proof.verify(bank.public_key(), &challenge).unwrap();
    let all = [attribute("name", "Zoë", 1), attribute("over_18", "true", 2)];
    let set = AttributeSet::of(&all).unwrap();
    let credential = Credential::issue(&bank, &holder, &set, at(OPENED), at(OPENED + 1000));

    let shown = Disclosure::new(credential.clone(), set.clone(), vec![all[1].clone()]).unwrap();
    let json = serde_json::to_string(&shown).unwrap();
    assert!(!json.contains("Zoë") && json.contains("over_18"));
    let received: Disclosure = serde_json::from_str(&json).unwrap();
    assert_eq!(received.verify(bank.public_key(), at(OPENED)).unwrap(), &all[1..]);

    let expired = received.verify(bank.public_key(), at(OPENED + 1000));
    assert_eq!(expired, Err(CredentialError::Expired { expires: at(OPENED + 1000) }));
    // A verifier whose clock is a little behind the bank's takes it all the same.
    assert!(received.verify(bank.public_key(), at(OPENED - 1)).is_ok());
    assert!(!format!("{received:?}").contains("true"), "an attribute's value is its holder's to show");
    assert_eq!(received.verify(key.public_key(), at(OPENED)), Err(CredentialError::Signature));
    let forged = json.replace("true", "false");
    let forged: Disclosure = serde_json::from_str(&forged).unwrap();
    assert_eq!(forged.verify(bank.public_key(), at(OPENED)), Err(CredentialError::Attribute));
    let other = AttributeSet::of(&all[..1]).unwrap();
    assert_eq!(Disclosure::new(credential, other, vec![]), Err(CredentialError::Root));
}

#[test]
fn attribute_sets_are_bounded_and_their_order_does_not_count() {
    assert!(AttributeSet::of(&[]).is_err());
    assert!(AttributeSet::of(&[attribute("a", "1", 1), attribute("a", "2", 2)]).is_err());
    let many: Vec<_> = (0..65).map(|n| attribute(&n.to_string(), "x", 1)).collect();
    assert!(AttributeSet::of(&many).is_err() && AttributeSet::of(&many[..64]).is_ok());
    let reversed: Vec<_> = many[..64].iter().rev().cloned().collect();
    assert_eq!(AttributeSet::of(&many[..64]).unwrap().root(), AttributeSet::of(&reversed).unwrap().root());
}

#[test]
fn a_request_needs_both_keys_this_bank_and_this_ledger() {
    let scene = Scene::new();
    let (bank, ledger) = (scene.bank.public_key(), &scene.ledger);
    let request = || scene.request.clone();
    assert!(request().verify(bank, ledger).is_ok());
    assert_eq!(refused(request().verify(scene.vendor.public_key(), ledger)), Refusal::OtherBank);
    let elsewhere = LedgerId::of(&text("payments"), &text("other"));
    assert_eq!(refused(request().verify(bank, &elsewhere)), Refusal::OtherLedger);

    let change = |field: &str, value: serde_json::Value| {
        let mut document = serde_json::to_value(request()).unwrap();
        document[field] = value;
        serde_json::from_value::<SignedRequest>(document).unwrap()
    };
    let mut one_key = scene.request.request().clone();
    one_key.payment_key = one_key.account_key;
    let one_key = SignedRequest::sign(one_key, &scene.account, &scene.account);
    assert_eq!(refused(one_key.verify(bank, ledger)), Refusal::KeysNotDistinct);
    let signature = serde_json::to_value(scene.request.payment_signature()).unwrap();
    let swapped = change("account_signature", signature.clone());
    assert_eq!(refused(swapped.verify(bank, ledger)), Refusal::BadAccountSignature);
    let account = serde_json::to_value(scene.request.account_signature()).unwrap();
    let swapped = change("payment_signature", account);
    assert_eq!(refused(swapped.verify(bank, ledger)), Refusal::BadPaymentKeySignature);
}

#[test]
fn the_bank_refuses_low_reputations_with_the_reason() {
    let scene = Scene::new();
    let verified = scene.request.clone().verify(scene.bank.public_key(), &scene.ledger).unwrap();
    let low = Reputation::from_points(49);
    let client = Approval { client_reputation: low, ..approval() };
    let vendor = Approval { vendor_reputation: low, ..approval() };
    assert_eq!(refused(verified.approve(client, drift(), &scene.bank)), Refusal::ClientReputationTooLow);
    assert_eq!(refused(verified.approve(vendor, drift(), &scene.bank)), Refusal::VendorReputationTooLow);
    assert!(verified.approve(approval(), drift(), &scene.bank).is_ok());
    assert_eq!(verified.total().unwrap(), Amount::from_micros(1_000_000));
}

#[test]
fn reputations_stay_within_their_bounds() {
    let points = Reputation::from_points;
    assert_eq!(points(100).after_fraud(), points(40));
    assert_eq!(points(59).after_fraud(), points(0));
    assert_eq!(points(15).after_failed_delivery(), points(0));
    assert_eq!(points(99).after_clean_settlement(), points(100));
    assert_eq!(points(100).after_clean_settlement(), points(100));
}

#[test]
fn the_client_finds_any_field_that_the_bank_changed() {
    let scene = Scene::new();
    let request = scene.request.request();
    assert_eq!(request.check_answer(scene.signed.opening()), Ok(()));
    let find = |change: fn(&mut OpeningTerms)| {
        request.check_answer(scene.signed_with(change).opening()).unwrap_err().field
    };
    assert_eq!(find(|t| t.ledger = LedgerId::from_bytes([0; 32])), "ledger");
    assert_eq!(find(|t| t.nonce = Nonce::from_bytes([0; 32])), "nonce");
    assert_eq!(find(|t| t.bank_key = t.vendor_key), "bank_key");
    assert_eq!(find(|t| t.client_key = t.vendor_key), "client_key");
    assert_eq!(find(|t| t.vendor_key = t.client_key), "vendor_key");
    assert_eq!(find(|t| t.client_identity = t.vendor_identity), "client_identity");
    assert_eq!(find(|t| t.total = Amount::from_micros(1)), "total");
    assert_eq!(find(|t| t.unit_price = Amount::from_micros(1)), "unit_price");
    assert_eq!(find(|t| t.token_count = units(99)), "token_count");
    assert_eq!(find(|t| t.token_root = Token::from_bytes([0; 32])), "token_root");
    assert_eq!(find(|t| t.open_by = t.opened), "open_by");
    assert_eq!(find(|t| t.expiry = t.opened), "expiry");
    assert_eq!(find(|t| t.memo_hash = MemoHash::from_bytes([0; 32])), "memo_hash");
    // What the bank adds is its own to say.
    let added = scene.signed_with(|t| t.client_reputation = Reputation::from_points(77));
    assert_eq!(request.check_answer(added.opening()), Ok(()));
}

#[test]
fn an_opening_is_trusted_for_the_pinned_bank_only() {
    let scene = Scene::new();
    assert!(scene.signed.clone().verify(scene.bank.public_key(), drift()).is_ok());
    let other = scene.signed.clone().verify(scene.vendor.public_key(), drift());
    assert_eq!(refused(other), Refusal::OtherBank);
    let forged = SignedOpening::sign(scene.signed.opening().clone(), &scene.account);
    assert_eq!(refused(forged.verify(scene.bank.public_key(), drift())), Refusal::BadBankSignature);
}
