//! Chaincode definitions: what organisations agree on.

use std::collections::BTreeMap;

use hlf_proto::lifecycle::{
    ApproveChaincodeDefinitionForMyOrgArgs, ChaincodeSource, CheckCommitReadinessArgs,
    CheckCommitReadinessResult, CommitChaincodeDefinitionArgs, QueryApprovedChaincodeDefinitionResult,
    QueryChaincodeDefinitionResult, chaincode_source, query_chaincode_definitions_result,
};

use super::collections::Collections;
use super::package::PackageId;
use super::policy::Policy;

/// What organisations agree on before a chaincode runs: all of it is compared byte by byte.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Definition {
    /// The name under which the chaincode is called.
    pub name: String,
    /// Its version, which is for people.
    pub version: String,
    /// 1 for the first definition of that name, then one more for each change.
    pub sequence: i64,
    /// Who must endorse: an encoded `protos.ApplicationPolicy`. Empty is what the channel says.
    pub validation_parameter: Vec<u8>,
    /// Its collections of private data.
    pub collections: Option<Collections>,
    /// Whether its first call must be the one that initialises it.
    pub init_required: bool,
    /// The peers' endorsement plugin. Empty is the usual one.
    pub endorsement_plugin: String,
    /// The peers' validation plugin. Empty is the usual one.
    pub validation_plugin: String,
}

impl Definition {
    /// A definition with the channel's endorsement policy and nothing else.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>, sequence: i64) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            sequence,
            validation_parameter: Vec::new(),
            collections: None,
            init_required: false,
            endorsement_plugin: String::new(),
            validation_plugin: String::new(),
        }
    }

    /// This, with an endorsement policy of its own.
    #[must_use]
    pub fn with_policy(mut self, policy: &Policy) -> Self {
        self.validation_parameter = policy.to_bytes();
        self
    }

    /// This, with collections of private data.
    #[must_use]
    pub fn with_collections(mut self, collections: Collections) -> Self {
        self.collections = Some(collections);
        self
    }

    /// This, but its first call must initialise it.
    #[must_use]
    pub fn with_init_required(mut self) -> Self {
        self.init_required = true;
        self
    }

    pub(super) fn approval(&self, package: Option<&PackageId>) -> ApproveChaincodeDefinitionForMyOrgArgs {
        let source = match package {
            Some(id) => chaincode_source::Type::LocalPackage(chaincode_source::Local {
                package_id: id.as_str().to_owned(),
            }),
            None => chaincode_source::Type::Unavailable(chaincode_source::Unavailable {}),
        };
        let commit = self.commit();
        ApproveChaincodeDefinitionForMyOrgArgs {
            sequence: commit.sequence,
            name: commit.name,
            version: commit.version,
            endorsement_plugin: commit.endorsement_plugin,
            validation_plugin: commit.validation_plugin,
            validation_parameter: commit.validation_parameter,
            collections: commit.collections,
            init_required: commit.init_required,
            source: Some(ChaincodeSource { r#type: Some(source) }),
        }
    }

    pub(super) fn check(&self) -> CheckCommitReadinessArgs {
        let commit = self.commit();
        CheckCommitReadinessArgs {
            sequence: commit.sequence,
            name: commit.name,
            version: commit.version,
            endorsement_plugin: commit.endorsement_plugin,
            validation_plugin: commit.validation_plugin,
            validation_parameter: commit.validation_parameter,
            collections: commit.collections,
            init_required: commit.init_required,
        }
    }

    pub(super) fn commit(&self) -> CommitChaincodeDefinitionArgs {
        CommitChaincodeDefinitionArgs {
            sequence: self.sequence,
            name: self.name.clone(),
            version: self.version.clone(),
            endorsement_plugin: self.endorsement_plugin.clone(),
            validation_plugin: self.validation_plugin.clone(),
            validation_parameter: self.validation_parameter.clone(),
            collections: self.collections.as_ref().map(|collections| collections.as_message().clone()),
            init_required: self.init_required,
        }
    }
}

/// A definition that is committed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CommittedDefinition {
    /// What was agreed on.
    pub definition: Definition,
    /// Who has approved it, by MSP id. Empty in a list of all definitions.
    pub approvals: BTreeMap<String, bool>,
}

impl CommittedDefinition {
    pub(super) fn of_one(name: &str, message: QueryChaincodeDefinitionResult) -> Self {
        let definition = Definition {
            name: name.to_owned(),
            version: message.version,
            sequence: message.sequence,
            validation_parameter: message.validation_parameter,
            collections: message.collections.map(Collections::from),
            init_required: message.init_required,
            endorsement_plugin: message.endorsement_plugin,
            validation_plugin: message.validation_plugin,
        };
        Self { definition, approvals: message.approvals }
    }

    pub(super) fn of_many(message: query_chaincode_definitions_result::ChaincodeDefinition) -> Self {
        let definition = Definition {
            name: message.name,
            version: message.version,
            sequence: message.sequence,
            validation_parameter: message.validation_parameter,
            collections: message.collections.map(Collections::from),
            init_required: message.init_required,
            endorsement_plugin: message.endorsement_plugin,
            validation_plugin: message.validation_plugin,
        };
        Self { definition, approvals: BTreeMap::new() }
    }
}

/// A definition that one organisation has approved.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ApprovedDefinition {
    /// What it agrees to.
    pub definition: Definition,
    /// The package that its peers run for it; none if they do not.
    pub package_id: Option<PackageId>,
}

impl ApprovedDefinition {
    pub(super) fn new(name: &str, message: QueryApprovedChaincodeDefinitionResult) -> Self {
        let package_id = match message.source.and_then(|source| source.r#type) {
            Some(chaincode_source::Type::LocalPackage(local)) => Some(PackageId::from(local.package_id)),
            _ => None,
        };
        let definition = Definition {
            name: name.to_owned(),
            version: message.version,
            sequence: message.sequence,
            validation_parameter: message.validation_parameter,
            collections: message.collections.map(Collections::from),
            init_required: message.init_required,
            endorsement_plugin: message.endorsement_plugin,
            validation_plugin: message.validation_plugin,
        };
        Self { definition, package_id }
    }
}

/// Who has approved a definition that is to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Readiness {
    /// By MSP id, for every organisation of the channel.
    pub approvals: BTreeMap<String, bool>,
    /// By MSP id, for those that have approved another definition: in what it differs. Fabric says so from 3.0 on.
    pub mismatches: BTreeMap<String, Vec<String>>,
}

impl Readiness {
    /// The organisations that have approved, by MSP id.
    pub fn approved_by(&self) -> impl Iterator<Item = &str> {
        self.approvals.iter().filter(|(_, approved)| **approved).map(|(msp_id, _)| msp_id.as_str())
    }

    /// The organisations that have not.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.approvals.iter().filter(|(_, approved)| !**approved).map(|(msp_id, _)| msp_id.as_str())
    }
}

impl From<CheckCommitReadinessResult> for Readiness {
    fn from(message: CheckCommitReadinessResult) -> Self {
        let mismatches = message.mismatches.into_iter().map(|(msp_id, differs)| (msp_id, differs.items));
        Self { approvals: message.approvals, mismatches: mismatches.collect() }
    }
}
