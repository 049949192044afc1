//! Whose endorsements a transaction needs, as the first endorser tells the gateway.

use std::collections::{BTreeMap, BTreeSet};

use hlf_proto::protos::{ChaincodeCall, ChaincodeInterest};
use prost::Message;

use super::definition::Definitions;
use super::policy::Policy;
use super::policy_envelope;
use super::private::hashed_namespace;
use super::rwset::ReadWriteSet;
use super::snapshot::{Snapshot, SnapshotError, VALIDATION_PARAMETER};

/// Chaincode and collection that a simulation has read in plain text; hashes do not count.
pub(crate) type PrivateReads = BTreeSet<(String, String)>;

/// What Fabric's endorser says about a simulation: the chaincodes that it touched, their collections, and the policies
/// of the keys that it writes.
///
/// # Errors
/// When the snapshot cannot be read.
pub(crate) fn interest(
    set: &ReadWriteSet,
    private_reads: &PrivateReads,
    snapshot: &dyn Snapshot,
) -> Result<ChaincodeInterest, SnapshotError> {
    let mut chaincodes = Vec::new();
    for namespace in &set.namespaces {
        let name = namespace.name.as_str();
        let collection_of: BTreeMap<String, &str> = namespace
            .collections
            .iter()
            .map(|collection| (hashed_namespace(name, &collection.name), collection.name.as_str()))
            .collect();
        let mut key_policies = Vec::new();
        let mut collections: BTreeSet<&str> = BTreeSet::new();
        let operations = namespace.operations();
        // Without any write the chaincode's policy decides.
        let mut by_namespace = operations.is_empty();
        for (state, key) in operations.into_keys() {
            let metadata = snapshot.get(&state, &key)?.map(|found| found.metadata).unwrap_or_default();
            let policy = metadata.get(VALIDATION_PARAMETER).filter(|policy| !policy.is_empty());
            match (policy, collection_of.get(&state)) {
                (Some(policy), _) => {
                    key_policies
                        .extend(hlf_proto::common::SignaturePolicyEnvelope::decode(policy.as_slice()));
                }
                (None, None) => by_namespace = true,
                (None, Some(collection)) => {
                    collections.insert(collection);
                }
            }
        }
        let reads = private_reads.iter().filter(|(chaincode, _)| chaincode == name);
        collections.extend(reads.map(|(_, collection)| collection.as_str()));
        if by_namespace || !key_policies.is_empty() {
            chaincodes.push(ChaincodeCall {
                name: name.to_owned(),
                disregard_namespace_policy: !by_namespace,
                key_policies,
                ..ChaincodeCall::default()
            });
        }
        for collection in collections {
            chaincodes.push(ChaincodeCall {
                name: name.to_owned(),
                collection_names: vec![collection.to_owned()],
                no_private_reads: !private_reads.contains(&(name.to_owned(), collection.to_owned())),
                ..ChaincodeCall::default()
            });
        }
    }
    Ok(ChaincodeInterest { chaincodes })
}

/// What discovery makes of an interest: policies that all must be satisfied, and who may endorse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// The policies.
    pub(crate) policies: Vec<Policy>,
    /// The organisations whose peers can simulate it, because they have the private data.
    pub(crate) organisations: Vec<String>,
}

/// Works out who must and who can endorse. `None` if a chaincode or a collection is not defined, or a key's policy
/// cannot be read.
#[must_use]
pub(crate) fn require(
    interest: &ChaincodeInterest,
    definitions: &Definitions,
    mut organisations: Vec<String>,
) -> Option<Requirement> {
    let mut policies = Vec::new();
    for call in &interest.chaincodes {
        let definition = definitions.get(&call.name)?;
        for policy in &call.key_policies {
            policies.push(policy_envelope::from_envelope(policy).ok()?);
        }
        let mut by_collections = !call.collection_names.is_empty();
        for name in &call.collection_names {
            let collection = definitions.collection(&call.name, name)?;
            match &collection.endorsement {
                Some(policy) => policies.push(policy.clone()),
                None => by_collections = false,
            }
            if !call.no_private_reads {
                organisations.retain(|organisation| collection.has_member(organisation));
            }
        }
        if !call.disregard_namespace_policy && !by_collections {
            policies.push(definition.policy.clone());
        }
    }
    policies.dedup();
    Some(Requirement { policies, organisations })
}
