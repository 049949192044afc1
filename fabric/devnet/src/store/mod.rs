//! The durable ledger of a channel: state, history, transaction outcomes and blocks in one redb file.
//!
//! A block and all its effects are one durable transaction of the store, so that after a crash the ledger is as of
//! some block, whole.

mod private;
mod rows;
mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hlf_proto::Timestamp;
use hlf_proto::common::Block;
use hlf_proto::protos::TxValidationCode;
use prost::Message;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use thiserror::Error;

use crate::core::block;
use crate::core::snapshot::Outcome;
use crate::core::updates::{Change, PrivateSet, Updates};

pub(crate) use snapshot::StoreSnapshot;

/// Namespace and key → version and value.
const STATE: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("state");
/// Namespace, key, block, transaction → one past change.
const HISTORY: TableDefinition<'_, (&str, &str, u64, u64), &[u8]> = TableDefinition::new("history");
/// Transaction id → block and validation code of the first transaction with this id.
const OUTCOMES: TableDefinition<'_, &str, (u64, u8)> = TableDefinition::new("outcomes");
/// Block number → encoded block.
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
/// Hash of a block's header → its number.
const BLOCK_HASHES: TableDefinition<'_, &[u8], u64> = TableDefinition::new("block_hashes");
/// Block, transaction, chaincode, collection → the private writes of the transaction to the collection.
const PRIVATE: TableDefinition<'_, (u64, u64, &str, &str), &[u8]> = TableDefinition::new("private");
/// Block with which it disappears, namespace, key → version of a private value: block and transaction.
const EXPIRIES: TableDefinition<'_, (u64, &str, &str), (u64, u64)> = TableDefinition::new("expiries");
/// What the file is: its format and the channel.
const ABOUT: TableDefinition<'_, &str, &str> = TableDefinition::new("about");

/// Format of the file; a file of another format is refused.
const FORMAT: &str = "3";

/// Memory for cached pages, in bytes.
const CACHE: usize = 64 * 1024 * 1024;

/// Why the store failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be opened, for instance because another process has it.
    #[error("cannot open the ledger {path}; does another hlf-devnet use it?")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the store says.
        #[source]
        source: redb::DatabaseError,
    },
    /// The file belongs to another channel.
    #[error("the ledger {path} is that of channel {found}, not of {wanted}")]
    Channel {
        /// The file.
        path: PathBuf,
        /// The channel that it was made for.
        found: String,
        /// The channel asked for.
        wanted: String,
    },
    /// The file was written by another version.
    #[error(
        "the ledger {path} has format {found:?}; this version reads format {FORMAT}: start with an empty folder"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The format that it says.
        found: String,
    },
    /// Reading or writing failed.
    #[error("the ledger cannot be read or written")]
    Database(#[from] redb::Error),
    /// A row does not decode.
    #[error("the ledger is damaged: {0}")]
    Damaged(&'static str),
}

/// Shorthand for the several error types of redb.
pub(crate) fn database(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Database(error.into())
}

/// Id, claimed time and verdict of a transaction that is being committed.
#[derive(Debug, Clone)]
pub(crate) struct CommittedTransaction {
    /// Its id; empty when it could not be read.
    pub(crate) tx_id: String,
    /// Time that its creator claims.
    pub(crate) timestamp: Option<Timestamp>,
    /// Its validation code.
    pub(crate) code: TxValidationCode,
}

/// The durable ledger.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    database: Arc<Database>,
}

impl Store {
    /// Opens the ledger of `channel`, and makes it, with block 0, where there is none.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, or belongs to another channel or version.
    pub(crate) fn open(path: &Path, channel: &str) -> Result<Self, StoreError> {
        let database = Database::builder()
            .set_cache_size(CACHE)
            .create(path)
            .map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        let store = Self { database: Arc::new(database) };
        store.prepare(path, channel)?;
        if store.height()? == 0 {
            let genesis = block::genesis(channel);
            store.commit(&genesis, &[], &Updates::default())?;
        }
        Ok(store)
    }

