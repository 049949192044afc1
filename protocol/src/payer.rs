//! The client's side of a channel, one struct per phase [Spec §6, §7].
//!
//! ```text
//! Resuming ── reconcile ──► Paying ── pay ──► Paying ── release ──► Released
//!     └──────────────┬───────────────────────────────┘
//!                    └──► Poisoned: it never signs on that channel again
//! ```
//!
//! The caller makes every [`Payment`] durable before it sends it, marks the channel released before it sends σ_n, and marks it
//! poisoned before it does anything else. A client restarts from the wallet's seed, the record, and the [`State`] of its journal:
//! RFC 6979 gives the same σ_n again, and what a presignature made stands in the state [Spec §2].

mod state;

use std::fmt;

pub use self::state::State;
use crate::amount::PAYMENT_LIMIT;
use crate::hash::{ChannelId, Digest};
use crate::key::SecretKey;
use crate::ledger::{ChannelRecord, ChannelState};
use crate::lock::Lock;
use crate::memo::Memo;
use crate::opening::{Opening, SignedOpening};
use crate::payment::{Ack, Head, Payment, PaymentFields};
use crate::presignature::Presignature;
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::time::Timestamp;
use crate::token_chain::TokenChain;
use crate::units::{PaymentNumber, Units};
use crate::wallet_seed::WalletSeed;

/// Why a channel cannot be paid on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPayable {
    /// The ledger does not show it open.
    #[error("the channel is {found} on the ledger, not open")]
    State {
        /// What the ledger shows.
        found: ChannelState,
    },
    /// The ledger's record is not the opening that the bank gave.
    #[error("the ledger's record is not the opening that the bank gave")]
    OtherOpening,
    /// The record's σ₀ does not verify.
    #[error(transparent)]
    Refused(Refusal),
    /// The wallet's seed gives another payment key or another token chain.
    #[error("the wallet's seed does not belong to this channel")]
    OtherSeed,
    /// The journal's head is of another channel, or beyond this one's end, or the signature stored with it is not on it.
    #[error("the journal's head is not of this channel")]
    OtherHead,
}

/// Why a payment was not made. Nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayError {
    /// No unit at all.
    #[error("a payment moves one unit at least")]
    NoUnits,
    /// More than ten dollars at once.
    #[error("a payment moves ten dollars at most")]
    AboveLimit,
    /// Fewer units are left.
    #[error("the channel has {} units left", left.as_count())]
    Exhausted {
        /// What is left.
        left: Units,
    },
}

/// The vendor remembers another last payment than this wallet made: the wallet never signs on that channel again [Spec §6].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the vendor's last payment is not in this wallet's journal; it never signs on this channel again")]
pub struct Poisoned {
    /// The channel.
    pub channel: ChannelId,
    /// What the vendor showed.
    pub vendor: Ack,
}

/// Why nothing was released. Nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The vendor has no payment: there is nothing to release, and the phase goes on.
    #[error("the vendor has no payment to release")]
    NothingToRelease(Box<Paying>),
    /// The vendor names a payment that this wallet did not make; the phase is gone.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// The journal's signature is not on the payment to be released: it would unlock nothing, and another one neither.
    #[error("the signature that the journal has of the released payment does not verify")]
    OtherSignature,
}

/// A channel taken up from the journal. Nothing is signed before the vendor's last payment was compared with it [Spec §6].
#[derive(Debug)]
#[must_use]
pub struct Resuming(Paying);

/// The phase in which payments are made. Prints without its secrets: key, tokens and σ_n.
pub struct Paying {
    opening: Opening,
    key: SecretKey,
    chain: TokenChain,
    head: Head,
    /// σ_n of the head; σ₀ before any payment. Stays here until the release.
    signature: Signature,
    /// Whether RFC 6979 gives σ_n again.
    presigned: bool,
}

