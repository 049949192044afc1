//! Openings: who gets one, and that the same request always gets the same one.

use std::time::Duration;

use lockstep_protocol::amount::Amount;
use lockstep_protocol::opening::SignedRequest;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::units::Reputation;

use super::world::{CLIENT, VENDOR, World, bank_secret, proven, secret};
use crate::bank::books::ReserveError;
use crate::bank::opening::OpeningError;

fn refusal(error: OpeningError) -> Refusal {
    match error {
        OpeningError::Refused(refusal) | OpeningError::Reserve(ReserveError::Refused(refusal)) => refusal,
        other => panic!("not a refusal: {other}"),
    }
}

#[tokio::test]
async fn an_opening_reserves_its_total_and_the_same_request_gets_the_same_answer() {
    let mut world = World::new().await;
    let identity = world.join(CLIENT).await;
    world.join(VENDOR).await;
    world.deposit(CLIENT, 1_000, "cash").await;
    let first = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    world.set_time(first.opening.opening().terms().expiry);
    let again = world.bank.grant(&proven(CLIENT), first.request.clone()).await.unwrap();
    assert_eq!(again, first.opening);
    world.restart().await;
    let after_restart = world.bank.grant(&proven(CLIENT), first.request.clone()).await.unwrap();
    assert_eq!(after_restart, first.opening);
    let account = world.account(CLIENT).await;
    assert_eq!((account.balance, account.reserved), (Amount::from_micros(400), Amount::from_micros(600)));
    first.opening.verify(bank_secret().public_key(), super::world::DRIFT).unwrap();
}

#[tokio::test]
async fn a_used_nonce_or_payment_key_is_refused_in_another_request() {
    let world = World::new().await;
    let identity = world.join(CLIENT).await;
    world.join(VENDOR).await;
    world.deposit(CLIENT, 10_000, "cash").await;
    let first = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    let other = world.grant((CLIENT, identity), VENDOR, (11, 60), 1).await.err().unwrap();
    assert_eq!(refusal(other), Refusal::NonceUsed);
    let (fresh, _, _) = world.request((CLIENT, identity), VENDOR, (10, 60), 2);
    let mut request = fresh.request().clone();
    request.payment_key = first.request.request().payment_key;
    let key = lockstep_protocol::wallet_seed::WalletSeed::from_bytes([CLIENT; 32])
        .payment_key(&first.request.request().nonce);
    let reused = SignedRequest::sign(request, &secret(CLIENT), &key);
    let error = world.bank.grant(&proven(CLIENT), reused).await.unwrap_err();
    assert_eq!(refusal(error), Refusal::PaymentKeyUsed);
    assert_eq!(world.account(CLIENT).await.reserved, Amount::from_micros(600));
}

#[tokio::test]
async fn a_reputation_below_fifty_is_refused_and_fifty_is_not() {
    let world = World::new().await;
    let identity = world.join(CLIENT).await;
    world.join(VENDOR).await;
    world.deposit(CLIENT, 10_000, "cash").await;
    let cases = [
        (CLIENT, 49, Some(Refusal::ClientReputationTooLow)),
        (CLIENT, 50, None),
        (VENDOR, 0, Some(Refusal::VendorReputationTooLow)),
        (VENDOR, 50, None),
    ];
    for (serial, (party, points, expected)) in (1..).zip(cases) {
        let points = Reputation::from_points(points);
        world.bank.books().set_reputation(secret(party).public_key(), points, world.now()).await.unwrap();
        let granted = world.grant((CLIENT, identity), VENDOR, (10, 60), serial).await;
        assert_eq!(granted.map(|_| ()).map_err(refusal).err(), expected);
    }
}

