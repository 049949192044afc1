//! What a simulation is for, and what goes in and out of it.

use std::sync::Arc;

use hlf_proto::rwset::TxPvtReadWriteSet;

use crate::core::definition::Definitions;
use crate::core::interest::PrivateReads;
use crate::core::policy::Principal;
use crate::core::rwset::ReadWriteSet;

/// A part of a query's results.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Id of the query, for the next part.
    pub(crate) id: String,
    /// Encoded results.
    pub(crate) results: Vec<Vec<u8>>,
    /// True when there is another part.
    pub(crate) has_more: bool,
    /// With pagination: where the next page starts.
    pub(crate) bookmark: Option<String>,
}

/// Which part of a query an explicit page is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Most results; 0 for no limit of its own.
    pub(crate) size: usize,
    /// Bookmark of the page before, or empty.
    pub(crate) bookmark: String,
}

/// For whom a transaction is simulated, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The channel.
    pub(crate) channel: String,
    /// The transaction.
    pub(crate) tx_id: String,
    /// Who has proposed it.
    pub(crate) creator: Principal,
    /// MSP id of the organisation whose peer simulates.
    pub(crate) peer: String,
    /// The channel's chaincodes.
    pub(crate) definitions: Arc<Definitions>,
    /// True if keys and values must be such as CouchDB takes.
    pub(crate) couchdb: bool,
}

/// One chaincode's part of a transaction: the called one's, or that of one called by a chaincode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Context {
    /// Name of the chaincode.
    pub(crate) namespace: String,
    /// True while it is initialised.
    pub(crate) is_init: bool,
}

/// A key, public or in a private collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// The collection; empty for public keys.
    pub(crate) collection: &'a str,
    /// The key.
    pub(crate) key: &'a str,
}

/// What a simulation came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Simulation {
    /// What it read and wants to write, with private writes as hashes.
    pub(crate) set: ReadWriteSet,
    /// The private writes.
    pub(crate) private: Option<TxPvtReadWriteSet>,
    /// The collections whose values it has read.
    pub(crate) private_reads: PrivateReads,
}
