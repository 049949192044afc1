//! The wallet's side of one channel, without I/O: what is to be saved and sent for every step [Spec §6, §7].

use lockstep_protocol::Memo;
use lockstep_protocol::payer::{Paying, Poisoned, ReleaseError, Released, Resuming};
use lockstep_protocol::payment::{Ack, Batch, Payment};
use lockstep_protocol::presignature::Presignature;
use lockstep_protocol::signature::Signature;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::{PaymentNumber, Units};

pub use lockstep_protocol::payer::PayError;

use super::ending::Ending;
use crate::party::{Effects, replay};
use crate::store::{Advance, Change, Phase};
use crate::stream::ToVendor;

/// A channel on which payments are made.
#[derive(Debug)]
pub struct Machine {
    paying: Paying,
}

/// Payments that are signed, and nothing more yet.
#[derive(Debug)]
#[must_use = "a payment that was signed must be saved: its number is never signed differently"]
pub struct PaidBatch {
    /// Save them, then send them.
    pub effects: Effects<ToVendor>,
    /// The last of them.
    pub last: Ack,
}

impl Machine {
    /// The phase's own state.
    #[must_use]
    pub fn paying(&self) -> &Paying {
        &self.paying
    }

    /// Makes `count` payments of `units` each, or as many as the channel still holds.
    ///
    /// # Errors
    /// [`PayError`] if it does not hold one.
    pub fn pay(
        &mut self,
        count: u32,
        units: Units,
        memo: &Memo,
        now: Timestamp,
    ) -> Result<PaidBatch, PayError> {
        self.batch(count, |paying| paying.pay(units, memo.clone(), now))
    }

    /// The same with one presignature for each payment [Spec §2]. The last signature is saved with the payments.
    ///
    /// # Errors
    /// [`PayError`] if it does not hold one.
    pub fn pay_presigned(
        &mut self,
        presignatures: Vec<Presignature>,
        units: Units,
        memo: &Memo,
        now: Timestamp,
    ) -> Result<PaidBatch, PayError> {
        let count = u32::try_from(presignatures.len()).unwrap_or(u32::MAX);
        let mut presignatures = presignatures.into_iter();
        self.batch(count, |paying| match presignatures.next() {
            Some(presignature) => paying.pay_presigned(presignature, units, memo.clone(), now),
            None => Err(PayError::NoUnits),
        })
    }

    fn batch(
        &mut self,
        count: u32,
        mut pay: impl FnMut(&mut Paying) -> Result<Payment, PayError>,
    ) -> Result<PaidBatch, PayError> {
        let before = self.paying.state();
        let first = pay(&mut self.paying)?;
        let mut batch = Batch { first: first.number(), records: vec![first.record()] };
        for _ in 1..count {
            // What is signed is kept; the reason comes back with the next call.
            let Ok(payment) = pay(&mut self.paying) else { break };
            batch.records.push(payment.record());
        }
        let after = self.paying.state();
        let bytes = batch.encode();
        let row = replay::row(before, after, bytes.clone(), batch.first);
        Ok(PaidBatch {
            effects: Effects::persist_then_send(Change::Append(row), ToVendor::Batch(bytes)),
            last: after.head.ack(),
        })
    }

    /// Goes on with a channel once the vendor's last payment is the journal's payment of that number [Spec §6].
    ///
    /// # Errors
    /// [`Stop`]: the channel is to be marked, and nothing is ever signed on it again.
    pub fn reconcile(resuming: Resuming, vendor: &Ack, journal: Option<&Payment>) -> Result<Self, Box<Stop>> {
        let at = resuming.head().number();
        let reconciled = resuming.reconcile(vendor, journal);
        Ok(Self { paying: reconciled.map_err(|poisoned| Box::new(Stop::of(poisoned, at)))? })
    }

    /// Releases the vendor's last payment: nothing is paid any more [Spec §7]. `stored` is what the journal has of its signature.
    ///
    /// # Errors
    /// [`NotReleased`].
    pub fn release(
        self,
        vendor: &Ack,
        journal: Option<&Payment>,
        stored: Option<Signature>,
    ) -> Result<(Released, Effects<ToVendor>), NotReleased> {
        let (channel, at) = (self.paying.head().channel(), self.paying.head().number());
        let released = self.paying.release(vendor, journal, stored).map_err(|error| match error {
            ReleaseError::NothingToRelease(_) => NotReleased::NothingPaid,
            ReleaseError::Poisoned(poisoned) => NotReleased::Stop(Box::new(Stop::of(poisoned, at))),
            ReleaseError::OtherSignature => NotReleased::Damaged,
        })?;
        let ending = Ending { released: Some((&released).into()), ..Ending::default() };
        let advance = Advance {
            at: Some(at),
            ending: Some(replay::encode_note(&ending)),
            ..Advance::new(channel, Phase::Open, Phase::Released)
        };
        let send = ToVendor::Release(*released.signature());
        Ok((released, Effects::persist_then_send(Change::Advance(advance), send)))
    }
}

/// Why nothing was released.
#[derive(Debug)]
pub enum NotReleased {
    /// The vendor has no payment; the channel stays as it is.
    NothingPaid,
    /// The channel is to be marked.
    Stop(Box<Stop>),
    /// The journal's signature is not on the payment.
    Damaged,
}

/// The vendor remembers another last payment than this wallet made.
#[derive(Debug)]
pub struct Stop {
    /// What the vendor showed.
    pub poisoned: Poisoned,
    /// Marks the channel, before anything else happens.
    pub effects: Effects<ToVendor>,
}

impl Stop {
    /// Marks the channel that the vendor poisoned, as long as its last payment is still the one that was compared.
    #[must_use]
    pub fn of(poisoned: Poisoned, at: PaymentNumber) -> Self {
        let advance = Advance { at: Some(at), ..Advance::new(poisoned.channel, Phase::Open, Phase::Stopped) };
        Self { poisoned, effects: Effects { persist: Some(Change::Advance(advance)), send: None } }
    }
}
