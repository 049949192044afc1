//! Payments back from the journal's rows. A row holds the state before its first payment, so it can be read on its own.

use lockstep_protocol::payer::State;
use lockstep_protocol::payment::{Batch, Head, Payment};
use lockstep_protocol::signature::Signature;
use lockstep_protocol::units::PaymentNumber;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::{Append, StoredBatch};
use crate::stream::BatchBounds;

/// A row that this role cannot have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a row of payments in the journal is damaged")]
pub struct DamagedRow;

/// A note as the journal holds it: JSON.
///
/// # Panics
/// Never for the notes of the roles, which have text keys and plain values only.
#[must_use]
pub fn encode_note<T: Serialize>(note: &T) -> String {
    serde_json::to_string(note).expect("text keys and plain values only")
}

/// Reads what [`encode_note`] wrote.
///
/// # Errors
/// [`DamagedRow`].
pub fn decode_note<T: DeserializeOwned>(text: &str) -> Result<T, DamagedRow> {
    serde_json::from_str(text).map_err(|_| DamagedRow)
}

/// The JSON of a role's state: the head alone, or the head and a signature that cannot be made again.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredState {
    Head(Head),
    Presigned { head: Head, signature: Signature },
}

/// A role's state as the journal holds it. A vendor's is a head; so is a wallet's that signs by RFC 6979.
///
/// # Panics
/// Never: a state has a JSON form.
#[must_use]
pub fn encode_state(state: impl Into<State>) -> Vec<u8> {
    let State { head, signature } = state.into();
    let stored = match signature {
        Some(signature) => StoredState::Presigned { head, signature },
        None => StoredState::Head(head),
    };
    serde_json::to_vec(&stored).expect("numbers and hexadecimal texts always have a JSON form")
}

/// Reads what [`encode_state`] wrote.
///
/// # Errors
/// [`DamagedRow`].
pub fn decode_state(bytes: &[u8]) -> Result<State, DamagedRow> {
    match serde_json::from_slice(bytes).map_err(|_| DamagedRow)? {
        StoredState::Head(head) => Ok(head.into()),
        StoredState::Presigned { head, signature } => Ok(State { head, signature: Some(signature) }),
    }
}

/// The head of what [`encode_state`] wrote.
///
/// # Errors
/// [`DamagedRow`].
pub fn decode_head(bytes: &[u8]) -> Result<Head, DamagedRow> {
    Ok(decode_state(bytes)?.head)
}

/// The journal's row for a batch: `batch` continues `before` and leads to `after`.
#[must_use]
pub fn row(
    before: impl Into<State>,
    after: impl Into<State>,
    batch: Vec<u8>,
    first: PaymentNumber,
) -> Append {
    let (before, after) = (before.into(), after.into());
    Append {
        channel: before.head.channel(),
        first,
        n: after.head.number(),
        before: encode_state(before),
        head: encode_state(after),
        records: batch,
    }
}

/// The payments of a row, by ascending number.
///
/// # Errors
/// [`DamagedRow`].
pub fn payments(row: &StoredBatch) -> Result<Vec<Payment>, DamagedRow> {
    let bound = usize::try_from(BatchBounds::DEFAULT.payments).map_err(|_| DamagedRow)?;
    let batch = Batch::decode(&row.records, bound).map_err(|_| DamagedRow)?;
    let mut head = decode_head(&row.before)?;
    if head.number().next() != Some(row.first) || batch.first != row.first {
        return Err(DamagedRow);
    }
    let mut payments = Vec::with_capacity(batch.records.len());
    for record in &batch.records {
        let payment = Payment::chain(&head, record).map_err(|_| DamagedRow)?;
        head = Head::after(&payment);
        payments.push(payment);
    }
    if u32::try_from(payments.len()) == Ok(row.count) { Ok(payments) } else { Err(DamagedRow) }
}
