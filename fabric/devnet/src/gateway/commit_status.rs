//! `CommitStatus`: how a transaction ended, as soon as it has.

use hlf_proto::gateway::{CommitStatusRequest, CommitStatusResponse, SignedCommitStatusRequest};
use prost::Message;
use tonic::Status;

use super::{GatewayService, stopping};
use crate::peer::access::Access;

/// Answers a commit status request. It waits for the commit, also of an id that nobody has submitted yet.
///
/// # Errors
/// As a Fabric gateway.
pub(super) async fn commit_status(
    gateway: &GatewayService,
    signed: &SignedCommitStatusRequest,
) -> Result<CommitStatusResponse, Status> {
    if signed.request.is_empty() {
        return Err(Status::invalid_argument("a commit status request is required"));
    }
    let request = CommitStatusRequest::decode(signed.request.as_slice())
        .map_err(|error| Status::invalid_argument(format!("invalid status request: {error}")))?;
    let CommitStatusRequest { transaction_id, channel_id, identity } = &request;
    let missing = if identity.is_empty() {
        Some("no identity provided")
    } else if channel_id.is_empty() {
        Some("no channel ID provided")
    } else if transaction_id.is_empty() {
        Some("transaction ID should not be empty")
    } else {
        None
    };
    if let Some(missing) = missing {
        return Err(Status::invalid_argument(missing));
    }
    gateway
        .channel
        .check_access(channel_id, Access::Readers, identity, &signed.request, &signed.signature)
        .map_err(|error| Status::permission_denied(error.to_string()))?;
    let outcome = tokio::select! {
        outcome = gateway.channel.committed(transaction_id) => outcome,
        () = gateway.shutdown.cancelled() => return Err(stopping()),
    };
    let outcome = outcome.map_err(|error| Status::aborted(error.to_string()))?;
    Ok(CommitStatusResponse { result: outcome.code.into(), block_number: outcome.block })
}
