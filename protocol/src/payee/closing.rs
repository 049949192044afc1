//! The phases behind the last payment [Spec §7].

use crate::key::SecretKey;
use crate::ledger::{ChannelRecord, CloseByRelease, CloseByToken};
use crate::opening::SignedOpening;
use crate::payment::{Ack, Head, Payment};
use crate::receipt::Receipt;
use crate::refusal::Refusal;
use crate::release::{NoRelease, Progress, Walk};
use crate::signature::Signature;
use crate::units::PaymentNumber;

/// Marked closing: nothing more is accepted, the release may be asked for.
#[derive(Debug)]
pub struct Closing {
    signed: SignedOpening,
    head: Head,
}

/// Why a release was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotReleased {
    /// The client's release is bad and nothing is proven; what is left is the close by token.
    #[error("there is no release")]
    Bad {
        /// Why.
        #[source]
        reason: NoRelease,
        /// The phase to go on with.
        claiming: Claiming,
    },
    /// The vendor's own journal gave another payment than the last one: it is damaged, and nothing is said of the release.
    #[error("the journal's last payment is not the one that was accepted last")]
    Journal(Box<Closing>),
}

impl Closing {
    pub(super) const fn new(signed: SignedOpening, head: Head) -> Self {
        Self { signed, head }
    }

    /// Goes on after a restart with a channel that is marked closing.
    ///
    /// # Errors
    /// [`Refusal::OpeningMismatch`] for the head of another channel.
    pub fn resume(record: &ChannelRecord, head: Head) -> Result<Self, Refusal> {
        if head.channel() != record.channel_id() {
            return Err(Refusal::OpeningMismatch);
        }
        Ok(Self { signed: record.signed_opening().clone(), head })
    }

    /// The head: the last payment taken.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The payment whose release is asked for.
    ///
    /// # Errors
    /// [`Refusal::NothingToRelease`] before any payment: such a channel closes by token with c = 0.
    pub fn asks_for(&self) -> Result<Ack, Refusal> {
        if self.head.number() == PaymentNumber::OPENING {
            return Err(Refusal::NothingToRelease);
        }
        Ok(self.head.ack())
    }

    /// Takes σ_n. `last` is payment n from the journal. Gives the close by release and the first step of the walk.
    ///
    /// # Errors
    /// [`NotReleased`] when σ_n, or what the last lock opens to, is bad, or `last` is not payment n.
    pub fn released(self, last: &Payment, signature: Signature) -> Result<Settling, Box<NotReleased>> {
        if Head::after(last) != self.head {
            return Err(Box::new(NotReleased::Journal(Box::new(self))));
        }
        match Walk::start(&self.signed, last, signature) {
            Ok((receipt, progress)) => {
                Ok(Settling { head: self.head, last: last.clone(), signature, receipt, progress })
            }
            Err(reason) => Err(Box::new(NotReleased::Bad { reason, claiming: self.claim() })),
        }
    }

    /// Gives the release up.
    #[must_use]
    pub const fn claim(self) -> Claiming {
        Claiming { head: self.head }
    }
}

/// The last signature is there and verified: the close by release can be submitted, the walk can go down.
#[derive(Debug)]
pub struct Settling {
    head: Head,
    last: Payment,
    signature: Signature,
    /// The receipt of payment n.
    pub receipt: Receipt,
    /// The walk below payment n.
    pub progress: Progress,
}

impl Settling {
    /// The close by release; the same bytes whenever it is asked for.
    #[must_use]
    pub fn command(&self, vendor: &SecretKey) -> CloseByRelease {
        CloseByRelease::sign(*self.last.fields(), self.signature, vendor)
    }

    /// The release close failed or may not be tried again: only token closes from here on.
    #[must_use]
    pub fn claim(self) -> Claiming {
        Claiming { head: self.head }
    }
}

/// Only the close by token is left.
#[derive(Debug)]
pub struct Claiming {
    head: Head,
}

impl Claiming {
    /// Goes on after a restart.
    #[must_use]
    pub const fn resume(head: Head) -> Self {
        Self { head }
    }

    /// The close by token for all that was paid; with c = 0 it closes an unused channel.
    #[must_use]
    pub fn command(&self, vendor: &SecretKey) -> CloseByToken {
        CloseByToken::sign(self.head.channel(), self.head.released(), *self.head.token(), vendor)
    }
}
