//! The contract.

use hlf_shim::{Bytes, EmptyEventName, JsonSchema, LedgerError, Stub, contract};
use serde::{Deserialize, Serialize};

/// An asset. The fields stand in the order of their names, as in the sample's other languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(crate = "hlf_shim::schemars")]
pub(crate) struct Asset {
    pub(crate) appraised_value: i64,
    pub(crate) color: String,
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) size: i64,
}

/// Why a call fails, in the sample's words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssetError {
    #[error("the asset {0} already exists")]
    Exists(String),
    #[error("the asset {0} does not exist")]
    Absent(String),
    #[error("failed to read from world state: {0}")]
    Read(#[source] LedgerError),
    #[error(transparent)]
    Write(LedgerError),
    #[error(transparent)]
    Event(#[from] EmptyEventName),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Assets by id, whose changes are told by events with the asset in JSON.
pub(crate) struct AssetTransfer;

#[contract(name = "SmartContract", title = "Asset Transfer Events", license = "Apache-2.0")]
impl AssetTransfer {
    #[transaction(submit)]
    async fn create_asset(
        &self,
        stub: &Stub,
        id: String,
        color: String,
        size: i64,
        owner: String,
        appraised_value: i64,
    ) -> Result<(), AssetError> {
        if stub.get(&id).await.map_err(AssetError::Read)?.is_some() {
            return Err(AssetError::Exists(id));
        }
        put(stub, "CreateAsset", &Asset { appraised_value, color, id, owner, size }).await
    }

    #[transaction(evaluate)]
    async fn read_asset(&self, stub: &Stub, id: String) -> Result<Asset, AssetError> {
        Ok(serde_json::from_slice(&stored(stub, &id).await?.0)?)
    }

    #[transaction(submit)]
    async fn update_asset(
        &self,
        stub: &Stub,
        id: String,
        color: String,
        size: i64,
        owner: String,
        appraised_value: i64,
    ) -> Result<(), AssetError> {
        stored(stub, &id).await?;
        put(stub, "UpdateAsset", &Asset { appraised_value, color, id, owner, size }).await
    }

    /// The event has the asset as it was last.
    #[transaction(submit)]
    async fn delete_asset(&self, stub: &Stub, id: String) -> Result<(), AssetError> {
        let asset: Asset = serde_json::from_slice(&stored(stub, &id).await?.0)?;
        stub.set_event("DeleteAsset", serde_json::to_vec(&asset)?)?;
        stub.delete(&id).await.map_err(AssetError::Write)
    }

    /// Answers with the owner before.
    #[transaction(submit)]
    async fn transfer_asset(&self, stub: &Stub, id: String, new_owner: String) -> Result<String, AssetError> {
        let mut asset: Asset = serde_json::from_slice(&stored(stub, &id).await?.0)?;
        let old_owner = std::mem::replace(&mut asset.owner, new_owner);
        put(stub, "TransferAsset", &asset).await?;
        Ok(old_owner)
    }
}

async fn stored(stub: &Stub, id: &str) -> Result<Bytes, AssetError> {
    let json = stub.get(id).await.map_err(AssetError::Read)?;
    json.map(Bytes).ok_or_else(|| AssetError::Absent(id.to_owned()))
}

async fn put(stub: &Stub, event: &str, asset: &Asset) -> Result<(), AssetError> {
    let json = serde_json::to_vec(asset)?;
    stub.set_event(event, json.clone())?;
    stub.put(&asset.id, json).await.map_err(AssetError::Write)
}
