//! The store's rows as bytes.

use hlf_proto::kvrwset::KvMetadataWrite;
use hlf_proto::queryresult::KeyModification;
use prost::Message;

use super::{CommittedTransaction, StoreError};
use crate::core::rwset::{metadata_entries, read_metadata};
use crate::core::snapshot::{Metadata, Modification, Version, Versioned};

/// A row of the state: block number and transaction index, 8 bytes each; the length of the metadata, 4 bytes, all
/// big-endian; the metadata; then the value.
pub(super) fn state(version: Version, metadata: &Metadata, value: &[u8]) -> Vec<u8> {
    let metadata = match metadata.is_empty() {
        true => Vec::new(),
        false => KvMetadataWrite { key: String::new(), entries: metadata_entries(metadata.clone()) }
            .encode_to_vec(),
    };
    let mut row = Vec::with_capacity(20 + metadata.len() + value.len());
    row.extend(version.block.to_be_bytes());
    row.extend(version.transaction.to_be_bytes());
    row.extend(u32::try_from(metadata.len()).unwrap_or(u32::MAX).to_be_bytes());
    row.extend(metadata);
    row.extend(value);
    row
}

/// Reads a row of the state.
pub(super) fn read_state(row: &[u8]) -> Result<Versioned, StoreError> {
    split_state(row).ok_or(StoreError::Damaged("a row of the state"))
}

fn split_state(row: &[u8]) -> Option<Versioned> {
    let (block, rest) = row.split_first_chunk()?;
    let (transaction, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (metadata, value) = rest.split_at_checked(length)?;
    let metadata = match metadata {
        [] => Metadata::new(),
        metadata => read_metadata(&KvMetadataWrite::decode(metadata).ok()?.entries),
    };
    let version =
        Version { block: u64::from_be_bytes(*block), transaction: u64::from_be_bytes(*transaction) };
    Some(Versioned { value: value.to_vec(), version, metadata })
}

/// A row of the history.
pub(super) fn change(writer: Option<&CommittedTransaction>, value: Option<&[u8]>) -> Vec<u8> {
    let change = KeyModification {
        tx_id: writer.map(|writer| writer.tx_id.clone()).unwrap_or_default(),
        value: value.map(<[u8]>::to_vec).unwrap_or_default(),
        timestamp: writer.and_then(|writer| writer.timestamp),
        is_delete: value.is_none(),
    };
    change.encode_to_vec()
}

/// Reads a row of the history.
pub(super) fn read_change(version: Version, row: &[u8]) -> Result<Modification, StoreError> {
    let change = KeyModification::decode(row).map_err(|_| StoreError::Damaged("a row of the history"))?;
    Ok(Modification {
        version,
        tx_id: change.tx_id,
        timestamp: change.timestamp,
        value: (!change.is_delete).then_some(change.value),
    })
}
