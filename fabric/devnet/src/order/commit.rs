//! Committing: batches in, validated blocks on the ledger.

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::mpsc;

use super::examine::{Examined, examine};
use crate::core::block;
use crate::core::snapshot::SnapshotError;
use crate::core::validation::{self, Candidate, Validated, validate};
use crate::peer::channel::Channel;
use crate::peer::system::LIFECYCLE;
use crate::store::{CommittedTransaction, StoreError};

/// Why a block cannot be committed. The network stops then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The store failed.
    #[error("cannot commit a block")]
    Store(#[from] StoreError),
    /// The store failed during validation.
    #[error("cannot validate a block")]
    Snapshot(#[from] SnapshotError),
    /// A thread of the validation panicked.
    #[error("the validation of a block panicked")]
    Panicked,
}

/// A batch that has been looked at.
type Looked = (Vec<Vec<u8>>, Vec<Examined>);

/// Commits batch after batch until they end. While one is written to the disk, the next is examined.
///
/// # Errors
/// When a block cannot be committed.
pub(crate) async fn run(
    channel: Arc<Channel>,
    mut batches: mpsc::Receiver<Vec<Vec<u8>>>,
) -> Result<(), CommitError> {
    let (looked, mut ready) = mpsc::channel::<Result<Looked, CommitError>>(1);
    let examiner = Arc::clone(&channel);
    let examining = tokio::spawn(async move {
        while let Some(batch) = batches.recv().await {
            let examined = examine_all(&examiner, &batch).await.map(|examined| (batch, examined));
            if looked.send(examined).await.is_err() {
                return;
            }
        }
    });
    while let Some(looked) = ready.recv().await {
        let (batch, examined) = looked?;
        let committer = Arc::clone(&channel);
        let committed = tokio::task::spawn_blocking(move || commit(&committer, batch, examined));
        let (number, transactions) = committed.await.map_err(|_| CommitError::Panicked)??;
        tracing::debug!(number, transactions = transactions.len(), "block committed");
        channel.announce(number, &transactions);
    }
    examining.await.map_err(|_| CommitError::Panicked)
}

/// Checks signatures on as many threads as there are processors; this is what costs time.
async fn examine_all(channel: &Arc<Channel>, batch: &[Vec<u8>]) -> Result<Vec<Examined>, CommitError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = batch.len().div_ceil(threads).max(1);
    let tasks: Vec<_> = batch
        .chunks(share)
        .map(|envelopes| {
            let (channel, envelopes) = (Arc::clone(channel), envelopes.to_vec());
            tokio::task::spawn_blocking(move || {
                envelopes.iter().map(|envelope| examine(envelope, &channel)).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut examined = Vec::with_capacity(batch.len());
    for task in tasks {
        examined.extend(task.await.map_err(|_| CommitError::Panicked)?);
    }
    Ok(examined)
}

fn commit(
    channel: &Channel,
    batch: Vec<Vec<u8>>,
    examined: Vec<Examined>,
) -> Result<(u64, Vec<CommittedTransaction>), CommitError> {
    let number = channel.store.height()?;
    let previous = number.checked_sub(1).map(|previous| channel.store.block(previous)).transpose()?.flatten();
    let previous_hash = previous.and_then(|block| block.header).map(|header| block::header_hash(&header));
    let (candidates, mut transactions): (Vec<Candidate>, Vec<CommittedTransaction>) =
        examined.into_iter().map(|examined| (examined.candidate, examined.transaction)).unzip();
    let (snapshot, definitions) = (channel.store.snapshot()?, channel.definitions());
    let against =
        validation::Channel { definitions: &definitions, snapshot: &snapshot, private: &channel.transient };
    let Validated { codes, updates } = validate(number, &candidates, against)?;
    for (transaction, code) in transactions.iter_mut().zip(&codes) {
        transaction.code = *code;
    }
    let block = block::assemble(number, previous_hash.unwrap_or_default(), batch, &codes);
    channel.store.commit(&block, &transactions, &updates)?;
    for (namespace, key, update) in updates.iter().filter(|(namespace, ..)| *namespace == LIFECYCLE) {
        tracing::info!(namespace, key, "chaincode defined");
        channel.define(key, update.value.as_deref().unwrap_or_default(), &channel.msp_ids());
    }
    channel.transient.forget(transactions.iter().map(|transaction| transaction.tx_id.as_str()), number);
    Ok((number, transactions))
}
