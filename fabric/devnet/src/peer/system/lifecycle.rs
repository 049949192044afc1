//! `_lifecycle`: packages are installed, definitions approved and committed, by the proposals that `peer lifecycle
//! chaincode` sends.

use hlf_proto::lifecycle as proto;
use prost::Message;
use sha2::{Digest, Sha256};

use super::agreement::{
    ALL_FIELDS, Terms, approved_fields, definition_key, own_collection, read, source_key, with_defaults,
};
use super::{Failure, LIFECYCLE, installed, is_system};
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
        _ if !admin && is_for_administrators(function) => {
            let message = "Failed to authorize invocation due to failed ACL check: the administrator of the peer's organization is wanted";
            return Err(message.to_owned().into());
        }
        _ => installed::call(endorser, function, argument).unwrap_or_else(|| match simulator {
            Some(simulator) => {
                let context = Context { namespace: LIFECYCLE.to_owned(), is_init: false };
                OnChannel { endorser, simulator, context }.call(function, argument)
            }
            None => Err(format!("the function {function} needs a channel").into()),
        }),
    };
    result.map_err(wrap)
}

/// What a peer lets the administrators of its own organisation do alone, by Fabric's defaults.
fn is_for_administrators(function: &str) -> bool {
    matches!(
        function,
        "InstallChaincode"
            | "QueryInstalledChaincodes"
            | "QueryInstalledChaincode"
            | "GetInstalledChaincodePackage"
            | "ApproveChaincodeDefinitionForMyOrg"
            | "QueryApprovedChaincodeDefinition"
            | "QueryApprovedChaincodeDefinitions"
    )
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
                Ok(self.readiness(&terms)?.encode_to_vec())
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
        let mut rows = approved_fields(&terms).map(|(_, key, value)| (key, value)).to_vec();
        let source = request.source.unwrap_or_default().encode_to_vec();
        rows.push((source_key(&terms.name, terms.sequence), source));
        let mut unchanged = true;
        for (key, value) in &rows {
            unchanged &= self.get(&collection, key)?.as_deref() == Some(&marked(value));
        }
        if unchanged {
            let Terms { sequence, name, .. } = &terms;
            return Err(match next == *sequence {
                true => format!(
                    "attempted to redefine uncommitted sequence ({sequence}) for namespace {name} with unchanged content"
                ),
                false => format!(
                    "attempted to redefine the current committed sequence ({sequence}) for namespace {name}"
                ),
            }
            .into());
        }
        for (key, value) in &rows {
            self.put(&collection, key, marked(value))?;
        }
        Ok(proto::ApproveChaincodeDefinitionForMyOrgResult {}.encode_to_vec())
    }

    fn approved(
        &mut self,
        request: &proto::QueryApprovedChaincodeDefinitionArgs,
    ) -> Result<Vec<u8>, Failure> {
        let name = &request.name;
        let collection = own_collection(&self.endorser.msp_id);
        let mut found = None;
        let mut sequence = request.sequence;
        if sequence == 0 {
            // The newest approval: of the next definition, or of the current one.
            sequence = self.current(name).map_or(0, |current| current.sequence);
            found = self.approval(&collection, name, sequence + 1)?;
        }
        if found.is_none() {
            found = self.approval(&collection, name, sequence)?;
        }
        let terms = found.ok_or_else(|| Failure {
            status: 404,
            message: format!(
                "could not fetch approved chaincode definition (name: '{name}', sequence: '{sequence}') on channel '{}'",
                self.endorser.channel.name
            ),
        })?;
        let source = self.get(&collection, &source_key(name, terms.sequence))?.unwrap_or_default();
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

    /// What this organisation has approved as this definition of a chaincode.
    fn approval(&mut self, collection: &str, name: &str, sequence: i64) -> Result<Option<Terms>, Failure> {
        let mut terms = Terms { name: name.to_owned(), sequence, ..Terms::default() };
        for (_, key, _) in approved_fields(&terms) {
            let Some(field) = self.get(collection, &key)? else { return Ok(None) };
            terms
                .merge(unmarked(&field))
                .map_err(|error| Failure::from(format!("an approval does not decode: {error}")))?;
        }
        Ok(Some(terms))
    }

    fn commit(&mut self, terms: Terms) -> Result<Vec<u8>, Failure> {
        read(&terms, &self.endorser.msp_ids)
            .map_err(|error| format!("error validating chaincode definition: {error}"))?;
        self.check_sequence(&terms)?;
        let own = self.endorser.msp_id.clone();
        if self.readiness(&terms)?.approvals.get(&own) != Some(&true) {
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

    /// Which organisations have approved exactly these terms, by the hashes of their approvals, and what others have
    /// approved differently, by Fabric's names for it.
    fn readiness(&mut self, terms: &Terms) -> Result<proto::CheckCommitReadinessResult, Failure> {
        let mut result = proto::CheckCommitReadinessResult::default();
        for msp_id in &self.endorser.msp_ids {
            let collection = own_collection(msp_id);
            let (mut items, mut absent) = (Vec::new(), false);
            for (field, key, value) in approved_fields(terms) {
                let place = Place { collection: &collection, key: &key };
                let hash = self.simulator.private_hash(&self.context, place);
                let hash = hash.map_err(|error| error.to_string())?;
                absent |= hash.is_none();
                if hash.is_none_or(|hash| hash != Sha256::digest(marked(&value)).as_slice()) {
                    items.push(field.to_owned());
                }
            }
            if absent {
                items = vec![ALL_FIELDS.to_owned()];
            }
            result.approvals.insert(msp_id.clone(), items.is_empty());
            if !items.is_empty() {
                let differs = proto::check_commit_readiness_result::Mismatches { items };
                result.mismatches.insert(msp_id.clone(), differs);
            }
        }
        Ok(result)
    }

    fn definition(&mut self, request: &proto::QueryChaincodeDefinitionArgs) -> Result<Vec<u8>, Failure> {
        let found = self.current(&request.name).ok_or_else(|| Failure {
            status: 404,
            message: format!("namespace {} is not defined", request.name),
        })?;
        let terms = terms_of(&request.name, &found);
        let approvals = match found.terms {
            Some(_) => self.readiness(&terms)?.approvals,
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

pub(super) fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, Failure> {
    M::decode(bytes).map_err(|error| format!("could not unmarshal argument: {error}").into())
}
