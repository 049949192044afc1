//! The walk from σ_n back to the bank's σ₀, fed from the journal in reverse: one row of it in memory at a time [Spec §7].

use std::time::Instant;

use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::payment::Payment;
use lockstep_protocol::receipt::Receipt;
use lockstep_protocol::release::{NoRelease, Progress, Walk, WrongPayment};
use lockstep_protocol::signature::Signature;
use lockstep_protocol::units::PaymentNumber;

use super::shared::Shared;
use super::{Ending, Facts};
use crate::party::replay::{self, DamagedRow};
use crate::store::{
    Advance, Change, Evidence, Journal, JournalError, Phase, Receipts, StoredBatch, StoredChannel, Ticket,
};
use crate::stream::Unlocked;

/// What a fraud proof is called in the journal.
pub const FRAUD_PROOF: &str = "fraud_proof";

/// Why the walk did not go on. What was recovered before stays stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnlockError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Damaged(#[from] DamagedRow),
    #[error(transparent)]
    Order(#[from] WrongPayment),
    #[error(transparent)]
    Release(#[from] NoRelease),
    #[error("the walking thread died")]
    Died,
}

/// Where the walk stands: before its topmost payment, or below one.
#[derive(Debug)]
enum Place {
    Top(Box<SignedOpening>, Signature),
    Below(Box<Walk>),
}

/// What a row gave: its receipts from the top down to the lowest one reached, and how it goes on.
#[derive(Debug)]
struct Row {
    signatures: Vec<Signature>,
    lowest: PaymentNumber,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Row(Place),
    Done,
    Cheated(Box<FraudProof>),
}

/// Where a walk leads: with all receipts, and without. Behind the close the phase says nothing of it any more.
pub(super) fn destinations(from: Phase) -> (Phase, Phase) {
    if from == Phase::Closed { (from, from) } else { (Phase::Unlocked, Phase::Disputed) }
}

/// Unlocks a channel that is released, or was before it was closed: stores every receipt, then that it is unlocked; or the fraud
/// proof, and that it is disputed.
pub(super) async fn unlock(shared: &Shared, stored: &StoredChannel) -> Result<(), UnlockError> {
    let began = Instant::now();
    let Facts { record } = replay::decode_note(&stored.facts)?;
    let mut ending: Ending = replay::decode_note(&stored.ending)?;
    let release = ending.release.ok_or(DamagedRow)?;
    let journal = &*shared.journal;
    let (mut top, signature) = resume(journal, stored, release).await?;
    let mut place = Place::Top(Box::new(record.signed_opening().clone()), signature);
    let mut writing: Option<Ticket> = None;
    let (receipts, proof) = loop {
        let row = journal.batch_up_to(stored.channel, top).await?.ok_or(DamagedRow)?;
        let first = row.first;
        let walked = tokio::task::spawn_blocking(move || walk_row(place, &row))
            .await
            .map_err(|_| UnlockError::Died)??;
        // One row is written while the next one is walked.
        if let Some(mut ticket) = writing.take() {
            ticket.durable().await?;
        }
        let receipts = chunk(stored, &walked);
        // The last receipts and what they lead to are one change: a walk that is interrupted between them could not find the
        // bad lock again, which takes the payment above it.
        match walked.next {
            Next::Row(below) => place = below,
            Next::Done => break (receipts, None),
            Next::Cheated(proof) => break (receipts, Some(proof)),
        }
        writing = Some(journal.submit(Change::Receipts(receipts)).await?);
        top = first.previous().ok_or(DamagedRow)?;
    };
    let (unlocked, disputed) = destinations(stored.phase);
    ending.walk_due = false;
    let advance = if let Some(proof) = proof {
        let evidence = Some(Evidence { kind: FRAUD_PROOF, bytes: proof.encode() });
        ending.proof_due = true;
        let ending = Some(replay::encode_note(&ending));
        Advance { ending, evidence, ..Advance::new(stored.channel, stored.phase, disputed) }
    } else {
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        ending.unlocked = Some(Unlocked { receipts: stored.n.as_index(), micros });
        let ending = Some(replay::encode_note(&ending));
        Advance { ending, ..Advance::new(stored.channel, stored.phase, unlocked) }
    };
    Ok(journal.save(Change::Advance(Advance { receipts: Some(receipts), ..advance })).await?)
}

/// The topmost payment to walk, and its signature: after a restart the walk goes on in the lowest row that has receipts.
async fn resume(
    journal: &dyn Journal,
    stored: &StoredChannel,
    release: Signature,
) -> Result<(PaymentNumber, Signature), UnlockError> {
    let Some(lowest) = journal.receipts_from(stored.channel, PaymentNumber::FIRST).await? else {
        return Ok((stored.n, release));
    };
    let last = lowest.first.as_index().saturating_add(lowest.count).saturating_sub(1);
    let bytes = lowest.signatures.last_chunk::<64>().ok_or(DamagedRow)?;
    Ok((PaymentNumber::from_index(last), Signature::from_bytes(*bytes)))
}

/// Walks down one row of the journal. Blocks: a verification for every payment.
fn walk_row(mut place: Place, row: &StoredBatch) -> Result<Row, UnlockError> {
    let payments = replay::payments(row)?;
    let mut signatures = Vec::with_capacity(payments.len());
    let mut lowest = row.last();
    for payment in payments.iter().rev() {
        let (receipt, progress) = step(place, payment)?;
        signatures.push(*receipt.client_signature());
        lowest = payment.number();
        match progress {
            Progress::More(walk) => place = Place::Below(walk),
            Progress::Done => return Ok(Row { signatures, lowest, next: Next::Done }),
            Progress::Cheated(proof) => return Ok(Row { signatures, lowest, next: Next::Cheated(proof) }),
        }
    }
    Ok(Row { signatures, lowest, next: Next::Row(place) })
}

fn step(place: Place, payment: &Payment) -> Result<(Receipt, Progress), UnlockError> {
    match place {
        Place::Top(record, signature) => Ok(Walk::start(&record, payment, signature)?),
        Place::Below(walk) => Ok(walk.step(payment)?),
    }
}

fn chunk(stored: &StoredChannel, row: &Row) -> Receipts {
    Receipts {
        channel: stored.channel,
        first: row.lowest,
        count: u32::try_from(row.signatures.len()).unwrap_or(u32::MAX),
        signatures: row.signatures.iter().rev().flat_map(|signature| *signature.as_bytes()).collect(),
    }
}