    fn prepare(&self, path: &Path, channel: &str) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(database)?;
        {
            let mut about = write.open_table(ABOUT).map_err(database)?;
            let mut keep = |name: &str, value: &str| -> Result<String, StoreError> {
                let found = about.get(name).map_err(database)?.map(|found| found.value().to_owned());
                if found.is_none() {
                    about.insert(name, value).map_err(database)?;
                }
                Ok(found.unwrap_or_else(|| value.to_owned()))
            };
            let found = keep("format", FORMAT)?;
            if found != FORMAT {
                return Err(StoreError::Format { path: path.to_owned(), found });
            }
            let found = keep("channel", channel)?;
            if found != channel {
                return Err(StoreError::Channel { path: path.to_owned(), found, wanted: channel.to_owned() });
            }
            write.open_table(STATE).map_err(database)?;
            write.open_table(HISTORY).map_err(database)?;
            write.open_table(OUTCOMES).map_err(database)?;
            write.open_table(BLOCKS).map_err(database)?;
            write.open_table(BLOCK_HASHES).map_err(database)?;
            write.open_table(PRIVATE).map_err(database)?;
            write.open_table(EXPIRIES).map_err(database)?;
        }
        write.commit().map_err(database)
    }

    /// Number of blocks; the next block has this number.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn height(&self) -> Result<u64, StoreError> {
        let read = self.database.begin_read().map_err(database)?;
        let blocks = read.open_table(BLOCKS).map_err(database)?;
        Ok(blocks.last().map_err(database)?.map_or(0, |(number, _)| number.value() + 1))
    }

    /// The block with this number.
    ///
    /// # Errors
    /// When the store fails or the block does not decode.
    pub(crate) fn block(&self, number: u64) -> Result<Option<Block>, StoreError> {
        let read = self.database.begin_read().map_err(database)?;
        let blocks = read.open_table(BLOCKS).map_err(database)?;
        let found = blocks.get(number).map_err(database)?;
        found
            .map(|bytes| Block::decode(bytes.value()))
            .transpose()
            .map_err(|_| StoreError::Damaged("a block"))
    }

    /// The block whose header has this hash.
    ///
    /// # Errors
    /// When the store fails or the block does not decode.
    pub(crate) fn block_with_hash(&self, hash: &[u8]) -> Result<Option<Block>, StoreError> {
        let read = self.database.begin_read().map_err(database)?;
        let hashes = read.open_table(BLOCK_HASHES).map_err(database)?;
        let number = hashes.get(hash).map_err(database)?.map(|number| number.value());
        number.map_or(Ok(None), |number| self.block(number))
    }

    /// The private writes of a block, as far as they are there, in the order of its transactions.
    ///
    /// # Errors
    /// When the store fails or a row does not decode.
    pub(crate) fn private(&self, number: u64) -> Result<Vec<PrivateSet>, StoreError> {
        private::read(&self.database.begin_read().map_err(database)?, number)
    }

    /// How the first transaction with this id ended.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn outcome(&self, tx_id: &str) -> Result<Option<Outcome>, StoreError> {
        self.snapshot()?.find_outcome(tx_id)
    }

    /// The ledger as of the last block; later commits do not change it.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn snapshot(&self) -> Result<StoreSnapshot, StoreError> {
        StoreSnapshot::new(&self.database.begin_read().map_err(database)?)
    }

    /// Commits a block with all its effects, durably or not at all.
    ///
    /// # Errors
    /// When the store fails; nothing is committed then.
    pub(crate) fn commit(
        &self,
        block: &Block,
        transactions: &[CommittedTransaction],
        updates: &Updates,
    ) -> Result<(), StoreError> {
        let number = block.header.as_ref().map(|header| header.number).unwrap_or_default();
        let write = self.database.begin_write().map_err(database)?;
        write_block(&write, number, block, transactions)?;
        write_state(&write, updates)?;
        write_history(&write, transactions, updates)?;
        private::write(&write, number, updates)?;
        private::purge(&write, updates)?;
        private::expire(&write, number)?;
        write.commit().map_err(database)
    }
}

fn write_block(
    write: &WriteTransaction,
    number: u64,
    block: &Block,
    transactions: &[CommittedTransaction],
) -> Result<(), StoreError> {
    let mut blocks = write.open_table(BLOCKS).map_err(database)?;
    blocks.insert(number, block.encode_to_vec().as_slice()).map_err(database)?;
    if let Some(header) = &block.header {
        let mut hashes = write.open_table(BLOCK_HASHES).map_err(database)?;
        hashes.insert(block::header_hash(header).as_slice(), number).map_err(database)?;
    }
    let mut outcomes = write.open_table(OUTCOMES).map_err(database)?;
    for transaction in transactions.iter().filter(|transaction| !transaction.tx_id.is_empty()) {
        let id = transaction.tx_id.as_str();
        if outcomes.get(id).map_err(database)?.is_none() {
            outcomes.insert(id, (number, block::code_byte(transaction.code))).map_err(database)?;
        }
    }
    Ok(())
}

fn write_state(write: &WriteTransaction, updates: &Updates) -> Result<(), StoreError> {
    let mut state = write.open_table(STATE).map_err(database)?;
    for (namespace, key, update) in updates.iter() {
        match &update.value {
            Some(value) => {
                let row = rows::state(update.version, &update.metadata, value);
                state.insert((namespace, key), row.as_slice()).map_err(database)?;
            }
            None => {
                state.remove((namespace, key)).map_err(database)?;
            }
        }
    }
    Ok(())
}

fn write_history(
    write: &WriteTransaction,
    transactions: &[CommittedTransaction],
    updates: &Updates,
) -> Result<(), StoreError> {
    let mut history = write.open_table(HISTORY).map_err(database)?;
    for Change { namespace, key, value, version } in updates.changes() {
        let row = rows::change(writer(transactions, version.transaction), value.as_deref());
        let at = (namespace.as_str(), key.as_str(), version.block, version.transaction);
        history.insert(at, row.as_slice()).map_err(database)?;
    }
    Ok(())
}

fn writer(transactions: &[CommittedTransaction], index: u64) -> Option<&CommittedTransaction> {
    usize::try_from(index).ok().and_then(|index| transactions.get(index))
}

#[cfg(test)]
mod tests;
