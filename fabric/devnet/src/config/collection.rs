//! Private collections in a configuration, and Fabric's own files that describe them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::core::definition;
use crate::core::policy::{Policy, PolicyError};

/// A private collection of a chaincode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// Who its members are, like `OR('BankMSP.member', 'ClientMSP.member')`.
    #[serde(alias = "policy")]
    pub members: String,
    /// True if only clients of members may have it read.
    #[serde(default, alias = "memberOnlyRead")]
    pub member_only_read: bool,
    /// True if only clients of members may have it written.
    #[serde(default, alias = "memberOnlyWrite")]
    pub member_only_write: bool,
    /// Blocks after which a value disappears; 0 is never.
    #[serde(default, alias = "blockToLive")]
    pub blocks_to_live: u64,
    /// Who must endorse writes; the chaincode's policy, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endorsement: Option<String>,
    /// Of Fabric's files; a network in one process needs no dissemination.
    #[serde(default, skip_serializing, rename = "requiredPeerCount")]
    pub(crate) required_peer_count: Option<i32>,
    /// Of Fabric's files; a network in one process needs no dissemination.
    #[serde(default, skip_serializing, rename = "maxPeerCount")]
    pub(crate) maximum_peer_count: Option<i32>,
    /// Of Fabric's files; becomes `endorsement`.
    #[serde(default, skip_serializing, rename = "endorsementPolicy")]
    pub(crate) fabric_endorsement: Option<FabricEndorsement>,
}

/// An endorsement policy in Fabric's collection files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct FabricEndorsement {
    #[serde(rename = "signaturePolicy")]
    signature_policy: Option<String>,
    #[serde(rename = "channelConfigPolicy")]
    channel_config_policy: Option<String>,
}

/// Why a file of collections cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CollectionsError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a list of collections.
    #[error("{path} is not a list of collections")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads a file as `peer lifecycle chaincode --collections-config` takes it.
///
/// # Errors
/// When it cannot be read or holds something else.
pub fn read_collections(path: &Path) -> Result<Vec<Collection>, CollectionsError> {
    let bytes =
        std::fs::read(path).map_err(|source| CollectionsError::Read { path: path.to_owned(), source })?;
    let mut collections: Vec<Collection> = serde_json::from_slice(&bytes)
        .map_err(|source| CollectionsError::Parse { path: path.to_owned(), source })?;
    for collection in &mut collections {
        if let Some(policy) = collection.fabric_endorsement.take() {
            // Of the channel's policies there is one for endorsements: the majority's.
            let channel = policy.channel_config_policy.map(|_| "MAJORITY Endorsement".to_owned());
            collection.endorsement = policy.signature_policy.or(channel);
        }
    }
    Ok(collections)
}

impl Collection {
    /// A collection with these members, whose values stay.
    #[must_use]
    pub fn new(name: impl Into<String>, members: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            members: members.into(),
            member_only_read: false,
            member_only_write: false,
            blocks_to_live: 0,
            endorsement: None,
            required_peer_count: None,
            maximum_peer_count: None,
            fabric_endorsement: None,
        }
    }

    /// The collection with its policies read.
    ///
    /// # Errors
    /// When a policy does not read.
    pub(crate) fn read(&self, msp_ids: &[String]) -> Result<definition::Collection, PolicyError> {
        let endorsement = self.endorsement.as_deref().map(|text| Policy::read(text, msp_ids)).transpose()?;
        Ok(definition::Collection {
            members: Policy::read(&self.members, msp_ids)?,
            member_only_read: self.member_only_read,
            member_only_write: self.member_only_write,
            blocks_to_live: self.blocks_to_live,
            endorsement,
        })
    }
}
