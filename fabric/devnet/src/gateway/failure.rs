//! How failures look on the wire: gRPC codes, texts, and details per peer.

use hlf_proto::Any;
use hlf_proto::gateway::ErrorDetail;
use hlf_proto::protos::ProposalResponse;
use prost::Message;
use tonic::{Code, Status};

use crate::peer::endorser::{Endorser, Rejection};

/// Type URL of the details.
const ERROR_DETAIL: &str = "type.googleapis.com/gateway.ErrorDetail";

/// A peer that did not endorse, as the gateway sees it.
#[derive(Debug, Clone)]
pub(super) struct EndorserFailure {
    /// What kind of failure.
    pub(super) code: Code,
    /// Whether an evaluation should be tried on another peer.
    pub(super) retry: bool,
    /// Who said what.
    pub(super) detail: ErrorDetail,
}

/// A detail about a peer.
pub(super) fn detail(endorser: &Endorser, message: impl Into<String>) -> ErrorDetail {
    ErrorDetail {
        address: endorser.address.clone(),
        msp_id: endorser.msp_id.clone(),
        message: message.into(),
    }
}

/// Fabric's reading of a peer's answer to a proposal.
///
/// # Errors
/// When the answer is not a successful response.
pub(super) fn judge(
    endorser: &Endorser,
    answer: Result<ProposalResponse, Rejection>,
    local: bool,
) -> Result<ProposalResponse, EndorserFailure> {
    let failure = |code, retry, message: String| {
        Err(EndorserFailure { code, retry, detail: detail(endorser, message) })
    };
    let response = match answer {
        Ok(response) => response,
        // Without a response the gateway takes the peer for unavailable.
        Err(Rejection::Filtered(message)) if local => return failure(Code::Unavailable, true, message),
        Err(Rejection::Refused(message)) if local => {
            return failure(Code::FailedPrecondition, false, message);
        }
        // Over the network an error never comes with a response.
        Err(rejection) => {
            let message = format!("rpc error: code = Unknown desc = {rejection}");
            return failure(Code::Unavailable, true, message);
        }
    };
    let (status, message) = response
        .response
        .as_ref()
        .map_or((0, String::new()), |response| (response.status, response.message.clone()));
    if (200..400).contains(&status) {
        Ok(response)
    } else if status == 500 && response.payload.is_empty() {
        // No payload: the fault is the peer's, not the chaincode's.
        failure(Code::Aborted, true, message)
    } else {
        failure(Code::Unknown, false, format!("chaincode response {status}, {message}"))
    }
}

/// A gRPC status with details.
pub(super) fn status(code: Code, message: &str, details: &[ErrorDetail]) -> Status {
    if details.is_empty() {
        return Status::new(code, message);
    }
    let details = details
        .iter()
        .map(|detail| Any { type_url: ERROR_DETAIL.to_owned(), value: detail.encode_to_vec() })
        .collect();
    let encoded = hlf_proto::google::rpc::Status { code: code.into(), message: message.to_owned(), details };
    Status::with_details(code, message, encoded.encode_to_vec().into())
}
