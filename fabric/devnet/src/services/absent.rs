//! Services of a peer that devnet has not.

use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Response, Uri};
use tonic::service::Routes;

/// The services, and an answer that names what is missing for calls of any other.
pub(crate) fn with_refusals(services: Routes) -> Routes {
    services.into_axum_router().fallback(refuse).into()
}

async fn refuse(uri: Uri) -> Response<Body> {
    Status::unimplemented(text(uri.path())).into_http()
}

fn text(path: &str) -> String {
    let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let instead = match service {
        "discovery.Discovery" => {
            "no service discovery: its gateways choose the endorsers, and profile.toml names all peers"
        }
        "protos.Snapshot" => "no snapshots of its ledger: stop it and copy its folder",
        "gossip.Gossip" => "no gossip: all its peers have one ledger",
        "orderer.Cluster" => "no consensus: it orders in one process",
        "protos.ChaincodeSupport" => {
            "no chaincode that calls its peer: run it as a service, which devnet calls"
        }
        _ => return format!("hlf-devnet has no service {service:?}"),
    };
    format!("hlf-devnet has {instead}")
}
