//! Credentials from their holder's side: how it comes to a new one by itself [Spec §3].
//!
//! A bank whose books were restored has forgotten the newest credentials. Openings that name a client's are refused
//! then, before anything is reserved, and the client asks once more; a vendor, whose openings others ask for, looks
//! from time to time whether the bank has one of its own in date.

use lockstep_protocol::hash::IdentityRoot;
use lockstep_protocol::key::SecretKey;
use lockstep_protocol::refusal::Refusal;

use super::client::{BankClient, BankError};
use super::wire::{HeldCredential, IssuedCredential};

/// Whether the holder should take a new credential: the bank has none in date, or the newest has half of its life
/// behind it. The bank's clock counts: one that is off would have the holder take one after the other.
#[must_use]
pub fn is_due(held: &HeldCredential) -> bool {
    held.newest.is_none_or(|newest| {
        let (life, age) = (newest.expires.distance(newest.issued), held.time.distance(newest.issued));
        held.time > newest.issued && age >= life / 2
    })
}

/// Takes a new credential if one is due; `None`: none is.
///
/// # Errors
/// [`BankError`].
pub async fn renew_if_due(bank: &BankClient, key: &SecretKey) -> Result<Option<IssuedCredential>, BankError> {
    if is_due(&bank.held_credential(key).await?) {
        return bank.credential(key, None).await.map(Some);
    }
    Ok(None)
}

/// Whether a bank refuses an opening because of the client's credential alone.
#[must_use]
pub fn is_about_credential(refusal: Option<Refusal>) -> bool {
    matches!(refusal, Some(Refusal::UnknownIdentity | Refusal::CredentialExpired))
}

/// Asks under an identity, and once more under the one that `renew` gives if the bank refuses the first as such.
///
/// # Errors
/// That of the last question, or of `renew`.
pub async fn ask_under_identity<T, E>(
    kept: IdentityRoot,
    refusal: impl Fn(&E) -> Option<Refusal>,
    renew: impl AsyncFnOnce() -> Result<IdentityRoot, E>,
    ask: impl AsyncFn(IdentityRoot) -> Result<T, E>,
) -> Result<T, E> {
    match ask(kept).await {
        Err(error) if is_about_credential(refusal(&error)) => ask(renew().await?).await,
        answer => answer,
    }
}