impl Resuming {
    /// Takes a channel up from its journal's state, which is [`Head::start`] before any payment. `record` is what the client's own peer
    /// shows; `given` is what the bank gave, after the client checked it against its request and σ₀ with it. The σ₀ that is locked is
    /// the record's [Spec §4], which is checked if it is not the given one.
    ///
    /// # Errors
    /// [`NotPayable`].
    pub fn new(
        record: &ChannelRecord,
        given: &SignedOpening,
        seed: &WalletSeed,
        state: impl Into<State>,
    ) -> Result<Self, NotPayable> {
        let State { head, signature: stored } = state.into();
        if record.state() != ChannelState::Open {
            return Err(NotPayable::State { found: record.state() });
        }
        if record.opening() != given.opening() {
            return Err(NotPayable::OtherOpening);
        }
        if record.bank_signature() != given.bank_signature() {
            record.signed_opening().check_signature().map_err(NotPayable::Refused)?;
        }
        let opening = record.opening().clone();
        let terms = opening.terms();
        let key = seed.payment_key(&terms.nonce);
        let mut chain = TokenChain::new(terms.nonce, &seed.chain_seed(&terms.nonce), terms.token_count)
            .map_err(|_| NotPayable::OtherSeed)?;
        if *key.public_key() != terms.client_key || chain.root() != terms.token_root {
            return Err(NotPayable::OtherSeed);
        }
        // Every payment moves a unit at least, and the head's token is this chain's.
        let ours = head.channel() == opening.channel_id()
            && head.number().as_index() <= head.released().as_count()
            && chain.token(head.released()).as_ref() == Ok(head.token());
        if !ours {
            return Err(NotPayable::OtherHead);
        }
        let signature = match stored {
            Some(stored) if verifies(&key, &head.ack(), &stored) => stored,
            Some(_) => return Err(NotPayable::OtherHead),
            None if head.number() == PaymentNumber::OPENING => *record.bank_signature(),
            None => key.sign(&head.tx().as_digest()),
        };
        Ok(Self(Paying { opening, key, chain, head, signature, presigned: stored.is_some() }))
    }

    /// The journal's head.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.0.head
    }

    /// At a new stream: compares the vendor's last payment with the journal. `journal` is the journal's payment of the vendor's number,
    /// `None` if it has none or the number is 0. The payments behind it are to be sent again, as they are.
    ///
    /// # Errors
    /// [`Poisoned`] when they differ; the phase is gone.
    pub fn reconcile(self, vendor: &Ack, journal: Option<&Payment>) -> Result<Paying, Poisoned> {
        if self.0.remembers(vendor, journal) {
            Ok(self.0)
        } else {
            Err(Poisoned { channel: self.0.head.channel(), vendor: *vendor })
        }
    }
}

impl Paying {
    /// The head: what the next payment continues.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// What the journal keeps to go on from here.
    #[must_use]
    pub fn state(&self) -> State {
        State { head: self.head, signature: self.presigned.then_some(self.signature) }
    }

    /// The channel's opening.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The units not yet paid.
    #[must_use]
    pub fn left(&self) -> Units {
        self.opening.terms().token_count.checked_sub(self.head.released()).unwrap_or_default()
    }

    /// Makes payment n+1: signs it by RFC 6979 and locks σ_n under its signature. The caller saves it before it sends it.
    ///
    /// # Errors
    /// [`PayError`]; nothing was signed and nothing changed.
    #[must_use = "a payment that was signed must be saved: its number is never signed differently"]
    pub fn pay(&mut self, units: Units, memo: Memo, now: Timestamp) -> Result<Payment, PayError> {
        let payment = self.make(units, memo, now, SecretKey::sign)?;
        self.presigned = false;
        Ok(payment)
    }

    /// Makes payment n+1 with a presignature [Spec §2]. The caller saves [`Self::state`] with the payment, before it sends it: σ_n
    /// cannot be made again, and without it the channel can be neither released nor paid on.
    ///
    /// # Errors
    /// [`PayError`]; nothing was signed and nothing changed, but the presignature is gone.
    #[must_use = "a payment that was signed must be saved: its number is never signed differently"]
    pub fn pay_presigned(
        &mut self,
        presignature: Presignature,
        units: Units,
        memo: Memo,
        now: Timestamp,
    ) -> Result<Payment, PayError> {
        let payment = self.make(units, memo, now, |key, digest| key.sign_with(presignature, digest))?;
        self.presigned = true;
        Ok(payment)
    }

