//! The private writes beside the blocks, and when they are to be gone.

use hlf_proto::kvrwset::KvrwSet;
use prost::Message;
use redb::{ReadTransaction, ReadableTable, Table, WriteTransaction};

use super::{EXPIRIES, PRIVATE, STATE, StoreError, database, rows};
use crate::core::private::hashed_key;
use crate::core::snapshot::Version;
use crate::core::updates::{Expiry, PrivateSet, Purge, Updates};

type Row<'a> = (u64, u64, &'a str, &'a str);

/// Reads the private sets of block `number`.
pub(super) fn read(read: &ReadTransaction, number: u64) -> Result<Vec<PrivateSet>, StoreError> {
    let private = read.open_table(PRIVATE).map_err(database)?;
    let mut sets = Vec::new();
    let range = (number, 0, "", "")..(number.saturating_add(1), 0, "", "");
    for row in private.range(range).map_err(database)? {
        let (at, set) = row.map_err(database)?;
        let (_, transaction, chaincode, collection) = at.value();
        let (chaincode, collection) = (chaincode.to_owned(), collection.to_owned());
        sets.push(PrivateSet { transaction, chaincode, collection, set: decode(set.value())? });
    }
    Ok(sets)
}

/// Writes the private sets of block `number` and when their values disappear.
pub(super) fn write(write: &WriteTransaction, number: u64, updates: &Updates) -> Result<(), StoreError> {
    let mut private = write.open_table(PRIVATE).map_err(database)?;
    for PrivateSet { transaction, chaincode, collection, set } in updates.private() {
        let at = (number, *transaction, chaincode.as_str(), collection.as_str());
        private.insert(at, set.encode_to_vec().as_slice()).map_err(database)?;
    }
    let mut expiries = write.open_table(EXPIRIES).map_err(database)?;
    for Expiry { block, namespace, key, version } in updates.expiries() {
        let at = (*block, namespace.as_str(), key.as_str());
        expiries.insert(at, (version.block, version.transaction)).map_err(database)?;
    }
    Ok(())
}

/// Removes the private values whose time is over with block `number`, unless they have been written again.
pub(super) fn expire(write: &WriteTransaction, number: u64) -> Result<(), StoreError> {
    let mut expiries = write.open_table(EXPIRIES).map_err(database)?;
    let mut state = write.open_table(STATE).map_err(database)?;
    let mut sets = write.open_table(PRIVATE).map_err(database)?;
    let range = (0, "", "")..(number.saturating_add(1), "", "");
    for due in expiries.extract_from_if(range, |_, _| true).map_err(database)? {
        let (at, version) = due.map_err(database)?;
        let ((_, namespace, key), (block, transaction)) = (at.value(), version.value());
        if let Some((chaincode, collection)) = namespace.split_once("$$p") {
            let row = (block, transaction, chaincode, collection);
            forget(&mut sets, row, |written| written == key)?;
        }
        let found = state.get((namespace, key)).map_err(database)?;
        let found = found.map(|row| rows::read_state(row.value())).transpose()?;
        if found.is_some_and(|found| found.version == Version { block, transaction }) {
            state.remove((namespace, key)).map_err(database)?;
        }
    }
    Ok(())
}

/// Removes purged keys from the private writes of all blocks.
pub(super) fn purge(write: &WriteTransaction, updates: &Updates) -> Result<(), StoreError> {
    let mut sets = write.open_table(PRIVATE).map_err(database)?;
    for Purge { chaincode, collection, key_hash } in updates.purges() {
        let mut rows = Vec::new();
        for row in sets.iter().map_err(database)? {
            let (at, _) = row.map_err(database)?;
            let (block, transaction, found_chaincode, found_collection) = at.value();
            if (found_chaincode, found_collection) == (chaincode.as_str(), collection.as_str()) {
                rows.push((block, transaction));
            }
        }
        for (block, transaction) in rows {
            let row = (block, transaction, chaincode.as_str(), collection.as_str());
            forget(&mut sets, row, |key| hashed_key(key) == *key_hash)?;
        }
    }
    Ok(())
}

/// Removes the writes of some keys from a private set.
fn forget(
    sets: &mut Table<'_, (u64, u64, &'static str, &'static str), &'static [u8]>,
    row: Row<'_>,
    is_gone: impl Fn(&str) -> bool,
) -> Result<(), StoreError> {
    let found = sets.get(row).map_err(database)?.map(|set| decode(set.value())).transpose()?;
    if let Some(mut set) = found {
        set.writes.retain(|write| !is_gone(&write.key));
        sets.insert(row, set.encode_to_vec().as_slice()).map_err(database)?;
    }
    Ok(())
}

fn decode(bytes: &[u8]) -> Result<KvrwSet, StoreError> {
    KvrwSet::decode(bytes).map_err(|_| StoreError::Damaged("a private set"))
}
