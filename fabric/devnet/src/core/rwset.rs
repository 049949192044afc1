//! Read and write sets: what a transaction read and wants to write, and their encoding in a proposal response.

use std::collections::BTreeMap;

use hlf_proto::kvrwset::{
    HashedRwSet, KvMetadataEntry, KvMetadataWrite, KvMetadataWriteHash, KvRead, KvReadHash, KvWrite,
    KvWriteHash, KvrwSet, RangeQueryInfo,
};
use hlf_proto::rwset::{
    CollectionHashedReadWriteSet, CollectionPvtReadWriteSet, NsPvtReadWriteSet, NsReadWriteSet,
    TxPvtReadWriteSet, TxReadWriteSet, tx_read_write_set::DataModel,
};
use prost::Message;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::private::{hashed_key, hashed_namespace};
use super::snapshot::{Metadata, Version};

/// The reads and writes of one transaction, by namespace in ascending order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ReadWriteSet {
    /// One entry per chaincode that was read or written.
    pub(crate) namespaces: Vec<NamespaceSet>,
}

/// The reads and writes of one chaincode.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NamespaceSet {
    /// Name of the chaincode.
    pub(crate) name: String,
    /// Its reads, range queries and writes.
    pub(crate) set: KvrwSet,
    /// What it read and wrote in private collections, as hashes.
    pub(crate) collections: Vec<CollectionSet>,
}

/// The reads and writes of one private collection, as hashes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CollectionSet {
    /// Name of the collection.
    pub(crate) name: String,
    /// Its reads and writes.
    pub(crate) set: HashedRwSet,
    /// SHA-256 of the private writes; empty if there are none.
    pub(crate) private_hash: Vec<u8>,
}

/// Bytes that are no read and write set.
#[derive(Debug, Error)]
pub(crate) enum RwsetError {
    /// Not the message that it should be.
    #[error("not a read and write set")]
    Malformed(#[from] prost::DecodeError),
}

/// What a transaction does to one key: public ones under their own names, private ones under their hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Operation {
    /// The new value, `Some(None)` for a deletion; `None` if only metadata are written.
    pub(crate) value: Option<Option<Vec<u8>>>,
    /// The new metadata, if they are written.
    pub(crate) metadata: Option<Metadata>,
}

impl ReadWriteSet {
    /// Decodes the field `results` of a chaincode action.
    ///
    /// # Errors
    /// When the bytes are malformed.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RwsetError> {
        let outer = TxReadWriteSet::decode(bytes)?;
        let mut namespaces = Vec::with_capacity(outer.ns_rwset.len());
        for inner in outer.ns_rwset {
            let mut collections = Vec::new();
            for collection in inner.collection_hashed_rwset {
                collections.push(CollectionSet {
                    name: collection.collection_name,
                    set: HashedRwSet::decode(collection.hashed_rwset.as_slice())?,
                    private_hash: collection.pvt_rwset_hash,
                });
            }
            let set = KvrwSet::decode(inner.rwset.as_slice())?;
            namespaces.push(NamespaceSet { name: inner.namespace, set, collections });
        }
        Ok(Self { namespaces })
    }

    /// Encodes it as the field `results` of a chaincode action; equal sets give equal bytes.
    #[must_use]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let ns_rwset = self.namespaces.iter().map(NamespaceSet::to_wire).collect();
        TxReadWriteSet { data_model: DataModel::Kv.into(), ns_rwset }.encode_to_vec()
    }

    /// Names of the chaincodes whose state it changes.
    pub(crate) fn written_namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().filter(|namespace| namespace.writes()).map(|namespace| namespace.name.as_str())
    }
}

impl NamespaceSet {
    fn to_wire(&self) -> NsReadWriteSet {
        let collection = |collection: &CollectionSet| CollectionHashedReadWriteSet {
            collection_name: collection.name.clone(),
            hashed_rwset: collection.set.encode_to_vec(),
            pvt_rwset_hash: collection.private_hash.clone(),
        };
        NsReadWriteSet {
            namespace: self.name.clone(),
            rwset: self.set.encode_to_vec(),
            collection_hashed_rwset: self.collections.iter().map(collection).collect(),
        }
    }

    fn writes(&self) -> bool {
        !self.set.writes.is_empty()
            || !self.set.metadata_writes.is_empty()
            || self.collections.iter().any(|CollectionSet { set, .. }| {
                !set.hashed_writes.is_empty() || !set.metadata_writes.is_empty()
            })
    }

