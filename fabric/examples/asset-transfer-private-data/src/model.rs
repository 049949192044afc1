//! What is stored, and what comes as transient data.

use hlf_shim::JsonSchema;
use serde::{Deserialize, Serialize};

/// What both organisations see of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "hlf_shim::schemars")]
pub(crate) struct Asset {
    #[serde(rename = "objectType")]
    pub(crate) object_type: String,
    #[serde(rename = "assetID")]
    pub(crate) id: String,
    pub(crate) color: String,
    pub(crate) size: i64,
    pub(crate) owner: String,
}

/// What only one organisation sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "hlf_shim::schemars")]
pub(crate) struct AssetPrivateDetails {
    #[serde(default, rename = "assetID")]
    pub(crate) id: String,
    #[serde(default, rename = "appraisedValue")]
    pub(crate) appraised_value: i64,
}

/// Who would buy an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(crate = "hlf_shim::schemars")]
pub(crate) struct TransferAgreement {
    #[serde(rename = "assetID")]
    pub(crate) id: String,
    #[serde(rename = "buyerID")]
    pub(crate) buyer_id: String,
}

/// `asset_properties` of the transient data. What is missing is empty, and refused as such.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AssetProperties {
    #[serde(rename = "objectType")]
    pub(crate) object_type: String,
    #[serde(rename = "assetID")]
    pub(crate) id: String,
    pub(crate) color: String,
    pub(crate) size: i64,
    #[serde(rename = "appraisedValue")]
    pub(crate) appraised_value: i64,
}

/// `asset_owner` of the transient data.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewOwner {
    #[serde(rename = "assetID")]
    pub(crate) id: String,
    #[serde(rename = "buyerMSP")]
    pub(crate) buyer_msp: String,
}

/// `asset_delete`, `asset_purge` and `agreement_delete` of the transient data.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    #[serde(rename = "assetID")]
    pub(crate) id: String,
}
