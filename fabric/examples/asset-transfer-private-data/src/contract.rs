//! The contract.

use hlf_shim::{CompositeKey, JsonSchema, KeyValue, Query, contract};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::client::Client;
use crate::error::{AssetError, Tried, VerificationError};
use crate::model::{Asset, AssetPrivateDetails, AssetProperties, Named, NewOwner, TransferAgreement};

/// What both organisations see.
const SHARED: &str = "assetCollection";

/// Assets whose value only the owner's organisation sees.
pub(crate) struct PrivateAssets;

#[contract(name = "SmartContract", title = "Asset Transfer Private Data", license = "Apache-2.0", context = Client)]
impl PrivateAssets {
    /// Takes `asset_properties`. The asset belongs to the caller.
    #[transaction(submit)]
    async fn create_asset(&self, client: &Client) -> Result<(), AssetError> {
        let sent: AssetProperties =
            client.read("asset_properties", "asset not found in the transient map input")?;
        not_empty("objectType", &sent.object_type)?;
        not_empty("assetID", &sent.id)?;
        not_empty("color", &sent.color)?;
        positive("size", sent.size)?;
        positive("appraisedValue", sent.appraised_value)?;
        let shared = client.stub.private(SHARED);
        if shared.get(&sent.id).await.tried("get asset")?.is_some() {
            return Err(AssetError::Exists(sent.id));
        }
        client.must_be_on_own_peer("CreateAsset")?;

        let AssetProperties { object_type, id, color, size, appraised_value } = sent;
        let owner = client.id.clone();
        let asset = Asset { object_type, id: id.clone(), color, size, owner };
        let json = serde_json::to_vec(&asset)?;
        shared.put(&id, json).await.tried("put asset into private data collecton")?;
        let details = serde_json::to_vec(&AssetPrivateDetails { id: id.clone(), appraised_value })?;
        client.stub.private(client.collection()).put(&id, details).await.tried("put asset private details")
    }

    /// Takes `asset_value`, which the buyer agrees to: kept byte for byte, since its hash is compared.
    #[transaction(submit)]
    async fn agree_to_transfer(&self, client: &Client) -> Result<(), AssetError> {
        let sent = client.sent("asset_value", "asset_value key not found in the transient map")?;
        let value: AssetPrivateDetails = serde_json::from_slice(&sent)?;
        not_empty("assetID", &value.id)?;
        positive("appraisedValue", value.appraised_value)?;
        asset(client, &value.id).await?;
        client.must_be_on_own_peer("AgreeToTransfer")?;

        client.stub.private(client.collection()).put(&value.id, sent).await.tried("put asset bid")?;
        let shared = client.stub.private(SHARED);
        shared.put(&agreement_key(&value.id)?, client.id.clone()).await.tried("put asset bid")
    }

    /// Takes `asset_owner`: the caller gives the asset to the buyer, who has agreed to its value.
    #[transaction(submit)]
    async fn transfer_asset(&self, client: &Client) -> Result<(), AssetError> {
        let NewOwner { id, buyer_msp } =
            client.read("asset_owner", "asset owner not found in the transient map")?;
        not_empty("assetID", &id)?;
        not_empty("buyerMSP", &buyer_msp)?;
        let asset = asset(client, &id).await?;
        client.must_be_on_own_peer("TransferAsset")?;
        verify(client, &asset, &buyer_msp).await?;
        let agreement = agreement(client, &id).await?.ok_or_else(|| AssetError::NoAgreement(id.clone()))?;

        let shared = client.stub.private(SHARED);
        let asset = Asset { owner: agreement.buyer_id, ..asset };
        shared.put(&id, serde_json::to_vec(&asset)?).await?;
        client.stub.private(client.collection()).delete(&id).await?;
        Ok(shared.delete(&agreement_key(&id)?).await?)
    }

    /// Takes `asset_delete`.
    #[transaction(submit)]
    async fn delete_asset(&self, client: &Client) -> Result<(), AssetError> {
        let Named { id } = client.read("asset_delete", "asset to delete not found in the transient map")?;
        not_empty("assetID", &id)?;
        client.must_be_on_own_peer("DeleteAsset")?;
        let shared = client.stub.private(SHARED);
        if shared.get(&id).await.tried("read asset")?.is_none() {
            return Err(AssetError::NotFound(id));
        }
        let own = client.stub.private(client.collection());
        if own.get(&id).await.tried("read asset from owner's Collection")?.is_none() {
            return Err(AssetError::NotOwned { collection: client.collection(), id });
        }
        shared.delete(&id).await.tried("delete state")?;
        Ok(own.delete(&id).await?)
    }

    /// Takes `asset_purge`. The asset may have been deleted before; now the peers forget it.
    #[transaction(submit)]
    async fn purge_asset(&self, client: &Client) -> Result<(), AssetError> {
        let Named { id } = client.read("asset_purge", "asset to purge not found in the transient map")?;
        not_empty("assetID", &id)?;
        client.must_be_on_own_peer("PurgeAsset")?;
        client.stub.private(SHARED).purge(&id).await.tried("purge state from asset collection")?;
        client.stub.private(client.collection()).purge(&id).await.tried("purge state from owner collection")
    }

