//! The store's rows as bytes.

use hlf_proto::queryresult::KeyModification;
use prost::Message;

use super::{CommittedTransaction, StoreError};
use crate::core::snapshot::{Modification, Version, Versioned};

/// A row of the state: block number and transaction index, 8 bytes each, big-endian; then the value.
pub(super) fn state(version: Version, value: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(16 + value.len());
    row.extend(version.block.to_be_bytes());
    row.extend(version.transaction.to_be_bytes());
    row.extend(value);
    row
}

/// Reads a row of the state.
pub(super) fn read_state(row: &[u8]) -> Result<Versioned, StoreError> {
    let damaged = StoreError::Damaged("a row of the state");
    let Some((block, rest)) = row.split_first_chunk() else { return Err(damaged) };
    let Some((transaction, value)) = rest.split_first_chunk() else { return Err(damaged) };
    let version =
        Version { block: u64::from_be_bytes(*block), transaction: u64::from_be_bytes(*transaction) };
    Ok(Versioned { value: value.to_vec(), version })
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
