//! Submit: hand a signed transaction to the orderer.

use hlf_proto::gateway::{SubmitRequest, SubmitResponse};
use tonic::Status;

use super::{GatewayService, stopping};
use crate::order::envelope::BroadcastError;

/// Answers a submit request, as soon as the orderer has the transaction.
///
/// # Errors
/// As a Fabric gateway.
pub(super) async fn submit(
    gateway: &GatewayService,
    request: SubmitRequest,
) -> Result<SubmitResponse, Status> {
    let Some(envelope) = request.prepared_transaction else {
        return Err(Status::invalid_argument("a prepared transaction is required"));
    };
    if envelope.signature.is_empty() {
        return Err(Status::invalid_argument("prepared transaction must be signed"));
    }
    let channel = &request.channel_id;
    if *channel != gateway.channel.name {
        return Err(Status::failed_precondition(format!(
            "failed to get config for channel [{channel}]: could not get last config for channel {channel}"
        )));
    }
    match gateway.orderer.broadcast(&envelope).await {
        Ok(()) => Ok(SubmitResponse {}),
        Err(BroadcastError::Stopping) => Err(stopping()),
        Err(error) => Err(Status::aborted(format!(
            "received unsuccessful response from orderer: status={}, info={error}",
            error.status().as_str_name(),
        ))),
    }
}
