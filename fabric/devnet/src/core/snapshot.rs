//! What a simulation or a validation sees of the committed ledger.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::Bound;

use hlf_proto::Timestamp;
use hlf_proto::protos::TxValidationCode;
use thiserror::Error;

/// Position of the transaction that wrote a value last: block number, then index in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Version {
    /// Number of the block.
    pub(crate) block: u64,
    /// Index of the transaction in the block, from 0.
    pub(crate) transaction: u64,
}

/// Named values beside a key's value.
pub(crate) type Metadata = BTreeMap<String, Vec<u8>>;

/// Name of the metadata that holds a key's own endorsement policy.
pub(crate) const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";

/// A committed value and the transaction that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Versioned {
    /// The value; never empty, because Fabric takes an empty value for a deletion.
    pub(crate) value: Vec<u8>,
    /// Who wrote it.
    pub(crate) version: Version,
    /// What stands beside it; its key-level endorsement policy, for instance.
    pub(crate) metadata: Metadata,
}

/// One past change of a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Modification {
    /// Where the change was committed.
    pub(crate) version: Version,
    /// Id of the transaction.
    pub(crate) tx_id: String,
    /// Time that the transaction's creator claims.
    pub(crate) timestamp: Option<Timestamp>,
    /// The new value; `None` for a deletion.
    pub(crate) value: Option<Vec<u8>>,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Number of the block that holds it.
    pub(crate) block: u64,
    /// Its validation code.
    pub(crate) code: TxValidationCode,
}

/// The committed ledger cannot be read.
#[derive(Debug, Error)]
#[error("the ledger cannot be read")]
pub struct SnapshotError(#[source] Box<dyn Error + Send + Sync>);

impl SnapshotError {
    /// Wraps the store's own error.
    pub(crate) fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// The ledger as of one block, unchanging.
pub(crate) trait Snapshot: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// When the store fails.
    fn get(&self, namespace: &str, key: &str) -> Result<Option<Versioned>, SnapshotError>;

    /// At most `limit` keys of a range in ascending byte order.
    ///
    /// # Errors
    /// When the store fails.
    fn scan(
        &self,
        namespace: &str,
        range: (Bound<&str>, Bound<&str>),
        limit: usize,
    ) -> Result<Vec<(String, Versioned)>, SnapshotError>;

    /// At most `limit` changes of a key, newest first, all before `before` if that is given.
    ///
    /// # Errors
    /// When the store fails.
    fn history(
        &self,
        namespace: &str,
        key: &str,
        before: Option<Version>,
        limit: usize,
    ) -> Result<Vec<Modification>, SnapshotError>;

    /// How the transaction with this id ended; of several with one id, the first.
    ///
    /// # Errors
    /// When the store fails.
    fn outcome(&self, tx_id: &str) -> Result<Option<Outcome>, SnapshotError>;
}

/// True when no string can lie in the range.
pub(crate) fn is_empty_range(range: &(Bound<&str>, Bound<&str>)) -> bool {
    match *range {
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end))
        | (Bound::Excluded(start), Bound::Included(end)) => start >= end,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}
