//! Endorse: as many organisations as the policy wants simulate, and their results are compared.

use std::sync::Arc;

use futures::future::join_all;
use hlf_proto::common::{Envelope, Payload};
use hlf_proto::gateway::{EndorseRequest, EndorseResponse};
use hlf_proto::protos::{
    ChaincodeActionPayload, ChaincodeEndorsedAction, SignedProposal, Transaction, TransactionAction,
};
use prost::Message;
use tonic::{Code, Status};

use super::GatewayService;
use super::failure::status;
use super::plan::{Collected, Plan};
use crate::core::interest::{Requirement, require};
use crate::core::policy::Policy;
use crate::peer::endorser::Endorser;
use crate::peer::proposal::{Outline, without_transient};

/// Answers an endorse request with an envelope that only lacks the client's signature.
///
/// # Errors
/// As a Fabric gateway.
pub(super) async fn endorse(
    gateway: &GatewayService,
    request: EndorseRequest,
) -> Result<EndorseResponse, Status> {
    let signed = request.proposed_transaction.unwrap_or_default();
    if signed.proposal_bytes.is_empty() {
        return Err(Status::invalid_argument("the proposed transaction must contain a signed proposal"));
    }
    let outline =
        Outline::read(&signed.proposal_bytes).map_err(|error| Status::invalid_argument(error.to_string()))?;
    let plan = if request.endorsing_organizations.is_empty() {
        plan_by_policy(gateway, &outline, &signed).await?
    } else {
        plan_for(gateway, &outline, &request.endorsing_organizations)?
    };
    let collected = collect(gateway, plan, &signed).await?;
    let prepared_transaction = Some(prepare(outline, collected));
    Ok(EndorseResponse { prepared_transaction })
}

/// The client has named the organisations: each must endorse.
fn plan_for(gateway: &GatewayService, outline: &Outline, organisations: &[String]) -> Result<Plan, Status> {
    let endorsers = gateway.endorsers_of(&outline.channel_header.channel_id, outline.chaincode());
    let known = |msp_id: &&String| endorsers.iter().any(|endorser| endorser.msp_id == **msp_id);
    let missing: Vec<&str> =
        organisations.iter().filter(|msp_id| !known(msp_id)).map(String::as_str).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(Status::unavailable(format!("failed to find any endorsing peers for org(s): {missing}")));
    }
    let mut layout = organisations.to_vec();
    layout.sort();
    layout.dedup();
    Ok(Plan::new(vec![layout]))
}

/// The policy decides: the own organisation endorses first, then others until the policy is satisfied.
async fn plan_by_policy(
    gateway: &GatewayService,
    outline: &Outline,
    signed: &SignedProposal,
) -> Result<Plan, Status> {
    let (channel, chaincode) = (&outline.channel_header.channel_id, outline.chaincode());
    let endorsers = gateway.endorsers_of(channel, chaincode);
    let no_plan = |reason: String| {
        Status::failed_precondition(format!(
            "no combination of peers can be derived which satisfy the endorsement policy: {reason}"
        ))
    };
    let definitions = gateway.channel.definitions();
    let defined = definitions.get(chaincode).is_some() && *channel == gateway.channel.name;
    let local = endorsers.iter().find(|endorser| endorser.msp_id == gateway.local.msp_id);
    if local.is_none() && !outline.payload.transient_map.is_empty() {
        return Err(Status::failed_precondition(
            "no endorsers found in the gateway's organization; retry specifying endorsing organization(s) to protect transient data",
        ));
    }
    if !defined {
        return Err(no_plan(format!("No metadata was found for chaincode {chaincode} in channel {channel}")));
    }
    let Some(first) = local.or_else(|| endorsers.first()) else {
        return Err(no_plan("required chaincodes are not installed on sufficient peers".into()));
    };
    let answer = gateway.process(first, signed).await;
    // The first answer says what the transaction touches, and so who else has to endorse.
    let interest = answer.as_ref().ok().and_then(|response| response.interest.clone());
    let organisations: Vec<String> = endorsers.iter().map(|endorser| endorser.msp_id.clone()).collect();
    let requirement = require(&interest.unwrap_or_default(), &definitions, organisations);
    let mut layouts = requirement
        .map(|Requirement { policies, organisations }| Policy::layouts(&policies, &organisations))
        .unwrap_or_default();
    layouts.sort_by_key(|layout| !layout.contains(&first.msp_id));
    if layouts.is_empty() && answer.is_ok() {
        return Err(no_plan("no peer combination can satisfy the endorsement policy".into()));
    }
    let mut plan = Plan::new(layouts);
    let failed = answer.is_err();
    plan.take(first, answer);
    if failed {
        let message = "failed to endorse transaction, see attached details for more info";
        return Err(status(Code::Aborted, message, plan.details()));
    }
    Ok(plan)
}

async fn collect(
    gateway: &GatewayService,
    mut plan: Plan,
    signed: &SignedProposal,
) -> Result<Collected, Status> {
    loop {
        if let Some(collected) = plan.collected() {
            return Ok(collected);
        }
        let Some(missing) = plan.missing() else {
            let message =
                "failed to collect enough transaction endorsements, see attached details for more info";
            return Err(status(Code::Aborted, message, plan.details()));
        };
        let asked: Vec<&Arc<Endorser>> =
            gateway.endorsers.iter().filter(|endorser| missing.contains(&endorser.msp_id)).collect();
        let answers = join_all(asked.iter().map(|endorser| gateway.process(endorser, signed))).await;
        for (endorser, answer) in asked.into_iter().zip(answers) {
            plan.take(endorser, answer);
        }
    }
}

/// The transaction, without transient data.
fn prepare(outline: Outline, collected: Collected) -> Envelope {
    let Outline { header, payload, .. } = outline;
    let action = ChaincodeEndorsedAction {
        proposal_response_payload: collected.payload,
        endorsements: collected.endorsements,
    };
    let payload = ChaincodeActionPayload {
        chaincode_proposal_payload: without_transient(&payload),
        action: Some(action),
    };
    let action =
        TransactionAction { header: header.signature_header.clone(), payload: payload.encode_to_vec() };
    let data = Transaction { actions: vec![action] }.encode_to_vec();
    let payload = Payload { header: Some(header), data };
    Envelope { payload: payload.encode_to_vec(), signature: Vec::new() }
}
