//! Holders come to new credentials by themselves when the bank's books have forgotten the old ones [Spec §3].

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use lockstep_protocol::hash::IdentityRoot;
use lockstep_protocol::refusal::Refusal;
use tokio_util::sync::CancellationToken;

use super::served::Served;
use super::world::{CLIENT, DRIFT, START, VENDOR, World, secret, time};
use crate::bank::client::BankError;
use crate::bank::renewal::{ask_under_identity, is_due, renew_if_due};
use crate::bank::wire::{HeldCredential, IssuedCredential, Validity};
use crate::cli::vendor::renewal::Renewal;
use crate::home::Home;
use crate::party::CREDENTIAL_FILE;

/// As books from before the credentials were taken.
async fn forget_credentials(world: &World) {
    let mut tx = world.bank.books().write().await.unwrap();
    sqlx::query("DELETE FROM credentials").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

#[test]
fn a_credential_is_due_when_there_is_none_or_half_of_its_life_is_over() {
    let newest = |issued, expires| {
        let identity = IdentityRoot::from_bytes([1; 32]);
        Some(Validity { identity, issued: time(issued), expires: time(expires) })
    };
    for (newest, due) in [
        (None, true),
        (newest(START, START + 1_000), false),
        (newest(START - 499, START + 501), false),
        (newest(START - 500, START + 500), true),
        // The bank's clock was set back.
        (newest(START + 900, START + 1_000), false),
    ] {
        assert_eq!(is_due(&HeldCredential { newest, time: time(START) }), due, "{newest:?}");
    }
}

#[tokio::test]
async fn a_client_whose_credential_the_bank_has_forgotten_asks_once_more_under_a_new_one() {
    let served = Served::new().await;
    let (bank, world) = (served.client(), &served.world);
    let kept = world.join(CLIENT).await;
    world.join(VENDOR).await;
    world.deposit(CLIENT, 1_000, "cash").await;
    forget_credentials(world).await;
    world.join(VENDOR).await;
    let asked = RefCell::new(Vec::new());
    let ask = async |units, identity| {
        asked.borrow_mut().push(identity);
        let (request, _, _) = world.request((CLIENT, identity), VENDOR, (units, 60), 1);
        bank.request_opening(&secret(CLIENT), &request, DRIFT).await
    };
    let renew = async || {
        let issued: IssuedCredential = bank.credential(&secret(CLIENT), None).await?;
        Ok(*issued.credential.root())
    };
    let opening =
        ask_under_identity(kept, BankError::refusal, renew, async |identity| ask(10, identity).await);
    let opening = opening.await.unwrap();
    let identities = asked.take();
    assert_eq!((identities.len(), identities[0]), (2, kept));
    assert_eq!(opening.opening().terms().client_identity, identities[1]);
    assert_eq!(world.account(CLIENT).await.reserved.as_micros(), 600);

    // Another refusal is not asked again, and an identity that is refused twice is refused.
    let poor = ask_under_identity(identities[1], BankError::refusal, renew, async |identity| {
        ask(100, identity).await
    });
    assert_eq!(poor.await.unwrap_err().refusal(), Some(Refusal::NonceUsed));
    assert_eq!(asked.take().len(), 1);
    let never = async |identity| {
        asked.borrow_mut().push(identity);
        Err::<(), _>(BankError::Refused(Refusal::UnknownIdentity))
    };
    let error = ask_under_identity(kept, BankError::refusal, renew, never).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::UnknownIdentity));
    assert_eq!(asked.take().len(), 2);
    served.stop().await;
}

#[tokio::test]
async fn a_vendor_takes_a_new_credential_when_the_bank_has_none_and_at_half_of_its_life() {
    let served = Served::new().await;
    let (bank, world) = (served.client(), &served.world);
    let vendor = secret(VENDOR);
    let error = renew_if_due(&bank, &vendor).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::UnknownAccount));
    let (identity, first) = (world.join(CLIENT).await, world.join(VENDOR).await);
    world.deposit(CLIENT, 1_000, "cash").await;
    assert!(renew_if_due(&bank, &vendor).await.unwrap().is_none());
    assert_eq!(bank.held_credential(&vendor).await.unwrap().newest.unwrap().identity, first);

    forget_credentials(world).await;
    let identity_again = world.join(CLIENT).await;
    assert_ne!(identity_again, identity);
    let none = world.grant((CLIENT, identity_again), VENDOR, (1, 60), 1).await.err().unwrap();
    assert!(none.to_string().contains("The vendor holds no unexpired credential"), "{none}");
    let issued = renew_if_due(&bank, &vendor).await.unwrap().unwrap();
    let granted = world.grant((CLIENT, identity_again), VENDOR, (1, 60), 1).await.unwrap();
    assert_eq!(granted.opening.opening().terms().vendor_identity, *issued.credential.root());

    let life = issued.credential.expires().distance(issued.credential.issued());
    world.set_time(issued.credential.issued().checked_add(life / 2 - Duration::from_millis(1)).unwrap());
    assert!(renew_if_due(&bank, &vendor).await.unwrap().is_none());
    world.set_time(issued.credential.issued().checked_add(life / 2).unwrap());
    assert!(renew_if_due(&bank, &vendor).await.unwrap().is_some());
    assert!(renew_if_due(&bank, &vendor).await.unwrap().is_none());
    served.stop().await;
}

#[tokio::test]
async fn a_serving_vendor_keeps_its_credential_in_date_and_outlives_the_bank() {
    let served = Served::new().await;
    let home = Home::create(&served.world.folder.path().join("vendor")).unwrap();
    served.world.join(VENDOR).await;
    forget_credentials(&served.world).await;
    let stop = CancellationToken::new();
    let renewal = Renewal { home: home.clone(), bank: Arc::new(served.client()), key: secret(VENDOR) };
    let renewing = tokio::spawn(renewal.run(Duration::from_millis(5), stop.clone()));
    let kept = async |not: &str| {
        loop {
            match std::fs::read_to_string(home.path(CREDENTIAL_FILE)) {
                Ok(text) if text != not => break text,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let first = tokio::time::timeout(Duration::from_secs(10), kept("")).await.unwrap();
    forget_credentials(&served.world).await;
    let second = tokio::time::timeout(Duration::from_secs(10), kept(&first)).await.unwrap();
    assert!(serde_json::from_str::<IssuedCredential>(&second).is_ok());
    served.stop().await;
    tokio::task::yield_now().await;
    assert!(!renewing.is_finished());
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), renewing).await.unwrap().unwrap();
}
