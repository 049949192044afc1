//! Whether the endorsements of a transaction are enough: policies of chaincodes, of collections, and of single keys.

use std::collections::{BTreeMap, BTreeSet};

use hlf_proto::protos::TxValidationCode;

use super::definition::{Definition, Definitions};
use super::policy::Principal;
use super::policy_envelope;
use super::private::hashed_namespace;
use super::rwset::{NamespaceSet, ReadWriteSet};
use super::snapshot::{Snapshot, SnapshotError, VALIDATION_PARAMETER};

/// What a transaction is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endorsed<'a> {
    /// The chaincode that was called.
    pub(crate) chaincode: &'a str,
    /// Who has endorsed.
    pub(crate) signers: &'a [Principal],
    /// What they have endorsed.
    pub(crate) set: &'a ReadWriteSet,
}

/// Judges the transactions of one block in order.
pub(crate) struct Judge<'a> {
    pub(crate) definitions: &'a Definitions,
    pub(crate) snapshot: &'a dyn Snapshot,
    /// Namespace and key whose policy an endorsed transaction before changes in the same block. Fabric does not judge
    /// a later write of such a key by either policy, but turns it away.
    changed: BTreeSet<(String, String)>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(definitions: &'a Definitions, snapshot: &'a dyn Snapshot) -> Self {
        Self { definitions, snapshot, changed: BTreeSet::new() }
    }

    /// The verdict on one transaction.
    ///
    /// # Errors
    /// When the snapshot cannot be read.
    pub(crate) fn judge(&mut self, endorsed: Endorsed<'_>) -> Result<TxValidationCode, SnapshotError> {
        let written: BTreeSet<&str> =
            endorsed.set.written_namespaces().chain(std::iter::once(endorsed.chaincode)).collect();
        for namespace in written {
            let Some(definition) = self.definitions.get(namespace) else {
                return Ok(TxValidationCode::InvalidChaincode);
            };
            let sets = endorsed.set.namespaces.iter().find(|set| set.name == namespace);
            if !self.is_satisfied(namespace, definition, sets, endorsed.signers)? {
                return Ok(TxValidationCode::EndorsementPolicyFailure);
            }
        }
        for namespace in &endorsed.set.namespaces {
            let operations = namespace.operations().into_iter();
            let changed =
                operations.filter(|(_, operation)| operation.metadata.is_some()).map(|(key, _)| key);
            self.changed.extend(changed);
        }
        Ok(TxValidationCode::Valid)
    }

    /// Each written key by its own policy; where it has none, by that of its collection, or of the chaincode. At least
    /// one policy is asked.
    fn is_satisfied(
        &self,
        namespace: &str,
        definition: &Definition,
        set: Option<&NamespaceSet>,
        signers: &[Principal],
    ) -> Result<bool, SnapshotError> {
        let mut asked = BTreeMap::new();
        let mut key_policies = false;
        for (state, key) in set.map(|set| set.operations().into_keys()).into_iter().flatten() {
            if self.changed.contains(&(state.clone(), key.clone())) {
                return Ok(false);
            }
            let metadata = self.snapshot.get(&state, &key)?.map(|found| found.metadata).unwrap_or_default();
            if let Some(policy) = metadata.get(VALIDATION_PARAMETER).filter(|policy| !policy.is_empty()) {
                key_policies = true;
                if !policy_envelope::decode(policy).is_ok_and(|policy| policy.is_satisfied_by(signers)) {
                    return Ok(false);
                }
                continue;
            }
            let satisfied = || self.namespace_policy(namespace, definition, set, &state, signers);
            asked.entry(state.clone()).or_insert_with(satisfied);
        }
        let others = asked.values().all(|satisfied| *satisfied);
        let one = key_policies || !asked.is_empty() || definition.policy.is_satisfied_by(signers);
        Ok(others && one)
    }

    fn namespace_policy(
        &self,
        namespace: &str,
        definition: &Definition,
        set: Option<&NamespaceSet>,
        state: &str,
        signers: &[Principal],
    ) -> bool {
        let mut collections = set.iter().flat_map(|set| &set.collections);
        let collection =
            collections.find(|collection| hashed_namespace(namespace, &collection.name) == state);
        let Some(collection) = collection else { return definition.policy.is_satisfied_by(signers) };
        match self.definitions.collection(namespace, &collection.name) {
            // A collection that nobody has defined.
            None => false,
            Some(found) => found.endorsement.as_ref().unwrap_or(&definition.policy).is_satisfied_by(signers),
        }
    }
}

#[cfg(test)]
mod tests;
