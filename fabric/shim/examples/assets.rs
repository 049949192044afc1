//! A small chaincode: assets that have an owner and can be transferred by that owner's organisation.
//!
//! Run it beside a peer that has a package of type `ccaas` installed:
//!
//! ```sh
//! CHAINCODE_SERVER_ADDRESS=0.0.0.0:9999 CORE_CHAINCODE_ID_NAME=assets:... cargo run --example assets
//! ```

use hlf_shim::{
    CompositeKey, EmptyEventName, Environment, KeyError, LedgerError, ProposalError, Stub, contract, serve,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Debug, Serialize, Deserialize)]
struct Asset {
    id: String,
    /// MSP id of the organisation that may transfer it.
    organization: String,
    value: u64,
}

#[derive(Debug, thiserror::Error)]
enum AssetError {
    #[error("the asset {0} exists already")]
    Exists(String),
    #[error("the asset {0} does not exist")]
    Absent(String),
    #[error("the asset {id} belongs to {organization}")]
    NotYours { id: String, organization: String },
    #[error("the asset cannot be read or written: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    #[error(transparent)]
    Event(#[from] EmptyEventName),
}

struct Assets;

#[contract(name = "assets")]
impl Assets {
    /// Creates an asset of the caller's organisation.
    #[transaction(submit)]
    async fn create(&self, stub: &Stub, id: String, value: u64) -> Result<Asset, AssetError> {
        if stub.get(&id).await?.is_some() {
            return Err(AssetError::Exists(id));
        }
        let asset = Asset { id, organization: stub.creator()?.mspid, value };
        Self::store(stub, &asset).await?;
        stub.set_event("AssetCreated", asset.id.as_str())?;
        Ok(asset)
    }

    #[transaction(evaluate)]
    async fn read(&self, stub: &Stub, id: String) -> Result<Asset, AssetError> {
        let json = stub.get(&id).await?.ok_or(AssetError::Absent(id))?;
        Ok(serde_json::from_slice(&json)?)
    }

    #[transaction(submit)]
    async fn transfer(&self, stub: &Stub, id: String, organization: String) -> Result<Asset, AssetError> {
        let mut asset = self.read(stub, id).await?;
        if asset.organization != stub.creator()?.mspid {
            return Err(AssetError::NotYours { id: asset.id, organization: asset.organization });
        }
        stub.delete(&Self::owned(&asset)?).await?;
        asset.organization = organization;
        Self::store(stub, &asset).await?;
        Ok(asset)
    }

    /// Ids of all assets of an organisation.
    #[transaction(evaluate)]
    async fn of_organization(&self, stub: &Stub, organization: String) -> Result<Vec<String>, AssetError> {
        let mut ids = Vec::new();
        let mut entries =
            stub.composite_range(&CompositeKey::new("organization~id", [organization])?).await?;
        while let Some(entry) = entries.next().await? {
            ids.extend(CompositeKey::parse(&entry.key)?.attributes().last().cloned());
        }
        Ok(ids)
    }

    /// Transactions that changed an asset, the newest first.
    #[transaction(evaluate)]
    async fn history(&self, stub: &Stub, id: String) -> Result<Vec<String>, AssetError> {
        let changes = stub.history(&id).await?.collect().await?;
        Ok(changes.into_iter().map(|change| change.tx_id).collect())
    }

    async fn store(stub: &Stub, asset: &Asset) -> Result<(), AssetError> {
        stub.put(&asset.id, serde_json::to_vec(asset)?).await?;
        // An empty value would be no entry.
        stub.put(&Self::owned(asset)?, [0]).await?;
        Ok(())
    }

    fn owned(asset: &Asset) -> Result<String, KeyError> {
        Ok(CompositeKey::new("organization~id", [&asset.organization, &asset.id])?.into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Environment { address, config, .. } = Environment::read()?;
    let listener = TcpListener::bind(address).await?;
    let shutdown = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    serve(listener, config, Assets, shutdown).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use hlf_shim::testing::{Call, MemoryLedger};

    use super::*;

    #[tokio::test]
    async fn only_the_owner_transfers() {
        let mut ledger = MemoryLedger::new("assets");
        let create = Call::new("Create", ["a1", "5"]).creator("Org1MSP", "");
        assert!(ledger.submit(&Assets, create).await.response.is_success());

        let transfer = Call::new("Transfer", ["a1", "Org2MSP"]);
        let done = ledger.submit(&Assets, transfer.clone().creator("Org2MSP", "")).await;
        assert_eq!(done.response.message(), "the asset a1 belongs to Org1MSP");
        assert!(ledger.submit(&Assets, transfer.creator("Org1MSP", "")).await.response.is_success());

        let done = ledger.evaluate(&Assets, Call::new("OfOrganization", ["Org2MSP"])).await;
        assert_eq!(done.response.payload(), br#"["a1"]"#);
        let done = ledger.evaluate(&Assets, Call::new("OfOrganization", ["Org1MSP"])).await;
        assert_eq!(done.response.payload(), b"[]");
    }
}
