//! Payments that come again after a broken stream, compared with the journal.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::payment::{Ack, Batch, Payment, PaymentRecord};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::units::PaymentNumber;

use super::machine::Machine;
use crate::party::replay::{self, DamagedRow};
use crate::store::{Journal, JournalError};

/// Why repeats were not acknowledged.
#[derive(Debug)]
pub(super) enum RepeatError {
    Journal(JournalError),
    Damaged(DamagedRow),
    Refused(Refusal),
}

/// Compares the first `count` payments of a batch with the journal.
pub(super) async fn compare(
    journal: &dyn Journal,
    machine: &Machine,
    batch: &Batch,
    count: usize,
) -> Result<Ack, RepeatError> {
    let mut repeats: Vec<_> = batch.numbered().take(count).collect();
    let mut known = machine.head().ack();
    while let Some((number, _)) = repeats.first() {
        let row = journal
            .batch_up_to(machine.head().channel(), *number)
            .await
            .map_err(RepeatError::Journal)?
            .ok_or(RepeatError::Damaged(DamagedRow))?;
        let stored = replay::payments(&row).map_err(RepeatError::Damaged)?;
        let here = repeats.iter().take_while(|(number, _)| *number <= row.last()).count();
        let stored = stored.iter().skip_while(|payment| payment.number() < *number);
        let pairs = stored.zip(repeats.iter().take(here).map(|(_, record)| *record));
        known = machine.check_repeats(pairs).map_err(RepeatError::Refused)?;
        repeats.drain(..here.max(1));
    }
    Ok(known)
}

/// What follows the repeats: the first number and the records.
pub(super) fn fresh(batch: &Batch, repeated: usize) -> Option<(PaymentNumber, &[PaymentRecord])> {
    let (first, _) = batch.numbered().nth(repeated)?;
    Some((first, batch.records.get(repeated..)?))
}

/// Payment `number` of the journal.
pub(super) async fn payment(
    journal: &dyn Journal,
    channel: ChannelId,
    number: PaymentNumber,
) -> Result<Payment, RepeatError> {
    let row = journal.batch_up_to(channel, number).await.map_err(RepeatError::Journal)?;
    let row = row.ok_or(RepeatError::Damaged(DamagedRow))?;
    let payments = replay::payments(&row).map_err(RepeatError::Damaged)?;
    payments.into_iter().find(|payment| payment.number() == number).ok_or(RepeatError::Damaged(DamagedRow))
}
