//! `_lifecycle`: packages are installed, definitions approved and committed, by the proposals that `peer lifecycle
//! chaincode` sends.

use std::collections::BTreeMap;

use hlf_proto::lifecycle as proto;
use prost::Message;
use sha2::{Digest, Sha256};

use super::agreement::{
    Terms, approval_key, definition_key, own_collection, read, source_key, with_defaults,
};
use super::{Failure, LIFECYCLE, is_system};
use crate::core::definition::Definition;
use crate::core::simulator::{Context, Place, Simulator};
use crate::peer::endorser::Endorser;

/// A call of `_lifecycle`. Installing and asking what is installed belong to no channel.
pub(super) fn call(
    endorser: &Endorser,
    function: &str,
    arguments: &[Vec<u8>],
    simulator: Option<&mut Simulator>,
    admin: bool,
) -> Result<Vec<u8>, Failure> {
    let argument = arguments.first().map(Vec::as_slice).unwrap_or_default();
    let wrap = |failure: Failure| match failure.status {
        404 => failure,
        _ => {
            let message = failure.message;
            format!("failed to invoke backing implementation of '{function}': {message}").into()
        }
    };
    let result = match function {
        "InstallChaincode"
        | "QueryInstalledChaincodes"
        | "QueryInstalledChaincode"
        | "GetInstalledChaincodePackage"
            if !admin =>
        {
            let message = "Failed to authorize invocation due to failed ACL check: the administrator of the peer's organization is wanted";
            return Err(message.to_owned().into());
        }
        "InstallChaincode" => install(endorser, argument),
        "QueryInstalledChaincodes" => Ok(installed(endorser)),
        "QueryInstalledChaincode" => one_installed(endorser, argument),
        "GetInstalledChaincodePackage" => package(endorser, argument),
        _ => match simulator {
            Some(simulator) => {
                let context = Context { namespace: LIFECYCLE.to_owned(), is_init: false };
                OnChannel { endorser, simulator, context }.call(function, argument)
            }
            None => Err(format!("the function {function} needs a channel").into()),
        },
    };
    result.map_err(wrap)
}

fn install(endorser: &Endorser, argument: &[u8]) -> Result<Vec<u8>, Failure> {
    let request: proto::InstallChaincodeArgs = decode(argument)?;
    let installed = endorser.packages.install(&request.chaincode_install_package)?;
    let (package_id, label) = (installed.id.clone(), installed.label.clone());
    Ok(proto::InstallChaincodeResult { package_id, label }.encode_to_vec())
}

fn installed(endorser: &Endorser) -> Vec<u8> {
    let packages = endorser.packages.list().into_iter();
    let installed_chaincodes = packages
        .map(|(package_id, label)| proto::query_installed_chaincodes_result::InstalledChaincode {
            package_id,
            label,
            ..Default::default()
        })
        .collect();
    proto::QueryInstalledChaincodesResult { installed_chaincodes }.encode_to_vec()
}

fn one_installed(endorser: &Endorser, argument: &[u8]) -> Result<Vec<u8>, Failure> {
    let request: proto::QueryInstalledChaincodeArgs = decode(argument)?;
    let mut packages = endorser.packages.list().into_iter();
    let found = packages.find(|(package_id, _)| *package_id == request.package_id);
    let (package_id, label) = found.ok_or_else(|| Failure {
        status: 404,
        message: format!("chaincode install package '{}' not found", request.package_id),
    })?;
    let result = proto::QueryInstalledChaincodeResult { package_id, label, ..Default::default() };
    Ok(result.encode_to_vec())
}

fn package(endorser: &Endorser, argument: &[u8]) -> Result<Vec<u8>, Failure> {
    let request: proto::GetInstalledChaincodePackageArgs = decode(argument)?;
    let chaincode_install_package = endorser
        .packages
        .bytes(&request.package_id)
        .map_err(|error| format!("could not load cc install package: {error}"))?;
    Ok(proto::GetInstalledChaincodePackageResult { chaincode_install_package }.encode_to_vec())
}

/// Calls that read and write the channel's ledger.
struct OnChannel<'a> {
    endorser: &'a Endorser,
    simulator: &'a mut Simulator,
    context: Context,
}

