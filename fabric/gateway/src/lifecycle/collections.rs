//! Collections of private data in a definition.

use hlf_proto::protos::collection_config::Payload as Kind;
use hlf_proto::protos::collection_policy_config::Payload as Members;
use hlf_proto::protos::{
    CollectionConfig, CollectionConfigPackage, CollectionPolicyConfig, StaticCollectionConfig,
};
use serde::Deserialize;

use super::error::CollectionsError;
use super::policy::{Policy, signature_policy};

/// The collections of private data that a chaincode has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Collections(CollectionConfigPackage);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    name: String,
    policy: String,
    #[serde(default)]
    required_peer_count: i32,
    max_peer_count: Option<i32>,
    #[serde(default)]
    block_to_live: u64,
    #[serde(default)]
    member_only_read: bool,
    #[serde(default)]
    member_only_write: bool,
    endorsement_policy: Option<EndorsementDescription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndorsementDescription {
    #[serde(default)]
    signature_policy: String,
    #[serde(default)]
    channel_config_policy: String,
}

impl Collections {
    /// Reads the JSON that the `peer` program reads with `--collections-config`.
    ///
    /// # Errors
    /// [`CollectionsError`] with what is wrong, and in which collection.
    pub fn from_json(json: &[u8]) -> Result<Self, CollectionsError> {
        let descriptions: Vec<Description> = serde_json::from_slice(json).map_err(CollectionsError::Json)?;
        let config = descriptions.into_iter().map(collection).collect::<Result<_, _>>()?;
        Ok(Self(CollectionConfigPackage { config }))
    }

    /// Fabric's message.
    #[must_use]
    pub fn as_message(&self) -> &CollectionConfigPackage {
        &self.0
    }
}

/// Takes what a peer answered.
impl From<CollectionConfigPackage> for Collections {
    fn from(message: CollectionConfigPackage) -> Self {
        Self(message)
    }
}

fn collection(description: Description) -> Result<CollectionConfig, CollectionsError> {
    let name = description.name;
    let wrong = |source| CollectionsError::Policy { collection: name.clone(), source };
    let members = signature_policy(&description.policy).map_err(wrong)?;
    let endorsement_policy = match description.endorsement_policy {
        None => None,
        Some(policy) if policy.signature_policy.is_empty() => {
            Some(Policy::reference(policy.channel_config_policy).into_message())
        }
        Some(policy) => Some(policy.signature_policy.parse::<Policy>().map_err(wrong)?.into_message()),
    };
    let collection = StaticCollectionConfig {
        member_orgs_policy: Some(CollectionPolicyConfig { payload: Some(Members::SignaturePolicy(members)) }),
        required_peer_count: description.required_peer_count,
        maximum_peer_count: description.max_peer_count.unwrap_or(1),
        block_to_live: description.block_to_live,
        member_only_read: description.member_only_read,
        member_only_write: description.member_only_write,
        endorsement_policy,
        name,
    };
    Ok(CollectionConfig { payload: Some(Kind::StaticCollectionConfig(collection)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_the_samples_is_read() {
        let json = br#"[
            {"name":"assetCollection","policy":"OR('Org1MSP.member', 'Org2MSP.member')","requiredPeerCount":1,
             "maxPeerCount":2,"blockToLive":1000000,"memberOnlyRead":true,"memberOnlyWrite":true},
            {"name":"Org1","policy":"OR('Org1MSP.member')",
             "endorsementPolicy":{"signaturePolicy":"OR('Org1MSP.member')"}}
        ]"#;
        let collections = Collections::from_json(json).unwrap();
        let configs = collections.as_message().config.iter();
        let configs: Vec<_> = configs
            .map(|config| match config.payload.as_ref().unwrap() {
                Kind::StaticCollectionConfig(config) => config,
            })
            .collect();
        assert_eq!((configs[0].maximum_peer_count, configs[0].block_to_live), (2, 1_000_000));
        assert_eq!((configs[1].required_peer_count, configs[1].maximum_peer_count), (0, 1));
        assert!(configs[0].endorsement_policy.is_none() && configs[1].endorsement_policy.is_some());
    }

    #[test]
    fn a_wrong_policy_is_named_by_its_collection() {
        let error = Collections::from_json(br#"[{"name":"x","policy":"OR("}]"#).unwrap_err();
        assert!(error.to_string().contains("\"x\""), "{error}");
        assert!(matches!(Collections::from_json(b"{}"), Err(CollectionsError::Json(_))));
    }
}
