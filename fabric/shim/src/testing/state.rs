//! What valid transactions have left, and what a transaction that runs would leave.

use std::collections::BTreeMap;

use hlf_proto::Timestamp;
use hlf_proto::queryresult::KeyModification;

/// Where a key is: chaincode, collection (empty for the public state), key.
pub(super) type Place = (String, String, String);

/// What a transaction does to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Put(Vec<u8>),
    Delete,
    Purge,
}

impl Write {
    /// The value that the key then has.
    pub(super) fn value(&self) -> Option<Vec<u8>> {
        match self {
            Self::Put(value) => Some(value.clone()),
            Self::Delete | Self::Purge => None,
        }
    }
}

/// What a transaction writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    pub(super) values: BTreeMap<Place, Write>,
    pub(super) policies: BTreeMap<Place, Vec<u8>>,
}

impl Writes {
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.policies.is_empty()
    }
}

/// The ledger's content.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) values: BTreeMap<Place, Vec<u8>>,
    pub(super) policies: BTreeMap<Place, Vec<u8>>,
    /// Changes of public keys, the oldest first.
    pub(super) history: BTreeMap<Place, Vec<KeyModification>>,
}

impl State {
    /// Takes a valid transaction's writes in.
    pub(super) fn commit(&mut self, writes: Writes, tx_id: &str, timestamp: Option<Timestamp>) {
        for (place, write) in writes.values {
            let value = write.value();
            if place.1.is_empty() {
                let change = KeyModification {
                    tx_id: tx_id.to_owned(),
                    value: value.clone().unwrap_or_default(),
                    timestamp,
                    is_delete: value.is_none(),
                };
                self.history.entry(place.clone()).or_default().push(change);
            }
            if value.is_none() {
                self.policies.remove(&place);
            }
            match value {
                Some(value) => self.values.insert(place, value),
                None => self.values.remove(&place),
            };
        }
        for (place, policy) in writes.policies {
            // A policy belongs to a value.
            if self.values.contains_key(&place) {
                self.policies.insert(place, policy);
            }
        }
    }

    /// The entries of a collection from one key up to another; an empty last key is after all.
    pub(super) fn between(
        &self,
        chaincode: &str,
        collection: &str,
        start: &str,
        end: &str,
    ) -> impl Iterator<Item = (&str, &Vec<u8>)> {
        let first = (chaincode.to_owned(), collection.to_owned(), start.to_owned());
        let (chaincode, collection, end) = (chaincode.to_owned(), collection.to_owned(), end.to_owned());
        self.values
            .range(first..)
            .take_while(move |((of, within, key), _)| {
                *of == chaincode && *within == collection && (end.is_empty() || *key < end)
            })
            .map(|((_, _, key), value)| (key.as_str(), value))
    }
}
