//! Why a simulation refuses a call.

use hlf_selector::RichQueryError;
use thiserror::Error;

use crate::core::policy_envelope::EnvelopeError;
use crate::core::snapshot::{SnapshotError, Version};

/// Why a call of the chaincode was refused. The texts are Fabric's where Fabric has one.
#[derive(Debug, Error)]
pub(crate) enum SimulationError {
    /// The store failed.
    #[error("the ledger cannot be read")]
    Snapshot(#[from] SnapshotError),
    /// A write after a paginated query.
    #[error(
        "txid [{0}]: unsuppored transaction. Transaction has already performed a paginated query. Writes are not allowed"
    )]
    WriteAfterPage(String),
    /// A paginated query after a write.
    #[error(
        "txid [{0}]: unsuppored transaction. Paginated queries are supported only in a read-only transaction"
    )]
    PageAfterWrite(String),
    /// A write after a query on private data.
    #[error(
        "txid [{0}]: unsuppored transaction. Transaction has already performed queries on pvt data. Writes are not allowed"
    )]
    WriteAfterPrivateQuery(String),
    /// A query on private data after a write.
    #[error(
        "txid [{0}]: unsuppored transaction. Queries on pvt data is supported only in a read-only transaction"
    )]
    PrivateQueryAfterWrite(String),
    /// `QUERY_STATE_NEXT` for a query that was never opened or is closed.
    #[error("query iterator not found")]
    QueryNotFound,
    /// A collection that the chaincode's definition does not have.
    #[error("collection {channel}/{chaincode}/{collection} could not be found")]
    NoCollection {
        /// The channel.
        channel: String,
        /// The chaincode.
        chaincode: String,
        /// The collection.
        collection: String,
    },
    /// The client belongs to no member of the collection.
    #[error(
        "tx creator does not have {access} access permission on privatedata in chaincodeName:{chaincode} collectionName: {collection}"
    )]
    NotPermitted {
        /// `read` or `write`.
        access: &'static str,
        /// The chaincode.
        chaincode: String,
        /// The collection.
        collection: String,
    },
    /// Private data in an initialisation.
    #[error("private data APIs are not allowed in chaincode Init()")]
    PrivateInInit,
    /// A purge without a collection.
    #[error("only applicable for private data")]
    NotPrivate,
    /// The endorsing organisation does not have the value, or not the newest.
    #[error(
        "private data matching public hash version is not available. Public hash version = {}, Private data version = {}",
        height(*.0), height(*.1)
    )]
    PrivateMissing(Option<Version>, Option<Version>),
    /// A key or a value that the state database does not take.
    #[error("{0}")]
    Unstorable(String),
    /// An endorsement policy for a key that uses what is not supported.
    #[error(transparent)]
    Policy(#[from] EnvelopeError),
    /// A rich query that cannot be run.
    #[error(transparent)]
    Rich(#[from] RichQueryError),
}

/// A version as Fabric's errors write it.
fn height(version: Option<Version>) -> String {
    version.map_or_else(
        || "<nil>".into(),
        |version| format!("{{BlockNum: {}, TxNum: {}}}", version.block, version.transaction),
    )
}
