//! What the client asks the bank for, and what the bank makes of it [Spec §4].

use serde::{Deserialize, Serialize};

use super::fields::{Opening, OpeningTerms, SignedOpening};
use crate::amount::Amount;
use crate::hash::{Digest, Hasher, IdentityRoot, LedgerId, MemoHash, Nonce, Token};
use crate::key::{PublicKey, SecretKey};
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::time::{MaxDrift, Timestamp};
use crate::units::{Reputation, Units};

/// What a client asks for. Plain data; [`SignedRequest::verify`] says who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpeningRequest {
    /// The ledger on which the channel is to open.
    pub ledger: LedgerId,
    /// The client's fresh number.
    pub nonce: Nonce,
    /// The bank that is asked.
    pub bank_key: PublicKey,
    /// The client's account with it.
    pub account_key: PublicKey,
    /// The fresh payment key of the channel.
    pub payment_key: PublicKey,
    /// Who is to be paid.
    pub vendor_key: PublicKey,
    /// 𝕆 of the client: the root of one of its own unexpired credentials.
    pub client_identity: IdentityRoot,
    /// u.
    pub unit_price: Amount,
    /// N.
    pub token_count: Units,
    /// f₀.
    pub token_root: Token,
    /// The latest time for `Open`.
    pub open_by: Timestamp,
    /// From when the client may be refunded.
    pub expiry: Timestamp,
    /// Hash of the channel's memo.
    pub memo_hash: MemoHash,
}

/// The first field in which an opening is not what the client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bank's opening differs from the request in {field}")]
pub struct OpeningMismatch {
    /// Name of the field, as in [`OpeningTerms`].
    pub field: &'static str,
}

impl OpeningRequest {
    /// What account key and payment key sign.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let hash = Hasher::new("request")
            .bytes(self.ledger.as_bytes())
            .bytes(self.nonce.as_bytes())
            .bytes(self.bank_key.as_bytes())
            .bytes(self.account_key.as_bytes())
            .bytes(self.payment_key.as_bytes())
            .bytes(self.vendor_key.as_bytes())
            .bytes(self.client_identity.as_bytes())
            .u64(self.unit_price.as_micros())
            .u32(self.token_count.as_count())
            .bytes(self.token_root.as_bytes())
            .u64(self.open_by.as_unix_millis())
            .u64(self.expiry.as_unix_millis())
            .bytes(self.memo_hash.as_bytes());
        Digest::from_bytes(hash.finish())
    }

    /// The client's check of every field of Tx₀ against its request, before `Open` [Spec §4].
    ///
    /// # Errors
    /// [`OpeningMismatch`] naming the first field that differs.
    pub fn check_answer(&self, opening: &Opening) -> Result<(), OpeningMismatch> {
        let t = opening.terms();
        let checks = [
            ("ledger", t.ledger == self.ledger),
            ("nonce", t.nonce == self.nonce),
            ("bank_key", t.bank_key == self.bank_key),
            ("client_key", t.client_key == self.payment_key),
            ("vendor_key", t.vendor_key == self.vendor_key),
            ("client_identity", t.client_identity == self.client_identity),
            ("total", self.unit_price.checked_mul(self.token_count) == Ok(t.total)),
            ("unit_price", t.unit_price == self.unit_price),
            ("token_count", t.token_count == self.token_count),
            ("token_root", t.token_root == self.token_root),
            ("open_by", t.open_by == self.open_by),
            ("expiry", t.expiry == self.expiry),
            ("memo_hash", t.memo_hash == self.memo_hash),
        ];
        match checks.into_iter().find(|(_, equal)| !equal) {
            Some((field, _)) => Err(OpeningMismatch { field }),
            None => Ok(()),
        }
    }
}

/// A request with its two signatures as received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRequest {
    request: OpeningRequest,
    account_signature: Signature,
    payment_signature: Signature,
}

impl SignedRequest {
    /// Signs a request with the account key and the payment key.
    #[must_use]
    pub fn sign(request: OpeningRequest, account: &SecretKey, payment: &SecretKey) -> Self {
        let digest = request.digest();
        Self { account_signature: account.sign(&digest), payment_signature: payment.sign(&digest), request }
    }

    /// Puts a received request together.
    #[must_use]
    pub const fn from_parts(
        request: OpeningRequest,
        account_signature: Signature,
        payment_signature: Signature,
    ) -> Self {
        Self { request, account_signature, payment_signature }
    }

    /// The request as received.
    #[must_use]
    pub const fn request(&self) -> &OpeningRequest {
        &self.request
    }