#[tokio::test]
async fn what_the_rules_do_not_allow_is_refused_and_reserves_nothing() {
    let world = World::new().await;
    let identity = world.join(CLIENT).await;
    let foreign = world.join(VENDOR).await;
    world.deposit(CLIENT, 1_000, "cash").await;
    let dollar = 1_000_000;
    let unknown_vendor = world.grant((CLIENT, identity), 9, (1, 1), 1).await.err().unwrap();
    let not_its_own = world.grant((CLIENT, foreign), VENDOR, (1, 1), 2).await.err().unwrap();
    let too_much = world.grant((CLIENT, identity), VENDOR, (1, 1_001), 3).await.err().unwrap();
    let no_units = world.grant((CLIENT, identity), VENDOR, (0, 1), 4).await.err().unwrap();
    let too_dear = world.grant((CLIENT, identity), VENDOR, (1, 11 * dollar), 5).await.err().unwrap();
    let refusals = [unknown_vendor, not_its_own, too_much, no_units, too_dear].map(refusal);
    assert_eq!(
        refusals,
        [
            Refusal::UnknownVendor,
            Refusal::UnknownIdentity,
            Refusal::InsufficientFunds,
            Refusal::TokenCountOutOfRange,
            Refusal::UnitPriceOutOfRange,
        ]
    );
    assert_eq!(world.account(CLIENT).await.reserved, Amount::ZERO);
}

#[tokio::test]
async fn times_are_checked_by_the_banks_clock() {
    let world = World::new().await;
    let identity = world.join(CLIENT).await;
    world.join(VENDOR).await;
    world.deposit(CLIENT, 1_000, "cash").await;
    let base = world.request((CLIENT, identity), VENDOR, (1, 1), 1).0.request().clone();
    let seed = lockstep_protocol::wallet_seed::WalletSeed::from_bytes([CLIENT; 32]);
    let sign = |request| SignedRequest::sign(request, &secret(CLIENT), &seed.payment_key(&base.nonce));
    let hour = Duration::from_secs(3600);
    let mut too_long = base.clone();
    too_long.expiry = world.now().checked_add(hour * 2 + Duration::from_millis(1)).unwrap();
    let mut too_short = base.clone();
    too_short.expiry = base.open_by.checked_add(Duration::from_millis(119_999)).unwrap();
    let mut late = base.clone();
    late.open_by = world.now();
    let cases = [
        (too_long, Refusal::LifeTooLong),
        (too_short, Refusal::ExpiryTooEarly),
        (late, Refusal::OpenByOutOfRange),
    ];
    for (request, expected) in cases {
        let error = world.bank.grant(&proven(CLIENT), sign(request)).await.unwrap_err();
        assert_eq!(refusal(error), expected);
    }
    // The credentials of both have expired a day later.
    world.set_time(world.now().checked_add(hour * 24).unwrap());
    let (request, _, _) = world.request((CLIENT, identity), VENDOR, (1, 1), 1);
    let error = world.bank.grant(&proven(CLIENT), request).await.unwrap_err();
    assert_eq!(refusal(error), Refusal::CredentialExpired);
    let fresh = world.join(CLIENT).await;
    let error = world.grant((CLIENT, fresh), VENDOR, (1, 1), 1).await.err().unwrap();
    assert_eq!(refusal(error), Refusal::VendorWithoutCredential);
}

#[tokio::test]
async fn a_request_that_its_sender_did_not_sign_is_refused() {
    let world = World::new().await;
    let identity = world.join(CLIENT).await;
    world.join(VENDOR).await;
    world.deposit(CLIENT, 1_000, "cash").await;
    let (request, _, _) = world.request((CLIENT, identity), VENDOR, (1, 1), 1);
    let stranger = world.bank.grant(&proven(VENDOR), request.clone()).await.unwrap_err();
    assert_eq!(refusal(stranger), Refusal::BadAccountSignature);
    let swapped = SignedRequest::from_parts(
        request.request().clone(),
        *request.account_signature(),
        *request.account_signature(),
    );
    let error = world.bank.grant(&proven(CLIENT), swapped).await.unwrap_err();
    assert_eq!(refusal(error), Refusal::BadPaymentKeySignature);
    let mut elsewhere = request.request().clone();
    elsewhere.bank_key = *secret(VENDOR).public_key();
    let elsewhere = SignedRequest::sign(elsewhere, &secret(CLIENT), &secret(7));
    let error = world.bank.grant(&proven(CLIENT), elsewhere).await.unwrap_err();
    assert_eq!(refusal(error), Refusal::OtherBank);
}