    fn make(
        &mut self,
        units: Units,
        memo: Memo,
        now: Timestamp,
        sign: impl FnOnce(&SecretKey, &Digest) -> Signature,
    ) -> Result<Payment, PayError> {
        if units == Units::ZERO {
            return Err(PayError::NoUnits);
        }
        let exhausted = PayError::Exhausted { left: self.left() };
        let released = self.head.released().checked_add(units).ok_or(exhausted)?;
        let number = self.head.number().next().ok_or(exhausted)?;
        let token = self.chain.token(released).map_err(|_| exhausted)?;
        if !self.opening.worth(units).is_ok_and(|amount| amount <= PAYMENT_LIMIT) {
            return Err(PayError::AboveLimit);
        }
        let fields = PaymentFields {
            channel: self.head.channel(),
            previous: self.head.tx(),
            number,
            units,
            released,
            token,
            // A clock that runs backwards must not give a payment that the vendor refuses.
            ts: now.max(self.head.ts()),
            memo_hash: memo.hash(),
            previous_lock: *self.head.lock(),
        };
        let tx = fields.tx();
        let signature = sign(&self.key, &tx.as_digest());
        let lock = Lock::seal(&self.signature, &signature);
        let payment = Payment::from_parts(fields, tx, lock, memo);
        self.head = Head::after(&payment);
        self.signature = signature;
        Ok(payment)
    }

    fn remembers(&self, vendor: &Ack, journal: Option<&Payment>) -> bool {
        if *vendor == self.head.ack() || *vendor == Head::start(&self.opening).ack() {
            return true;
        }
        vendor.number < self.head.number()
            && journal.is_some_and(|own| own.ack() == *vendor && own.fields().channel == self.head.channel())
    }

    /// Releases σ_n for the vendor's last payment, which the client compares as in [`Resuming::reconcile`]. Nothing is paid any more.
    /// `stored` is the signature that the journal has of a payment before the head, if a presignature made it.
    ///
    /// # Errors
    /// [`ReleaseError`]; for a vendor without any payment it holds this phase.
    pub fn release(
        self,
        vendor: &Ack,
        journal: Option<&Payment>,
        stored: Option<Signature>,
    ) -> Result<Released, ReleaseError> {
        if !self.remembers(vendor, journal) {
            return Err(Poisoned { channel: self.head.channel(), vendor: *vendor }.into());
        }
        if vendor.number == PaymentNumber::OPENING {
            return Err(ReleaseError::NothingToRelease(Box::new(self)));
        }
        let signature = match stored {
            _ if *vendor == self.head.ack() => self.signature,
            Some(stored) if verifies(&self.key, vendor, &stored) => stored,
            Some(_) => return Err(ReleaseError::OtherSignature),
            None => self.key.sign(&vendor.tx.as_digest()),
        };
        Ok(Released { last: *vendor, signature })
    }
}

impl fmt::Debug for Paying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paying").field("head", &self.head).finish_non_exhaustive()
    }
}

fn verifies(key: &SecretKey, payment: &Ack, signature: &Signature) -> bool {
    key.public_key().verify(&payment.tx.as_digest(), signature).is_ok()
}

/// The phase after the release: the client gives σ_n as often as it is asked, and signs nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    last: Ack,
    signature: Signature,
}

impl Released {
    /// Goes on after a restart, from what the caller saved when it released.
    #[must_use]
    pub const fn from_parts(last: Ack, signature: Signature) -> Self {
        Self { last, signature }
    }

    /// The payment that was released.
    #[must_use]
    pub const fn last(&self) -> &Ack {
        &self.last
    }

    /// σ_n.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }
}