    /// Takes `agreement_delete`: the buyer withdraws. The name is the sample's.
    #[transaction(submit, name = "DeleteTranferAgreement")]
    async fn delete_transfer_agreement(&self, client: &Client) -> Result<(), AssetError> {
        let Named { id } =
            client.read("agreement_delete", "asset to delete not found in the transient map")?;
        not_empty("transient input ID", &id)?;
        client.must_be_on_own_peer("DeleteTranferAgreement")?;
        if agreement(client, &id).await?.is_none() {
            return Err(AssetError::NoAgreement(id));
        }
        client.stub.private(client.collection()).delete(&id).await?;
        Ok(client.stub.private(SHARED).delete(&agreement_key(&id)?).await?)
    }

    #[transaction(evaluate)]
    async fn read_asset(&self, client: &Client, id: String) -> Result<Option<Asset>, AssetError> {
        stored(client, SHARED, &id, "read asset").await
    }

    #[transaction(evaluate)]
    async fn read_asset_private_details(
        &self,
        client: &Client,
        collection: String,
        id: String,
    ) -> Result<Option<AssetPrivateDetails>, AssetError> {
        stored(client, &collection, &id, "read asset details").await
    }

    #[transaction(evaluate)]
    async fn read_transfer_agreement(
        &self,
        client: &Client,
        id: String,
    ) -> Result<Option<TransferAgreement>, AssetError> {
        agreement(client, &id).await
    }

    #[transaction(evaluate)]
    async fn get_asset_by_range(
        &self,
        client: &Client,
        start: String,
        end: String,
    ) -> Result<Vec<Asset>, AssetError> {
        assets(client.stub.private(SHARED).range(&start, &end).await?).await
    }

    /// Needs a state database with queries.
    #[transaction(evaluate)]
    async fn query_asset_by_owner(
        &self,
        client: &Client,
        asset_type: String,
        owner: String,
    ) -> Result<Vec<Asset>, AssetError> {
        let query = json!({ "selector": { "objectType": asset_type, "owner": owner } }).to_string();
        assets(client.stub.private(SHARED).query(&query).await?).await
    }

    /// Needs a state database with queries.
    #[transaction(evaluate)]
    async fn query_assets(&self, client: &Client, query: String) -> Result<Vec<Asset>, AssetError> {
        assets(client.stub.private(SHARED).query(&query).await?).await
    }
}

/// The caller owns the asset, and the buyer has agreed to the value that the owner gave it.
async fn verify(client: &Client, asset: &Asset, buyer_msp: &str) -> Result<(), VerificationError> {
    if client.id != asset.owner {
        return Err(VerificationError::NotTheOwner);
    }
    let (owners, buyers) = (client.collection(), Client::collection_of(buyer_msp));
    let id = asset.id.clone();
    let owner = hash(client, &owners, &id).await?;
    let owner =
        owner.ok_or_else(|| VerificationError::NoOwnersValue { id: id.clone(), collection: owners })?;
    let buyer = hash(client, &buyers, &id).await?;
    let buyer = buyer.ok_or(VerificationError::NoBuyersValue { id, collection: buyers })?;
    if owner == buyer {
        return Ok(());
    }
    Err(VerificationError::Different { owner: hex::encode(owner), buyer: hex::encode(buyer) })
}

async fn hash(client: &Client, collection: &str, id: &str) -> Result<Option<Vec<u8>>, VerificationError> {
    let failed = |source| VerificationError::Hash { collection: collection.to_owned(), source };
    client.stub.private(collection).hash(id).await.map_err(failed)
}

async fn asset(client: &Client, id: &str) -> Result<Asset, AssetError> {
    stored(client, SHARED, id, "read asset").await?.ok_or_else(|| AssetError::Absent(id.to_owned()))
}

async fn agreement(client: &Client, id: &str) -> Result<Option<TransferAgreement>, AssetError> {
    let buyer = client.stub.private(SHARED).get(&agreement_key(id)?).await.tried("read TransferAgreement")?;
    let agreement = |buyer: Vec<u8>| TransferAgreement {
        id: id.to_owned(),
        buyer_id: String::from_utf8_lossy(&buyer).into_owned(),
    };
    Ok(buyer.map(agreement))
}

async fn stored<T: DeserializeOwned + JsonSchema>(
    client: &Client,
    collection: &str,
    id: &str,
    action: &'static str,
) -> Result<Option<T>, AssetError> {
    let json = client.stub.private(collection).get(id).await.tried(action)?;
    Ok(json.map(|json| serde_json::from_slice(&json)).transpose()?)
}

async fn assets(mut entries: Query<KeyValue>) -> Result<Vec<Asset>, AssetError> {
    let mut assets = Vec::new();
    while let Some(entry) = entries.next().await? {
        assets.push(serde_json::from_slice(&entry.value)?);
    }
    Ok(assets)
}

fn agreement_key(id: &str) -> Result<String, AssetError> {
    Ok(CompositeKey::new("transferAgreement", [id])?.to_string())
}

fn not_empty(field: &'static str, text: &str) -> Result<(), AssetError> {
    if text.is_empty() { Err(AssetError::Empty(field)) } else { Ok(()) }
}

fn positive(field: &'static str, number: i64) -> Result<(), AssetError> {
    if number > 0 { Ok(()) } else { Err(AssetError::NotPositive(field)) }
}
