//! Evaluate: one peer simulates, nothing is ordered.

use hlf_proto::gateway::{EvaluateRequest, EvaluateResponse};
use hlf_proto::protos::{ChaincodeAction, ProposalResponse, ProposalResponsePayload};
use prost::Message;
use tonic::{Code, Status};

use super::GatewayService;
use super::failure::{EndorserFailure, status};
use crate::peer::proposal::Outline;

/// Answers an evaluate request.
///
/// # Errors
/// As a Fabric gateway.
pub(super) async fn evaluate(
    gateway: &GatewayService,
    request: EvaluateRequest,
) -> Result<EvaluateResponse, Status> {
    let signed = request.proposed_transaction.unwrap_or_default();
    let outline = outline(&signed.proposal_bytes).map_err(|error| {
        Status::invalid_argument(format!("failed to unpack transaction proposal: {error}"))
    })?;
    let (channel, chaincode) = (&outline.channel_header.channel_id, outline.chaincode());
    if *channel != gateway.channel.name {
        return Err(Status::unavailable(format!(
            "failed to get config for channel [{channel}]: could not get last config for channel {channel}"
        )));
    }
    let mut targets = request.target_organizations;
    let protected = !outline.payload.transient_map.is_empty() && targets.is_empty();
    if protected {
        targets.push(gateway.local.msp_id.clone());
    }
    let mut endorsers = gateway.endorsers_of(channel, chaincode);
    endorsers.retain(|endorser| targets.is_empty() || targets.contains(&endorser.msp_id));
    if endorsers.is_empty() {
        let error = format!("no peers available to evaluate chaincode {chaincode} in channel {channel}");
        return Err(Status::failed_precondition(if protected {
            format!(
                "no endorsers found in the gateway's organization; retry specifying target organization(s) to protect transient data: {error}"
            )
        } else {
            error
        }));
    }
    let mut details = Vec::new();
    let mut code = Code::Unavailable;
    for endorser in endorsers {
        match gateway.process(endorser, &signed).await {
            Ok(response) => return Ok(result(response)),
            Err(EndorserFailure { code: found, retry, detail }) => {
                let message = detail.message.clone();
                details.push(detail);
                code = found;
                if !retry {
                    let message = format!("evaluate call to endorser returned error: {message}");
                    return Err(status(code, &message, &details));
                }
            }
        }
    }
    Err(status(code, "failed to evaluate transaction, see attached details for more info", &details))
}

fn outline(proposal: &[u8]) -> Result<Outline, String> {
    if proposal.is_empty() {
        return Err("a signed proposal is required".into());
    }
    let outline = Outline::read(proposal).map_err(|error| error.to_string())?;
    let channel = &outline.channel_header.channel_id;
    if channel.is_empty() {
        return Err("no channel id provided".into());
    }
    let Some(spec) = &outline.spec.chaincode_spec else {
        return Err(format!("no chaincode spec is provided, channel id [{channel}]"));
    };
    let Some(id) = &spec.chaincode_id else {
        return Err(format!("no chaincode id is provided, channel id [{channel}]"));
    };
    if id.name.is_empty() {
        return Err(format!("no chaincode name is provided, channel id [{channel}]"));
    }
    Ok(outline)
}

/// The chaincode's response with the result that was endorsed.
fn result(response: ProposalResponse) -> EvaluateResponse {
    let mut result = response.response;
    let endorsed = ProposalResponsePayload::decode(response.payload.as_slice())
        .and_then(|payload| ChaincodeAction::decode(payload.extension.as_slice()));
    if let (Some(result), Ok(action)) = (&mut result, endorsed) {
        result.payload = action.response.map(|response| response.payload).unwrap_or_default();
    }
    EvaluateResponse { result }
}
