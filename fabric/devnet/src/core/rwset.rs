//! Read and write sets: what a simulation read, what it wants to write, and their encoding in a proposal response.

use std::collections::BTreeMap;

use hlf_proto::kvrwset::{KvRead, KvWrite, KvrwSet, RangeQueryInfo, range_query_info::ReadsInfo};
use hlf_proto::rwset::{NsReadWriteSet, TxReadWriteSet, tx_read_write_set::DataModel};
use prost::Message;
use thiserror::Error;

use super::snapshot::Version;

/// The reads and writes of one transaction, by namespace in ascending order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadWriteSet {
    /// One entry per chaincode that was read or written.
    pub namespaces: Vec<NamespaceSet>,
}

/// The reads and writes of one chaincode.
#[derive(Debug, Clone, PartialEq)]
pub struct NamespaceSet {
    /// Name of the chaincode.
    pub name: String,
    /// Its reads, range queries and writes.
    pub set: KvrwSet,
}

/// Bytes that are no read and write set, or one that this network does not support.
#[derive(Debug, Error)]
pub enum RwsetError {
    /// Not the message that it should be.
    #[error("not a read and write set")]
    Malformed(#[from] prost::DecodeError),
    /// Key-level policies, private data and hashed range queries are not supported.
    #[error("the read and write set of {0} holds metadata writes, private data or hashed range queries")]
    Unsupported(String),
}

impl ReadWriteSet {
    /// Decodes the field `results` of a chaincode action.
    ///
    /// # Errors
    /// When the bytes are malformed or hold what this network does not support.
    pub fn decode(bytes: &[u8]) -> Result<Self, RwsetError> {
        let outer = TxReadWriteSet::decode(bytes)?;
        let mut namespaces = Vec::with_capacity(outer.ns_rwset.len());
        for inner in outer.ns_rwset {
            let set = KvrwSet::decode(inner.rwset.as_slice())?;
            let hashed =
                |query: &RangeQueryInfo| matches!(query.reads_info, Some(ReadsInfo::ReadsMerkleHashes(_)));
            if !inner.collection_hashed_rwset.is_empty()
                || !set.metadata_writes.is_empty()
                || set.range_queries_info.iter().any(hashed)
            {
                return Err(RwsetError::Unsupported(inner.namespace));
            }
            namespaces.push(NamespaceSet { name: inner.namespace, set });
        }
        Ok(Self { namespaces })
    }

    /// Encodes it as the field `results` of a chaincode action; equal sets give equal bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let ns_rwset = self
            .namespaces
            .iter()
            .map(|namespace| NsReadWriteSet {
                namespace: namespace.name.clone(),
                rwset: namespace.set.encode_to_vec(),
                collection_hashed_rwset: Vec::new(),
            })
            .collect();
        TxReadWriteSet { data_model: DataModel::Kv.into(), ns_rwset }.encode_to_vec()
    }

    /// Names of the chaincodes whose state it changes.
    pub fn written_namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces
            .iter()
            .filter(|namespace| !namespace.set.writes.is_empty())
            .map(|namespace| namespace.name.as_str())
    }
}

/// Collects the reads and writes of a simulation.
#[derive(Debug, Default)]
pub struct RwsetBuilder {
    namespaces: BTreeMap<String, Collected>,
}

#[derive(Debug, Default)]
struct Collected {
    reads: BTreeMap<String, Option<Version>>,
    writes: BTreeMap<String, Vec<u8>>,
    ranges: Vec<RangeQueryInfo>,
}

impl RwsetBuilder {
    /// Notes that a key was read in this version; `None` when there was no such key.
    pub fn read(&mut self, namespace: &str, key: &str, version: Option<Version>) {
        self.namespace(namespace).reads.insert(key.to_owned(), version);
    }

    /// Notes a write; an empty value is a deletion, as in Fabric. The last write of a key counts.
    pub fn write(&mut self, namespace: &str, key: &str, value: Vec<u8>) {
        self.namespace(namespace).writes.insert(key.to_owned(), value);
    }

    /// Notes a range query, unless the same range has been noted before.
    pub fn range(&mut self, namespace: &str, query: RangeQueryInfo) {
        let ranges = &mut self.namespace(namespace).ranges;
        let same = |known: &RangeQueryInfo| {
            known.start_key == query.start_key
                && known.end_key == query.end_key
                && known.itr_exhausted == query.itr_exhausted
        };
        if !ranges.iter().any(same) {
            ranges.push(query);
        }
    }

    /// The finished set.
    #[must_use]
    pub fn build(self) -> ReadWriteSet {
        let namespaces = self.namespaces.into_iter().map(|(name, collected)| {
            let reads = collected.reads.into_iter().map(|(key, version)| encode_read(key, version)).collect();
            let writes = collected
                .writes
                .into_iter()
                .map(|(key, value)| KvWrite { key, is_delete: value.is_empty(), value })
                .collect();
            let set =
                KvrwSet { reads, range_queries_info: collected.ranges, writes, metadata_writes: Vec::new() };
            NamespaceSet { name, set }
        });
        ReadWriteSet { namespaces: namespaces.collect() }
    }

    fn namespace(&mut self, name: &str) -> &mut Collected {
        self.namespaces.entry(name.to_owned()).or_default()
    }
}

/// A read in its wire form.
pub(crate) fn encode_read(key: String, version: Option<Version>) -> KvRead {
    let version = version
        .map(|version| hlf_proto::kvrwset::Version { block_num: version.block, tx_num: version.transaction });
    KvRead { key, version }
}

/// The version in a read's wire form.
pub(crate) fn read_version(read: &KvRead) -> Option<Version> {
    read.version.as_ref().map(|version| Version { block: version.block_num, transaction: version.tx_num })
}