    /// What it does to each key, by namespace and key of the state.
    #[must_use]
    pub(crate) fn operations(&self) -> BTreeMap<(String, String), Operation> {
        let mut operations: BTreeMap<(String, String), Operation> = BTreeMap::new();
        for write in &self.set.writes {
            let deleted = write.is_delete || write.value.is_empty();
            let key = (self.name.clone(), write.key.clone());
            operations.entry(key).or_default().value = Some((!deleted).then(|| write.value.clone()));
        }
        for write in &self.set.metadata_writes {
            let key = (self.name.clone(), write.key.clone());
            operations.entry(key).or_default().metadata = Some(read_metadata(&write.entries));
        }
        for CollectionSet { name, set, .. } in &self.collections {
            let namespace = hashed_namespace(&self.name, name);
            for write in &set.hashed_writes {
                let deleted = write.is_delete || write.value_hash.is_empty();
                let key = (namespace.clone(), hex::encode(&write.key_hash));
                operations.entry(key).or_default().value = Some((!deleted).then(|| write.value_hash.clone()));
            }
            for write in &set.metadata_writes {
                let key = (namespace.clone(), hex::encode(&write.key_hash));
                operations.entry(key).or_default().metadata = Some(read_metadata(&write.entries));
            }
        }
        operations
    }
}

/// Collects the reads and writes of a simulation.
#[derive(Debug, Default)]
pub(crate) struct RwsetBuilder {
    namespaces: BTreeMap<String, Collected>,
}

#[derive(Debug, Default)]
struct Collected {
    reads: BTreeMap<String, Option<Version>>,
    writes: BTreeMap<String, Vec<u8>>,
    metadata: BTreeMap<String, Metadata>,
    ranges: Vec<RangeQueryInfo>,
    collections: BTreeMap<String, CollectedPrivate>,
}

/// By the keys themselves; Fabric orders hashes by the keys that they are of.
#[derive(Debug, Default)]
struct CollectedPrivate {
    reads: BTreeMap<String, Option<Version>>,
    writes: BTreeMap<String, PrivateWrite>,
    metadata: BTreeMap<String, Metadata>,
}

#[derive(Debug)]
struct PrivateWrite {
    value: Vec<u8>,
    purge: bool,
}

impl RwsetBuilder {
    /// Notes that a key was read in this version; `None` when there was no such key.
    pub(crate) fn read(&mut self, namespace: &str, key: &str, version: Option<Version>) {
        self.namespace(namespace).reads.insert(key.to_owned(), version);
    }

    /// Notes a write; an empty value is a deletion, as in Fabric. The last write of a key counts.
    pub(crate) fn write(&mut self, namespace: &str, key: &str, value: Vec<u8>) {
        self.namespace(namespace).writes.insert(key.to_owned(), value);
    }

    /// Notes new metadata of a key, in place of all that it has.
    pub(crate) fn write_metadata(&mut self, namespace: &str, key: &str, metadata: Metadata) {
        self.namespace(namespace).metadata.insert(key.to_owned(), metadata);
    }

    /// Notes that a private key or its hash was read.
    pub(crate) fn read_private(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
        version: Option<Version>,
    ) {
        self.collection(namespace, collection).reads.insert(key.to_owned(), version);
    }

    /// Notes a private write; an empty value is a deletion.
    pub(crate) fn write_private(&mut self, namespace: &str, collection: &str, key: &str, value: Vec<u8>) {
        let write = PrivateWrite { value, purge: false };
        self.collection(namespace, collection).writes.insert(key.to_owned(), write);
    }

    /// Notes that a private key is deleted with all that is left of it.
    pub(crate) fn purge_private(&mut self, namespace: &str, collection: &str, key: &str) {
        let write = PrivateWrite { value: Vec::new(), purge: true };
        self.collection(namespace, collection).writes.insert(key.to_owned(), write);
    }

    /// Notes new metadata of a private key.
    pub(crate) fn write_private_metadata(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
        metadata: Metadata,
    ) {
        self.collection(namespace, collection).metadata.insert(key.to_owned(), metadata);
    }

