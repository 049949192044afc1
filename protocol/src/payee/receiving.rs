//! The phase in which payments are taken [Spec §6].

use super::closing::Closing;
use super::terms::VendorTerms;
use crate::amount::PAYMENT_LIMIT;
use crate::ledger::{ChannelRecord, ChannelState};
use crate::opening::{Opening, SignedOpening};
use crate::payment::{Ack, Head, Payment, PaymentRecord};
use crate::refusal::Refusal;
use crate::time::{MaxDrift, Timestamp};
use crate::token_chain::earlier_token;
use crate::units::{PaymentNumber, Units};

/// What the vendor's own peer last showed of the channel, and when, by the vendor's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerView {
    /// The state.
    pub state: ChannelState,
    /// When it was read.
    pub seen: Timestamp,
}

/// A payment that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[expect(clippy::large_enum_variant, reason = "new payments are the rule, repeats the exception")]
pub enum Acceptance {
    /// Save it, then acknowledge it.
    New(Payment),
    /// Its number was accepted before: compare with the stored payment, [`acknowledge_repeat`].
    Used(PaymentNumber),
}

/// A channel that the vendor takes payments on.
#[derive(Debug)]
pub struct Receiving {
    signed: SignedOpening,
    drift: MaxDrift,
    terms: VendorTerms,
    head: Head,
}

impl Receiving {
    /// Takes a channel that the vendor's own peer shows.
    ///
    /// # Errors
    /// [`Refusal::NotOpenOnLedger`], [`Refusal::BadBankSignature`], or the refusal of the term that is not met (714–718, 726).
    pub fn take(record: &ChannelRecord, terms: VendorTerms, now: Timestamp) -> Result<Self, Refusal> {
        if record.state() != ChannelState::Open {
            return Err(Refusal::NotOpenOnLedger);
        }
        // The id recomputes: a record whose id is not its opening's hash cannot be read.
        terms.check(record, now)?;
        record.signed_opening().check_signature()?;
        let head = Head::start(record.opening());
        Ok(Self { signed: record.signed_opening().clone(), drift: record.max_drift(), terms, head })
    }

    /// Goes on after a restart with a channel that was taken, from the head of the vendor's journal.
    ///
    /// # Errors
    /// [`Refusal::OpeningMismatch`] for the head of another channel.
    pub fn resume(record: &ChannelRecord, terms: VendorTerms, head: Head) -> Result<Self, Refusal> {
        if head.channel() != record.channel_id() {
            return Err(Refusal::OpeningMismatch);
        }
        Ok(Self { signed: record.signed_opening().clone(), drift: record.max_drift(), terms, head })
    }

    /// The head: what the next payment must continue.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The channel's opening.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        self.signed.opening()
    }

    /// The last moment at which this channel still takes a payment has passed: close it.
    #[must_use]
    pub fn is_running_out(&self, now: Timestamp) -> bool {
        !self.terms.leaves_time(self.opening(), self.drift, now)
    }

    /// Judges payment `number`. A new one is the head from here on, so the caller saves it or stops [Spec §6].
    ///
    /// # Errors
    /// A [`Refusal`] of the payment stream (7xx), which says *retry later* or *over*; nothing changed.
    pub fn accept(
        &mut self,
        number: PaymentNumber,
        record: &PaymentRecord,
        now: Timestamp,
        view: LedgerView,
    ) -> Result<Acceptance, Refusal> {
        if number == PaymentNumber::OPENING {
            return Err(Refusal::MalformedMessage);
        }
        if number <= self.head.number() {
            return Ok(Acceptance::Used(number));
        }
        self.check_view(now, view)?;
        if Some(number) != self.head.number().next() {
            return Err(Refusal::NumberAhead);
        }
        self.check_units(record)?;
        let payment = Payment::chain(&self.head, record).map_err(|_| Refusal::ChannelExhausted)?;
        self.check_token(&payment)?;
        if record.ts < self.head.ts() {
            return Err(Refusal::TimeRunsBackwards);
        }
        if record.ts.as_unix_millis() > now.millis_after(self.terms.clock_tolerance) {
            return Err(Refusal::TimeAhead);
        }
        if self.is_running_out(now) {
            return Err(Refusal::ExpiryNear);
        }
        self.head = Head::after(&payment);
        Ok(Acceptance::New(payment))
    }

    fn check_view(&self, now: Timestamp, view: LedgerView) -> Result<(), Refusal> {
        // An ending stands for ever, however long ago it was seen.
        if view.state != ChannelState::Open {
            return Err(Refusal::NotOpenOnLedger);
        }
        let too_old = view.seen.millis_after(self.terms.oldest_view(self.drift)) < now.as_unix_millis();
        // A clock that was put back says nothing of the view's age.
        let ahead = view.seen.as_unix_millis() > now.millis_after(self.terms.clock_tolerance);
        if too_old || ahead { Err(Refusal::LedgerViewStale) } else { Ok(()) }
    }

    fn check_units(&self, record: &PaymentRecord) -> Result<(), Refusal> {
        if record.units == Units::ZERO || record.units > self.terms.largest_units {
            return Err(Refusal::UnitsAboveTerms);
        }
        let price = self.opening().terms().unit_price;
        if !price.checked_mul(record.units).is_ok_and(|amount| amount <= PAYMENT_LIMIT) {
            return Err(Refusal::PaymentTooLarge);
        }
        let released = self.head.released().checked_add(record.units);
        if released.is_none_or(|released| released > self.opening().terms().token_count) {
            return Err(Refusal::ChannelExhausted);
        }
        Ok(())
    }

    fn check_token(&self, payment: &Payment) -> Result<(), Refusal> {
        let fields = payment.fields();
        let nonce = &self.opening().terms().nonce;
        let before = earlier_token(nonce, fields.released, &fields.token, fields.units);
        if before.as_ref() == Some(self.head.token()) { Ok(()) } else { Err(Refusal::WrongPaymentToken) }
    }

    /// Stops taking payments. The caller marks the channel closing, durably, before it does anything with the result.
    #[must_use]
    pub fn close(self) -> Closing {
        Closing::new(self.signed, self.head)
    }
}

/// A payment whose number was used: an exact repeat is acknowledged with the vendor's last payment and changes nothing.
///
/// # Errors
/// [`Refusal::NumberUsed`] for other bytes.
pub fn acknowledge_repeat(head: &Head, stored: &Payment, record: &PaymentRecord) -> Result<Ack, Refusal> {
    // Number, Tx before, lock before and c are the journal's own, so equal records mean equal Txᵢ and ℓkᵢ.
    if stored.record() == *record { Ok(head.ack()) } else { Err(Refusal::NumberUsed) }
}
