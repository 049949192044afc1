//! The contract.

use hlf_shim::{JsonSchema, LedgerError, Stub, contract};
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
    #[error("failed to put to world state. {0}")]
    Write(#[source] LedgerError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Assets by id.
pub(crate) struct AssetTransfer;

#[contract(name = "SmartContract", title = "Asset Transfer Basic", license = "Apache-2.0")]
impl AssetTransfer {
    /// Puts six assets on the ledger to begin with.
    #[transaction(submit)]
    async fn init_ledger(&self, stub: &Stub) -> Result<(), AssetError> {
        // One message to the peer instead of six, where it takes that.
        stub.start_write_batch();
        for (number, color, size, owner, appraised_value) in [
            (1, "blue", 5, "Tomoko", 300),
            (2, "red", 5, "Brad", 400),
            (3, "green", 10, "Jin Soo", 500),
            (4, "yellow", 10, "Max", 600),
            (5, "black", 15, "Adriana", 700),
            (6, "white", 15, "Michel", 800),
        ] {
            let id = format!("asset{number}");
            let asset = Asset { appraised_value, color: color.into(), id, owner: owner.into(), size };
            put(stub, &asset).await?;
        }
        stub.finish_write_batch().await.map_err(AssetError::Write)
    }

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
        if exists(stub, &id).await? {
            return Err(AssetError::Exists(id));
        }
        put(stub, &Asset { appraised_value, color, id, owner, size }).await
    }

    #[transaction(evaluate)]
    async fn read_asset(&self, stub: &Stub, id: String) -> Result<Asset, AssetError> {
        read(stub, id).await
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
        if !exists(stub, &id).await? {
            return Err(AssetError::Absent(id));
        }
        put(stub, &Asset { appraised_value, color, id, owner, size }).await
    }

    #[transaction(submit)]
    async fn delete_asset(&self, stub: &Stub, id: String) -> Result<(), AssetError> {
        if !exists(stub, &id).await? {
            return Err(AssetError::Absent(id));
        }
        stub.delete(&id).await.map_err(AssetError::Write)
    }

    #[transaction(evaluate)]
    async fn asset_exists(&self, stub: &Stub, id: String) -> Result<bool, AssetError> {
        exists(stub, &id).await
    }

    /// Answers with the owner before.
    #[transaction(submit)]
    async fn transfer_asset(&self, stub: &Stub, id: String, new_owner: String) -> Result<String, AssetError> {
        let mut asset = read(stub, id).await?;
        let old_owner = std::mem::replace(&mut asset.owner, new_owner);
        put(stub, &asset).await?;
        Ok(old_owner)
    }

    #[transaction(evaluate)]
    async fn get_all_assets(&self, stub: &Stub) -> Result<Vec<Asset>, AssetError> {
        let mut entries = stub.range("", "").await.map_err(AssetError::Read)?;
        let mut assets = Vec::new();
        while let Some(entry) = entries.next().await.map_err(AssetError::Read)? {
            assets.push(serde_json::from_slice(&entry.value)?);
        }
        Ok(assets)
    }
}

async fn exists(stub: &Stub, id: &str) -> Result<bool, AssetError> {
    Ok(stub.get(id).await.map_err(AssetError::Read)?.is_some())
}

async fn read(stub: &Stub, id: String) -> Result<Asset, AssetError> {
    let json = stub.get(&id).await.map_err(AssetError::Read)?.ok_or(AssetError::Absent(id))?;
    Ok(serde_json::from_slice(&json)?)
}

async fn put(stub: &Stub, asset: &Asset) -> Result<(), AssetError> {
    stub.put(&asset.id, serde_json::to_vec(asset)?).await.map_err(AssetError::Write)
}