impl OnChannel<'_> {
    fn call(&mut self, function: &str, argument: &[u8]) -> Result<Vec<u8>, Failure> {
        match function {
            "ApproveChaincodeDefinitionForMyOrg" => self.approve(decode(argument)?),
            "QueryApprovedChaincodeDefinition" => self.approved(&decode(argument)?),
            "CheckCommitReadiness" => {
                let request: proto::CheckCommitReadinessArgs = decode(argument)?;
                // The two messages have the same fields.
                let terms = with_defaults(decode(&request.encode_to_vec())?);
                self.check_sequence(&terms)?;
                let approvals = self.approvals(&terms)?;
                let result = proto::CheckCommitReadinessResult { approvals, ..Default::default() };
                Ok(result.encode_to_vec())
            }
            "CommitChaincodeDefinition" => self.commit(with_defaults(decode(argument)?)),
            "QueryChaincodeDefinition" => self.definition(&decode(argument)?),
            "QueryChaincodeDefinitions" => Ok(self.definitions()),
            other => Err(format!("hlf-devnet does not support {other} of _lifecycle").into()),
        }
    }

    fn approve(
        &mut self,
        request: proto::ApproveChaincodeDefinitionForMyOrgArgs,
    ) -> Result<Vec<u8>, Failure> {
        let terms = with_defaults(Terms {
            sequence: request.sequence,
            name: request.name,
            version: request.version,
            endorsement_plugin: request.endorsement_plugin,
            validation_plugin: request.validation_plugin,
            validation_parameter: request.validation_parameter,
            collections: request.collections,
            init_required: request.init_required,
        });
        let definition = read(&terms, &self.endorser.msp_ids)
            .map_err(|error| format!("error validating chaincode definition: {error}"))?;
        let current = self.current(&terms.name);
        if terms.sequence < 1 {
            return Err("requested sequence is 0, but first definable sequence number is 1"
                .to_owned()
                .into());
        }
        let next = current.as_ref().map_or(0, |current| current.sequence) + 1;
        if terms.sequence > next {
            return Err(format!(
                "requested sequence {} is larger than the next available sequence number {next}",
                terms.sequence
            )
            .into());
        }
        if let Some(current) = current.filter(|current| current.sequence >= terms.sequence) {
            if current.sequence > terms.sequence {
                return Err(format!(
                    "currently defined sequence {} is larger than requested sequence {}",
                    current.sequence, terms.sequence
                )
                .into());
            }
            if current.terms != definition.terms {
                return Err(format!(
                    "attempted to redefine the current committed sequence ({}) for namespace {} with different parameters",
                    terms.sequence, terms.name
                )
                .into());
            }
        }
        let collection = own_collection(&self.endorser.msp_id);
        let (approval, source) =
            (approval_key(&terms.name, terms.sequence), source_key(&terms.name, terms.sequence));
        let chosen = request.source.unwrap_or_default().encode_to_vec();
        let before = (self.get(&collection, &approval)?, self.get(&collection, &source)?);
        if before == (Some(terms.encode_to_vec()), Some(marked(&chosen))) {
            return Err(format!(
                "attempted to redefine uncommitted sequence ({}) for namespace {} with unchanged content",
                terms.sequence, terms.name
            )
            .into());
        }
        self.put(&collection, &approval, terms.encode_to_vec())?;
        self.put(&collection, &source, marked(&chosen))?;
        Ok(proto::ApproveChaincodeDefinitionForMyOrgResult {}.encode_to_vec())
    }

    fn approved(
        &mut self,
        request: &proto::QueryApprovedChaincodeDefinitionArgs,
    ) -> Result<Vec<u8>, Failure> {
        let sequence = match request.sequence {
            0 => self.current(&request.name).map_or(1, |current| current.sequence),
            sequence => sequence,
        };
        let collection = own_collection(&self.endorser.msp_id);
        let found = self.get(&collection, &approval_key(&request.name, sequence))?;
        let terms: Terms = decode(&found.ok_or_else(|| Failure {
            status: 404,
            message: format!(
                "could not fetch approved chaincode definition (name: '{}', sequence: '{sequence}') on channel '{}'",
                request.name, self.endorser.channel.name
            ),
        })?)?;
        let source = self.get(&collection, &source_key(&request.name, sequence))?.unwrap_or_default();
        let result = proto::QueryApprovedChaincodeDefinitionResult {
            sequence: terms.sequence,
            version: terms.version,
            endorsement_plugin: terms.endorsement_plugin,
            validation_plugin: terms.validation_plugin,
            validation_parameter: terms.validation_parameter,
            collections: terms.collections,
            init_required: terms.init_required,
            source: Some(decode(unmarked(&source))?),
        };
        Ok(result.encode_to_vec())
    }

    fn commit(&mut self, terms: Terms) -> Result<Vec<u8>, Failure> {
        read(&terms, &self.endorser.msp_ids)
            .map_err(|error| format!("error validating chaincode definition: {error}"))?;
        self.check_sequence(&terms)?;
        let own = self.endorser.msp_id.clone();
        if self.approvals(&terms)?.get(&own) != Some(&true) {
            return Err(format!("chaincode definition not agreed to by this org ({own})").into());
        }
        // Read, so that of two commits of one sequence only one is valid.
        let key = definition_key(&terms.name);
        self.get("", &key)?;
        self.put("", &key, terms.encode_to_vec())?;
        Ok(proto::CommitChaincodeDefinitionResult {}.encode_to_vec())
    }

    fn check_sequence(&self, terms: &Terms) -> Result<(), Failure> {
        let next = self.current(&terms.name).map_or(0, |current| current.sequence) + 1;
        if terms.sequence == next {
            return Ok(());
        }
        Err(format!("requested sequence is {}, but new definition must be sequence {next}", terms.sequence)
            .into())
    }

    /// Which organisations have approved exactly these terms, by the hashes of their approvals.
    fn approvals(&mut self, terms: &Terms) -> Result<BTreeMap<String, bool>, Failure> {
        let wanted = Sha256::digest(terms.encode_to_vec()).to_vec();
        let key = approval_key(&terms.name, terms.sequence);
        let mut approvals = BTreeMap::new();
        for msp_id in &self.endorser.msp_ids {
            let collection = own_collection(msp_id);
            let place = Place { collection: &collection, key: &key };
            let hash =
                self.simulator.private_hash(&self.context, place).map_err(|error| error.to_string())?;
            approvals.insert(msp_id.clone(), hash.as_ref() == Some(&wanted));
        }
        Ok(approvals)
    }

    fn definition(&mut self, request: &proto::QueryChaincodeDefinitionArgs) -> Result<Vec<u8>, Failure> {
        let found = self.current(&request.name).ok_or_else(|| Failure {
            status: 404,
            message: format!("namespace {} is not defined", request.name),
        })?;
        let terms = terms_of(&request.name, &found);
        let approvals = match found.terms {
            Some(_) => self.approvals(&terms)?,
            // The configuration file speaks for all.
            None => self.endorser.msp_ids.iter().map(|msp_id| (msp_id.clone(), true)).collect(),
        };
        let result = proto::QueryChaincodeDefinitionResult {
            sequence: terms.sequence,
            version: terms.version,
            endorsement_plugin: terms.endorsement_plugin,
            validation_plugin: terms.validation_plugin,
            validation_parameter: terms.validation_parameter,
            collections: terms.collections,
            init_required: terms.init_required,
            approvals,
        };
        Ok(result.encode_to_vec())
    }

    fn definitions(&self) -> Vec<u8> {
        let definitions = &self.simulator.setting().definitions;
        let chaincode_definitions = definitions
            .iter()
            .filter(|(name, _)| !is_system(name))
            .map(|(name, definition)| {
                let terms = terms_of(name, definition);
                proto::query_chaincode_definitions_result::ChaincodeDefinition {
                    name: terms.name,
                    sequence: terms.sequence,
                    version: terms.version,
                    endorsement_plugin: terms.endorsement_plugin,
                    validation_plugin: terms.validation_plugin,
                    validation_parameter: terms.validation_parameter,
                    collections: terms.collections,
                    init_required: terms.init_required,
                }
            })
            .collect();
        proto::QueryChaincodeDefinitionsResult { chaincode_definitions }.encode_to_vec()
    }

    fn current(&self, name: &str) -> Option<Definition> {
        let found = self.simulator.setting().definitions.get(name).filter(|_| !is_system(name));
        found.map(|definition| Definition::clone(definition))
    }

    fn get(&mut self, collection: &str, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let found = self.simulator.get(&self.context, Place { collection, key });
        found.map_err(|error| error.to_string().into())
    }

    fn put(&mut self, collection: &str, key: &str, value: Vec<u8>) -> Result<(), Failure> {
        let written = self.simulator.put(&self.context, Place { collection, key }, value);
        written.map_err(|error| error.to_string().into())
    }
}

/// The terms of a definition; those of one from the configuration file have the policy as it is there.
fn terms_of(name: &str, definition: &Definition) -> Terms {
    let stored = definition.terms.as_deref().and_then(|terms| Terms::decode(terms).ok());
    stored.unwrap_or_else(|| {
        let policy = crate::core::policy_envelope::to_envelope(&definition.policy);
        let policy = hlf_proto::protos::application_policy::Type::SignaturePolicy(policy);
        with_defaults(Terms {
            sequence: definition.sequence,
            name: name.to_owned(),
            version: definition.version.clone(),
            validation_parameter: hlf_proto::protos::ApplicationPolicy { r#type: Some(policy) }
                .encode_to_vec(),
            init_required: definition.init_required,
            ..Terms::default()
        })
    })
}

/// An encoded source can be empty, and an empty value is none; one byte in front makes it a value.
fn marked(source: &[u8]) -> Vec<u8> {
    [&[1], source].concat()
}

/// The source behind its mark.
pub(crate) fn unmarked(value: &[u8]) -> &[u8] {
    value.split_first().map_or(&[], |(_, source)| source)
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, Failure> {
    M::decode(bytes).map_err(|error| format!("could not unmarshal argument: {error}").into())
}