    /// Notes a range query, unless the same range has been noted before.
    pub(crate) fn range(&mut self, namespace: &str, query: RangeQueryInfo) {
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

    /// The finished set, and the private writes in plain text if there are any.
    #[must_use]
    pub(crate) fn build(self) -> (ReadWriteSet, Option<TxPvtReadWriteSet>) {
        let mut namespaces = Vec::new();
        let mut private = Vec::new();
        for (name, collected) in self.namespaces {
            let mut collections = Vec::new();
            let mut plain = Vec::new();
            for (name, collected) in collected.collections {
                let rwset = collected.private_writes().map(|set| set.encode_to_vec());
                let private_hash = rwset.as_ref().map(|bytes| Sha256::digest(bytes).to_vec());
                collections.push(CollectionSet {
                    name: name.clone(),
                    set: collected.into_hashed(),
                    private_hash: private_hash.unwrap_or_default(),
                });
                plain.extend(rwset.map(|rwset| CollectionPvtReadWriteSet { collection_name: name, rwset }));
            }
            if !plain.is_empty() {
                private.push(NsPvtReadWriteSet { namespace: name.clone(), collection_pvt_rwset: plain });
            }
            let set = KvrwSet {
                reads: encode_all(collected.reads, encode_read),
                range_queries_info: collected.ranges,
                writes: encode_all(collected.writes, write_of),
                metadata_writes: encode_all(collected.metadata, |key, metadata| KvMetadataWrite {
                    key,
                    entries: metadata_entries(metadata),
                }),
            };
            namespaces.push(NamespaceSet { name, set, collections });
        }
        let private = (!private.is_empty())
            .then(|| TxPvtReadWriteSet { data_model: DataModel::Kv.into(), ns_pvt_rwset: private });
        (ReadWriteSet { namespaces }, private)
    }

    fn namespace(&mut self, name: &str) -> &mut Collected {
        self.namespaces.entry(name.to_owned()).or_default()
    }

    fn collection(&mut self, namespace: &str, name: &str) -> &mut CollectedPrivate {
        self.namespace(namespace).collections.entry(name.to_owned()).or_default()
    }
}

impl CollectedPrivate {
    /// The writes in plain text. Metadata are only named: they are kept with the hashes.
    fn private_writes(&self) -> Option<KvrwSet> {
        let writes = self.writes.iter().map(|(key, write)| write_of(key.clone(), write.value.clone()));
        let metadata = self.metadata.keys();
        let set = KvrwSet {
            writes: writes.collect(),
            metadata_writes: metadata
                .map(|key| KvMetadataWrite { key: key.clone(), entries: Vec::new() })
                .collect(),
            ..KvrwSet::default()
        };
        (!set.writes.is_empty() || !set.metadata_writes.is_empty()).then_some(set)
    }

    fn into_hashed(self) -> HashedRwSet {
        HashedRwSet {
            hashed_reads: encode_all(self.reads, |key, version| KvReadHash {
                key_hash: hashed_key(&key),
                version: version.map(wire_version),
            }),
            hashed_writes: encode_all(self.writes, |key, write| KvWriteHash {
                key_hash: hashed_key(&key),
                is_delete: write.value.is_empty(),
                value_hash: if write.value.is_empty() {
                    Vec::new()
                } else {
                    Sha256::digest(&write.value).to_vec()
                },
                is_purge: write.purge,
            }),
            metadata_writes: encode_all(self.metadata, |key, metadata| KvMetadataWriteHash {
                key_hash: hashed_key(&key),
                entries: metadata_entries(metadata),
            }),
        }
    }
}

fn encode_all<V, M>(entries: BTreeMap<String, V>, encode: impl Fn(String, V) -> M) -> Vec<M> {
    entries.into_iter().map(|(key, value)| encode(key, value)).collect()
}

fn write_of(key: String, value: Vec<u8>) -> KvWrite {
    KvWrite { key, is_delete: value.is_empty(), value }
}

/// Metadata in their wire form.
pub(crate) fn metadata_entries(metadata: Metadata) -> Vec<KvMetadataEntry> {
    metadata.into_iter().map(|(name, value)| KvMetadataEntry { name, value }).collect()
}

/// Metadata from their wire form.
pub(crate) fn read_metadata(entries: &[KvMetadataEntry]) -> Metadata {
    entries.iter().map(|entry| (entry.name.clone(), entry.value.clone())).collect()
}

/// A read in its wire form.
pub(crate) fn encode_read(key: String, version: Option<Version>) -> KvRead {
    KvRead { key, version: version.map(wire_version) }
}

/// The version in a read's wire form.
pub(crate) fn read_version(version: Option<&hlf_proto::kvrwset::Version>) -> Option<Version> {
    version.map(|version| Version { block: version.block_num, transaction: version.tx_num })
}

fn wire_version(version: Version) -> hlf_proto::kvrwset::Version {
    hlf_proto::kvrwset::Version { block_num: version.block, tx_num: version.transaction }
}
