//! What the wallet remembers of a channel's payments: compared with what a vendor says, sent again, released.

use lockstep_protocol::payer::State;
use lockstep_protocol::payment::{Ack, Batch, Head, Payment};
use lockstep_protocol::signature::Signature;
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
    let row = journal.batch_up_to(head.channel(), vendor.number).await?.ok_or(DamagedRow)?;
    let payments = replay::payments(&row)?;
    Ok(payments.iter().any(|payment| payment.ack() == *vendor))
}

/// A row of payments with their signatures, where these were stored because presignatures made them.
pub(super) struct OwnRow {
    pub(super) payments: Vec<Payment>,
    /// One for each payment; `None` where RFC 6979 gives them again.
    pub(super) signatures: Option<Vec<Signature>>,
}

/// The row of payment `number`. One signature is stored for each row, its last; every lock opens to the one before [Spec §6].
///
/// # Errors
/// [`MemoryError`]; [`DamagedRow`] if there is no such row.
pub(super) async fn own_row(
    journal: &dyn Journal,
    state: &State,
    number: PaymentNumber,
) -> Result<OwnRow, MemoryError> {
    let channel = state.head.channel();
    let row = journal.batch_up_to(channel, number).await?.ok_or(DamagedRow)?;
    let payments = replay::payments(&row)?;
    let behind = if row.last() == state.head.number() {
        *state
    } else {
        let next = row.last().next().ok_or(DamagedRow)?;
        let next = journal.batch_up_to(channel, next).await?.ok_or(DamagedRow)?;
        replay::decode_state(&next.before)?
    };
    if payments.last().map(Head::after) != Some(behind.head) {
        return Err(DamagedRow.into());
    }
    let signatures = behind.signature.map(|last| {
        let mut signatures = Vec::with_capacity(payments.len());
        payments.iter().rev().fold(last, |signature, payment| {
            signatures.push(signature);
            payment.lock().open(&signature)
        });
        signatures.reverse();
        signatures
    });
    Ok(OwnRow { payments, signatures })
}

/// A payment that this wallet made, with the signature that was stored for it.
pub(super) struct Own {
    payment: Payment,
    signature: Option<Signature>,
}

impl Own {
    /// The payment.
    pub(super) fn payment(&self) -> &Payment {
        &self.payment
    }

    /// Its signature, if RFC 6979 does not give it again.
    pub(super) fn signature(&self) -> Option<Signature> {
        self.signature
    }
}

/// Payment `number`, which this wallet made.
///
/// # Errors
/// [`MemoryError`]; [`DamagedRow`] if there is no such payment.
pub(super) async fn own(
    journal: &dyn Journal,
    state: &State,
    number: PaymentNumber,
) -> Result<Own, MemoryError> {
    let OwnRow { mut payments, signatures } = own_row(journal, state, number).await?;
    let place = payments.iter().position(|payment| payment.number() == number).ok_or(DamagedRow)?;
    let signature = signatures.and_then(|signatures| signatures.get(place).copied());
    Ok(Own { payment: payments.swap_remove(place), signature })
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
