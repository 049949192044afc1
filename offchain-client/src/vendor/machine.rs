//! The vendor's side of one channel, without I/O: what is to be saved and said for every batch [Spec §6].

use lockstep_protocol::payee::{Acceptance, LedgerView, Receiving};
use lockstep_protocol::payment::{Ack, Batch, Head, Payment, PaymentRecord};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::PaymentNumber;

use crate::party::{Effects, replay};
use crate::store::Change;
use crate::stream::ToClient;

/// A channel on which payments are taken.
#[derive(Debug)]
pub struct Machine {
    receiving: Receiving,
}

/// What became of a batch.
#[derive(Debug)]
#[must_use]
pub struct Judged {
    /// The payments that were accepted are saved, then acknowledged; `None` if there is none.
    pub effects: Option<Effects<ToClient>>,
    /// Why the payment behind them was not accepted; the stream ends with it.
    pub refused: Option<Refusal>,
}

impl Machine {
    /// Goes on with a channel.
    #[must_use]
    pub fn new(receiving: Receiving) -> Self {
        Self { receiving }
    }

    /// The last payment accepted, whether it is durable yet or not.
    #[must_use]
    pub fn head(&self) -> &Head {
        self.receiving.head()
    }

    /// Takes the phase's own state out, to close.
    #[must_use]
    pub fn into_receiving(self) -> Receiving {
        self.receiving
    }

    /// How many of a batch's payments have numbers that were accepted before; they are to be compared with the journal.
    #[must_use]
    pub fn repeated(&self, batch: &Batch) -> usize {
        batch.numbered().take_while(|(number, _)| *number <= self.head().number()).count()
    }

    /// Judges payments whose numbers were not used before, in order, up to the first that is refused.
    pub fn accept(
        &mut self,
        first: PaymentNumber,
        records: &[PaymentRecord],
        now: Timestamp,
        view: LedgerView,
    ) -> Judged {
        let before = *self.head();
        let (mut refused, mut accepted) = (None, 0);
        // Up to the last number there is: a range without an end adds one beyond it, and anybody can send that number.
        let numbers = (first.as_index()..=u32::MAX).map(PaymentNumber::from_index);
        for (number, record) in numbers.zip(records) {
            match self.receiving.accept(number, record, now, view) {
                Ok(Acceptance::New(_)) => accepted += 1,
                // The caller has compared the repeats; a number cannot be used in between.
                Ok(Acceptance::Used(_)) => refused = Some(Refusal::NumberUsed),
                Err(refusal) => refused = Some(refusal),
            }
            if refused.is_some() {
                break;
            }
        }
        let records: Vec<PaymentRecord> = records.iter().take(accepted).cloned().collect();
        let effects = (!records.is_empty()).then(|| {
            let after = *self.head();
            let row = replay::row(before, after, Batch { first, records }.encode(), first);
            Effects::persist_then_send(Change::Append(row), ToClient::Acknowledged(after.ack()))
        });
        Judged { effects, refused }
    }

    /// Compares payments whose numbers were used with the journal's: an exact repeat changes nothing [Spec §6].
    ///
    /// # Errors
    /// [`Refusal::NumberUsed`] for other bytes.
    pub fn check_repeats<'a>(
        &self,
        repeats: impl IntoIterator<Item = (&'a Payment, &'a PaymentRecord)>,
    ) -> Result<Ack, Refusal> {
        for (stored, record) in repeats {
            lockstep_protocol::payee::acknowledge_repeat(self.head(), stored, record)?;
        }
        Ok(self.head().ack())
    }
}
