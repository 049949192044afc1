//! What the channel's members have agreed on about a chaincode: version, endorsement policy, private collections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::policy::{Policy, Principal, Role};

/// Beginning of the names of the collections that every organisation has in every chaincode, without configuration.
const IMPLICIT: &str = "_implicit_org_";

/// A chaincode as the channel's members have agreed on it.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    /// Its version, part of every endorsement.
    pub(crate) version: String,
    /// How often it has been defined; 1 for a definition of the configuration file.
    pub(crate) sequence: i64,
    /// Who must endorse.
    pub(crate) policy: Policy,
    /// True if its first transaction must be an initialisation.
    pub(crate) init_required: bool,
    /// Its private collections by name.
    pub(crate) collections: BTreeMap<String, Collection>,
    /// What the organisations have agreed on, encoded; `None` for a definition of the configuration file.
    pub(crate) terms: Option<Vec<u8>>,
}

/// A private collection of a chaincode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collection {
    /// Who its members are.
    pub(crate) members: Policy,
    /// True if only clients of member organisations may have a chaincode read it.
    pub(crate) member_only_read: bool,
    /// True if only clients of member organisations may have a chaincode write it.
    pub(crate) member_only_write: bool,
    /// Number of blocks after which a value disappears; 0 is never.
    pub(crate) blocks_to_live: u64,
    /// Who must endorse writes; the chaincode's policy, if absent.
    pub(crate) endorsement: Option<Policy>,
}

impl Collection {
    /// The collection that belongs to one organisation alone.
    fn implicit(msp_id: &str) -> Self {
        let signed_by = |role| Policy::SignedBy(Principal { msp_id: msp_id.to_owned(), role });
        Self {
            members: signed_by(Role::Member),
            member_only_read: false,
            member_only_write: false,
            blocks_to_live: 0,
            endorsement: Some(signed_by(Role::Peer)),
        }
    }

    /// True when the organisation's peers hold the private data.
    #[must_use]
    pub(crate) fn has_member(&self, msp_id: &str) -> bool {
        let mut members = BTreeSet::new();
        self.members.organisations(&mut members);
        members.contains(msp_id)
    }
}

/// All chaincodes of a channel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Definitions {
    by_name: BTreeMap<String, Arc<Definition>>,
    organisations: BTreeSet<String>,
}

impl Definitions {
    /// No chaincodes yet, on a channel of these organisations.
    #[must_use]
    pub(crate) fn new(organisations: impl IntoIterator<Item = String>) -> Self {
        Self { by_name: BTreeMap::new(), organisations: organisations.into_iter().collect() }
    }

    /// Adds a chaincode, or replaces its definition.
    pub(crate) fn define(&mut self, name: String, definition: Definition) {
        self.by_name.insert(name, Arc::new(definition));
    }

    /// MSP ids of the channel's organisations, in ascending order.
    #[must_use]
    pub(crate) fn organisations(&self) -> Vec<String> {
        self.organisations.iter().cloned().collect()
    }

    /// A chaincode's definition.
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Definition>> {
        self.by_name.get(name)
    }

    /// The names of all chaincodes with their definitions, in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Definition>)> {
        self.by_name.iter().map(|(name, definition)| (name.as_str(), definition))
    }

    /// A collection of a chaincode, one of its own or one that every organisation has.
    #[must_use]
    pub(crate) fn collection(&self, chaincode: &str, collection: &str) -> Option<Collection> {
        let definition = self.by_name.get(chaincode)?;
        if let Some(found) = definition.collections.get(collection) {
            return Some(found.clone());
        }
        let msp_id = collection.strip_prefix(IMPLICIT)?;
        self.organisations.contains(msp_id).then(|| Collection::implicit(msp_id))
    }
}
