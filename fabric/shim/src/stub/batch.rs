//! Writes that are sent together.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use hlf_proto::Message;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{WriteBatchState, WriteRecord};

use super::Stub;
use crate::LedgerError;

/// A message of a batch is sent once it has this many bytes, far below what a peer takes.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// Writes by collection, key, and whether it is the key's metadata: the last of each counts.
#[derive(Debug, Default)]
pub(super) struct WriteBatch(BTreeMap<(String, String, bool), WriteRecord>);

impl WriteBatch {
    pub(super) fn add(&mut self, record: WriteRecord) {
        let slot = (record.collection.clone(), record.key.clone(), record.metadata.is_some());
        self.0.insert(slot, record);
    }

    /// The messages that carry the batch, each with at most `most` writes.
    fn into_messages(self, most: usize) -> Vec<WriteBatchState> {
        let mut messages = Vec::new();
        let (mut rec, mut bytes) = (Vec::new(), 0_usize);
        for record in self.0.into_values() {
            let size = record.encoded_len();
            if rec.len() >= most || (!rec.is_empty() && bytes.saturating_add(size) > MESSAGE_BYTES) {
                messages.push(WriteBatchState { rec: std::mem::take(&mut rec) });
                bytes = 0;
            }
            bytes = bytes.saturating_add(size);
            rec.push(record);
        }
        if !rec.is_empty() {
            messages.push(WriteBatchState { rec });
        }
        messages
    }
}

impl Stub {
    /// From now on writes are kept and sent together, by [`finish_write_batch`](Self::finish_write_batch) or when the
    /// transaction ends: one way to the peer instead of one for each. Fabric offers it from 3.1 on; where the peer does
    /// not, writes go on one by one and nothing else changes.
    ///
    /// Of several writes to one key the last counts. A write that the peer refuses is reported when the batch is sent.
    pub fn start_write_batch(&self) {
        if self.0.invocation.offers.write_batch.is_some() {
            self.batch().get_or_insert_default();
        }
    }

    /// Sends the writes that were kept; further ones go to the peer at once again. Without a batch it does nothing.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the peer refuses one of the writes or cannot be asked. The transaction must then fail.
    pub async fn finish_write_batch(&self) -> Result<(), LedgerError> {
        let batch = self.batch().take();
        let (Some(batch), Some(most)) = (batch, self.0.invocation.offers.write_batch) else { return Ok(()) };
        for message in batch.into_messages(most) {
            self.0.peer.call(Type::WriteBatchState, message.encode_to_vec()).await?;
        }
        Ok(())
    }

    pub(super) fn batch(&self) -> MutexGuard<'_, Option<WriteBatch>> {
        self.0.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(records: impl IntoIterator<Item = (&'static str, usize)>) -> WriteBatch {
        let mut batch = WriteBatch::default();
        for (key, bytes) in records {
            batch.add(WriteRecord { key: key.into(), value: vec![0; bytes], ..WriteRecord::default() });
        }
        batch
    }

    fn sizes(messages: &[WriteBatchState]) -> Vec<usize> {
        messages.iter().map(|message| message.rec.len()).collect()
    }

    #[test]
    fn a_batch_is_split_by_number_and_by_size() {
        let five = [("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1)];
        assert_eq!(sizes(&batch(five).into_messages(2)), [2, 2, 1]);
        assert_eq!(sizes(&batch(five).into_messages(5)), [5]);
        assert!(batch([]).into_messages(2).is_empty());
        let large = [("a", MESSAGE_BYTES), ("b", MESSAGE_BYTES / 2), ("c", MESSAGE_BYTES / 4), ("d", 1)];
        assert_eq!(sizes(&batch(large).into_messages(100)), [1, 3]);
    }

    #[test]
    fn the_last_write_to_a_key_counts_and_metadata_are_apart() {
        let mut batch = batch([("a", 1), ("a", 3)]);
        let metadata = Some(hlf_proto::protos::StateMetadata::default());
        batch.add(WriteRecord { key: "a".into(), metadata, ..WriteRecord::default() });
        batch.add(WriteRecord { key: "a".into(), collection: "c".into(), ..WriteRecord::default() });
        let messages = batch.into_messages(100);
        let values: Vec<_> = messages[0].rec.iter().map(|record| record.value.len()).collect();
        assert_eq!(values, [3, 0, 0]);
    }
}
