//! What the wallet remembers of a channel's payments: compared with what a vendor says, and sent again.

use lockstep_protocol::payment::{Ack, Batch, Head, Payment};
use lockstep_protocol::units::PaymentNumber;

use crate::party::replay::{self, DamagedRow};
use crate::store::{Journal, JournalError};

/// Why the wallet cannot say what it has paid.
#[derive(Debug, thiserror::Error)]
pub(super) enum MemoryError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A row of the journal is not what this wallet wrote.
    #[error(transparent)]
    Damaged(#[from] DamagedRow),
}

/// Whether the vendor's last payment is one that this wallet made: number, units and hash [Spec §6].
///
/// # Errors
/// [`MemoryError`].
pub(super) async fn agrees(journal: &dyn Journal, head: &Head, vendor: &Ack) -> Result<bool, MemoryError> {
    if vendor.number >= head.number() {
        return Ok(*vendor == head.ack());
    }
    if vendor.number == PaymentNumber::OPENING {
        let opening = Ack { tx: head.channel().as_tx(), ..*vendor };
        return Ok(*vendor == opening && vendor.released.as_count() == 0);
    }
    let payment = payment(journal, head, vendor.number).await?;
    Ok(payment.ack() == *vendor)
}

/// Payment `number`, which this wallet made.
///
/// # Errors
/// [`MemoryError`]; [`DamagedRow`] if there is no such payment.
pub(super) async fn payment(
    journal: &dyn Journal,
    head: &Head,
    number: PaymentNumber,
) -> Result<Payment, MemoryError> {
    let row = journal.batch_up_to(head.channel(), number).await?.ok_or(DamagedRow)?;
    let payment = replay::payments(&row)?.into_iter().find(|payment| payment.number() == number);
    Ok(payment.ok_or(DamagedRow)?)
}

/// The stored payments from `first` to the end of their row, as they were first sent; `None` behind the last one.
///
/// # Errors
/// [`MemoryError`].
pub(super) async fn sent_from(
    journal: &dyn Journal,
    head: &Head,
    first: PaymentNumber,
) -> Result<Option<(Batch, Ack)>, MemoryError> {
    if first > head.number() {
        return Ok(None);
    }
    let row = journal.batch_up_to(head.channel(), first).await?.ok_or(DamagedRow)?;
    let mut payments = replay::payments(&row)?;
    payments.retain(|payment| payment.number() >= first);
    let last = payments.last().ok_or(DamagedRow)?.ack();
    Ok(Some((Batch { first, records: payments.iter().map(Payment::record).collect() }, last)))
}
