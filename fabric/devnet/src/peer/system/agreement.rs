//! What organisations agree on about a chaincode, and where the ledger keeps it.
//!
//! Fabric keeps a definition's parts under keys of their own; here one key has the whole. Approvals are private data of
//! the organisation that approves, a key for each part, so that the others see their hashes alone, as in Fabric.

use std::collections::{BTreeMap, BTreeSet};

use hlf_proto::lifecycle::CommitChaincodeDefinitionArgs;
use hlf_proto::protos::application_policy::Type;
use hlf_proto::protos::collection_config::Payload;
use hlf_proto::protos::collection_policy_config::Payload as Members;
use hlf_proto::protos::{ApplicationPolicy, StaticCollectionConfig};
use prost::Message;

use crate::core::definition::{Collection, Definition};
use crate::core::policy::Policy;
use crate::core::policy_envelope;

/// The channel's policy for endorsements.
const DEFAULT_POLICY: &str = "/Channel/Application/Endorsement";

/// What is agreed on; the arguments of a commit, with all defaults filled in.
pub(crate) type Terms = CommitChaincodeDefinitionArgs;

/// Key of a committed definition.
pub(crate) fn definition_key(name: &str) -> String {
    format!("definition/{name}")
}

/// Name of the chaincode that a key defines.
pub(crate) fn defined_by(key: &str) -> Option<&str> {
    key.strip_prefix("definition/")
}

/// What differs, in Fabric's words, where an organisation has approved nothing at all.
pub(crate) const ALL_FIELDS: &str = "ChaincodeParameters";

/// What an organisation approves, in Fabric's parts: the name of each, its key, and the terms of that part alone,
/// encoded. Each has a key of its own, so that others can tell by the hashes which of them differs. Name and sequence
/// are part of the key.
pub(crate) fn approved_fields(terms: &Terms) -> [(&'static str, String, Vec<u8>); 3] {
    let terms = terms.clone();
    let key = |field: &str| format!("approval/{}#{}/{field}", terms.name, terms.sequence);
    let [endorsement, validation, collections] =
        ["EndorsementInfo", "ValidationInfo", "Collections"].map(|field| (field, key(field)));
    let part = |(field, key), part: Terms| (field, key, part.encode_to_vec());
    [
        part(
            endorsement,
            Terms {
                version: terms.version,
                endorsement_plugin: terms.endorsement_plugin,
                init_required: terms.init_required,
                ..Terms::default()
            },
        ),
        part(
            validation,
            Terms {
                validation_plugin: terms.validation_plugin,
                validation_parameter: terms.validation_parameter,
                ..Terms::default()
            },
        ),
        part(collections, Terms { collections: terms.collections, ..Terms::default() }),
    ]
}

/// Key of the package with which an organisation runs a definition.
pub(crate) fn source_key(name: &str, sequence: i64) -> String {
    format!("source/{name}#{sequence}")
}

/// The collection of an organisation's own.
pub(crate) fn own_collection(msp_id: &str) -> String {
    format!("_implicit_org_{msp_id}")
}

/// Fills in what Fabric fills in.
pub(crate) fn with_defaults(mut terms: Terms) -> Terms {
    if terms.endorsement_plugin.is_empty() {
        terms.endorsement_plugin = "escc".into();
    }
    if terms.validation_plugin.is_empty() {
        terms.validation_plugin = "vscc".into();
    }
    if terms.validation_parameter.is_empty() {
        let reference = Type::ChannelConfigPolicyReference(DEFAULT_POLICY.into());
        terms.validation_parameter = ApplicationPolicy { r#type: Some(reference) }.encode_to_vec();
    }
    // An empty package and none mean the same.
    terms.collections = terms.collections.filter(|package| !package.config.is_empty());
    terms
}

/// The definition that terms stand for.
///
/// # Errors
/// When they use what is not supported; by name.
pub(crate) fn read(terms: &Terms, msp_ids: &[String]) -> Result<Definition, String> {
    check_name(&terms.name)?;
    for (plugin, wanted) in [(&terms.endorsement_plugin, "escc"), (&terms.validation_plugin, "vscc")] {
        if plugin != wanted {
            return Err(format!("hlf-devnet does not support the plugin {plugin:?}"));
        }
    }
    let parameter = ApplicationPolicy::decode(terms.validation_parameter.as_slice())
        .map_err(|error| format!("the validation parameter is no policy: {error}"))?;
    let mut collections = BTreeMap::new();
    for config in terms.collections.iter().flat_map(|package| &package.config) {
        let Some(Payload::StaticCollectionConfig(config)) = &config.payload else {
            return Err("collection configuration is empty".into());
        };
        if collections.insert(config.name.clone(), collection(config, msp_ids)?).is_some() {
            return Err(format!(
                "collection-name: {} -- found duplicate in collection configuration",
                config.name
            ));
        }
    }
    Ok(Definition {
        version: terms.version.clone(),
        sequence: terms.sequence,
        policy: policy(&parameter, msp_ids)?,
        init_required: terms.init_required,
        collections,
        terms: Some(terms.encode_to_vec()),
    })
}

fn check_name(name: &str) -> Result<(), String> {
    let inner = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.chars().all(inner) {
        return Ok(());
    }
    Err(format!(
        "invalid chaincode name '{name}'. Names can only consist of alphanumerics, '_', and '-' and can only begin with alphanumerics"
    ))
}

fn policy(policy: &ApplicationPolicy, msp_ids: &[String]) -> Result<Policy, String> {
    match &policy.r#type {
        Some(Type::SignaturePolicy(envelope)) => {
            policy_envelope::from_envelope(envelope).map_err(|error| error.to_string())
        }
        Some(Type::ChannelConfigPolicyReference(reference)) if reference == DEFAULT_POLICY => {
            Policy::read("MAJORITY Endorsement", msp_ids).map_err(|error| error.to_string())
        }
        Some(Type::ChannelConfigPolicyReference(reference)) => {
            Err(format!("hlf-devnet does not support the channel policy {reference}"))
        }
        None => Err("the validation parameter is an empty policy".into()),
    }
}

fn collection(config: &StaticCollectionConfig, msp_ids: &[String]) -> Result<Collection, String> {
    let members = config.member_orgs_policy.as_ref().and_then(|policy| policy.payload.as_ref());
    let Some(Members::SignaturePolicy(members)) = members else {
        return Err(format!("collection member policy is not set for collection '{}'", config.name));
    };
    let members = policy_envelope::from_envelope(members).map_err(|error| error.to_string())?;
    let mut organisations = BTreeSet::new();
    members.organisations(&mut organisations);
    if let Some(unknown) = organisations.iter().find(|msp_id| !msp_ids.contains(msp_id)) {
        return Err(format!(
            "collection-name: {} -- collection member '{unknown}' is not part of the channel",
            config.name
        ));
    }
    let endorsement = config.endorsement_policy.as_ref().map(|found| policy(found, msp_ids)).transpose()?;
    Ok(Collection {
        members,
        member_only_read: config.member_only_read,
        member_only_write: config.member_only_write,
        blocks_to_live: config.block_to_live,
        endorsement,
    })
}
