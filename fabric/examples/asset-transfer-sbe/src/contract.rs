//! The contract.

use hlf_shim::{JsonSchema, KeyEndorsementPolicy, LedgerError, PolicyRole, ProposalError, Stub, contract};
use serde::{Deserialize, Serialize};

/// An asset, and the organisation that has to endorse its changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(crate = "hlf_shim::schemars")]
pub(crate) struct Asset {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) value: i64,
    pub(crate) owner: String,
    pub(crate) owner_org: String,
}

/// Why a call fails, in the sample's words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssetError {
    #[error("The asset {0} already exists")]
    Exists(String),
    #[error("The asset {0} does not exist")]
    Absent(String),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Caller(#[from] ProposalError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Assets by id, each with an endorsement policy of its own: a member of the organisation that owns it.
pub(crate) struct AssetContract;

#[contract(name = "AssetContract", title = "AssetContract", license = "Apache-2.0")]
impl AssetContract {
    /// The asset belongs to the caller's organisation.
    #[transaction(submit)]
    async fn create_asset(
        &self,
        stub: &Stub,
        id: String,
        value: i64,
        owner: String,
    ) -> Result<(), AssetError> {
        if stub.get(&id).await?.is_some() {
            return Err(AssetError::Exists(id));
        }
        let owner_org = stub.creator()?.mspid;
        let asset = Asset { id, value, owner, owner_org };
        put(stub, &asset).await?;
        hand_over(stub, &asset).await
    }

    #[transaction(evaluate)]
    async fn read_asset(&self, stub: &Stub, id: String) -> Result<Asset, AssetError> {
        read(stub, id).await
    }

    #[transaction(submit)]
    async fn update_asset(&self, stub: &Stub, id: String, new_value: i64) -> Result<(), AssetError> {
        let asset = Asset { value: new_value, ..read(stub, id).await? };
        put(stub, &asset).await
    }

    #[transaction(submit)]
    async fn delete_asset(&self, stub: &Stub, id: String) -> Result<(), AssetError> {
        let asset = read(stub, id).await?;
        Ok(stub.delete(&asset.id).await?)
    }

    /// From then on the new owner's organisation endorses changes.
    #[transaction(submit)]
    async fn transfer_asset(
        &self,
        stub: &Stub,
        id: String,
        new_owner: String,
        new_owner_org: String,
    ) -> Result<(), AssetError> {
        let asset = Asset { owner: new_owner, owner_org: new_owner_org, ..read(stub, id).await? };
        put(stub, &asset).await?;
        hand_over(stub, &asset).await
    }

    #[transaction(evaluate)]
    async fn asset_exists(&self, stub: &Stub, id: String) -> Result<bool, AssetError> {
        Ok(stub.get(&id).await?.is_some())
    }
}

async fn read(stub: &Stub, id: String) -> Result<Asset, AssetError> {
    let json = stub.get(&id).await?.ok_or(AssetError::Absent(id))?;
    Ok(serde_json::from_slice(&json)?)
}

async fn put(stub: &Stub, asset: &Asset) -> Result<(), AssetError> {
    Ok(stub.put(&asset.id, serde_json::to_vec(asset)?).await?)
}

/// Has the owner's organisation endorse further changes.
async fn hand_over(stub: &Stub, asset: &Asset) -> Result<(), AssetError> {
    let mut policy = KeyEndorsementPolicy::new();
    policy.add(PolicyRole::Member, [&asset.owner_org]);
    Ok(stub.set_validation_parameter(&asset.id, policy.encode()).await?)
}