    /// The account key's signature as received.
    #[must_use]
    pub const fn account_signature(&self) -> &Signature {
        &self.account_signature
    }

    /// The payment key's signature as received.
    #[must_use]
    pub const fn payment_signature(&self) -> &Signature {
        &self.payment_signature
    }

    /// The bank's check that the request is for it and that both keys signed it.
    ///
    /// # Errors
    /// [`Refusal::OtherBank`], [`Refusal::OtherLedger`], [`Refusal::KeysNotDistinct`], [`Refusal::BadAccountSignature`],
    /// [`Refusal::BadPaymentKeySignature`].
    pub fn verify(self, bank: &PublicKey, ledger: &LedgerId) -> Result<VerifiedRequest, Refusal> {
        if self.request.bank_key != *bank {
            return Err(Refusal::OtherBank);
        }
        if self.request.ledger != *ledger {
            return Err(Refusal::OtherLedger);
        }
        // The specification says only that the payment key is fresh; the account key is not, and would be shown on the ledger.
        if self.request.payment_key == self.request.account_key {
            return Err(Refusal::KeysNotDistinct);
        }
        let digest = self.request.digest();
        let account = &self.request.account_key;
        account.verify(&digest, &self.account_signature).map_err(|_| Refusal::BadAccountSignature)?;
        let payment = &self.request.payment_key;
        payment.verify(&digest, &self.payment_signature).map_err(|_| Refusal::BadPaymentKeySignature)?;
        Ok(VerifiedRequest { signed: self, digest })
    }
}

/// A request that both its keys signed; made by [`SignedRequest::verify`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRequest {
    signed: SignedRequest,
    digest: Digest,
}

/// What the bank adds to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// 𝕆 of the vendor: the root of its newest unexpired credential.
    pub vendor_identity: IdentityRoot,
    /// The client's reputation now.
    pub client_reputation: Reputation,
    /// The vendor's reputation now.
    pub vendor_reputation: Reputation,
    /// ts₀, the bank's clock.
    pub opened: Timestamp,
}

impl VerifiedRequest {
    /// The request.
    #[must_use]
    pub const fn request(&self) -> &OpeningRequest {
        &self.signed.request
    }

    /// The request with its signatures, for the bank's log.
    #[must_use]
    pub const fn as_signed(&self) -> &SignedRequest {
        &self.signed
    }

    /// Equal digests are the same request, which gets the same Tx₀ again [Spec §4].
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// F = u·N, which the bank reserves before it signs.
    ///
    /// # Errors
    /// [`Refusal::TotalMismatch`] when it does not fit.
    pub fn total(&self) -> Result<Amount, Refusal> {
        let request = self.request();
        request.unit_price.checked_mul(request.token_count).map_err(|_| Refusal::TotalMismatch)
    }

    /// Makes Tx₀ with the bank's additions and checks the rules; not signed yet.
    ///
    /// # Errors
    /// [`Refusal::ClientReputationTooLow`], [`Refusal::VendorReputationTooLow`], or the 4xx of the first rule broken.
    pub fn opening(&self, approval: Approval, drift: MaxDrift) -> Result<Opening, Refusal> {
        // [Spec §9] an opening needs 50 of both parties; the paper names the reason.
        if !approval.client_reputation.admits_opening() {
            return Err(Refusal::ClientReputationTooLow);
        }
        if !approval.vendor_reputation.admits_opening() {
            return Err(Refusal::VendorReputationTooLow);
        }
        let r = self.request();
        let opening = Opening::new(OpeningTerms {
            ledger: r.ledger,
            nonce: r.nonce,
            bank_key: r.bank_key,
            client_key: r.payment_key,
            vendor_key: r.vendor_key,
            client_identity: r.client_identity,
            vendor_identity: approval.vendor_identity,
            total: self.total()?,
            unit_price: r.unit_price,
            token_count: r.token_count,
            token_root: r.token_root,
            client_reputation: approval.client_reputation,
            vendor_reputation: approval.vendor_reputation,
            opened: approval.opened,
            open_by: r.open_by,
            expiry: r.expiry,
            memo_hash: r.memo_hash,
        });
        opening.check_rules(drift)?;
        Ok(opening)
    }

    /// [`Self::opening`], signed at once. For tests and tools; a bank makes reserve, Tx₀ and σ₀ in one transaction.
    ///
    /// # Errors
    /// As [`Self::opening`].
    pub fn approve(
        &self,
        approval: Approval,
        drift: MaxDrift,
        bank: &SecretKey,
    ) -> Result<SignedOpening, Refusal> {
        self.opening(approval, drift).map(|opening| SignedOpening::sign(opening, bank))
    }
}
