//! Which organisations to ask for endorsements, and what they have answered.

use std::collections::{BTreeMap, BTreeSet};

use hlf_proto::gateway::ErrorDetail;
use hlf_proto::protos::{Endorsement, ProposalResponse};

use super::failure::{EndorserFailure, detail};
use crate::peer::endorser::Endorser;

/// The state of collecting endorsements.
#[derive(Debug)]
pub(super) struct Plan {
    /// Sets of organisations, any of which is enough, in the order of preference.
    layouts: Vec<Vec<String>>,
    payload: Option<Vec<u8>>,
    endorsements: BTreeMap<String, Endorsement>,
    failed: BTreeSet<String>,
    details: Vec<ErrorDetail>,
}

/// Enough endorsements of equal payloads.
#[derive(Debug)]
pub(super) struct Collected {
    /// The payload that all of them signed.
    pub(super) payload: Vec<u8>,
    /// The endorsements.
    pub(super) endorsements: Vec<Endorsement>,
}

impl Plan {
    /// A plan with these sets of organisations.
    pub(super) fn new(layouts: Vec<Vec<String>>) -> Self {
        Self {
            layouts,
            payload: None,
            endorsements: BTreeMap::new(),
            failed: BTreeSet::new(),
            details: Vec::new(),
        }
    }

    /// The organisations to ask next: what is missing of the first set that can still be completed.
    /// `None` when no set can.
    pub(super) fn missing(&self) -> Option<Vec<String>> {
        let possible = |layout: &&Vec<String>| layout.iter().all(|msp_id| !self.failed.contains(msp_id));
        let layout = self.layouts.iter().find(possible)?;
        Some(layout.iter().filter(|msp_id| !self.endorsements.contains_key(*msp_id)).cloned().collect())
    }

    /// Takes an organisation's answer. The payload of the first one is what all others are compared with.
    pub(super) fn take(&mut self, endorser: &Endorser, answer: Result<ProposalResponse, EndorserFailure>) {
        let msp_id = endorser.msp_id.clone();
        let failure = match answer {
            Ok(ProposalResponse { payload, endorsement, .. }) => {
                if *self.payload.get_or_insert_with(|| payload.clone()) == payload {
                    self.endorsements.insert(msp_id, endorsement.unwrap_or_default());
                    return;
                }
                tracing::warn!(msp_id, "ProposalResponsePayloads do not match");
                detail(endorser, "ProposalResponsePayloads do not match")
            }
            Err(failure) => failure.detail,
        };
        self.details.push(failure);
        self.failed.insert(msp_id);
    }

    /// The endorsements of the first complete set.
    pub(super) fn collected(&self) -> Option<Collected> {
        let payload = self.payload.clone()?;
        let complete =
            |layout: &&Vec<String>| layout.iter().all(|msp_id| self.endorsements.contains_key(msp_id));
        let layout = self.layouts.iter().find(complete)?;
        let endorsements =
            layout.iter().filter_map(|msp_id| self.endorsements.get(msp_id)).cloned().collect();
        Some(Collected { payload, endorsements })
    }

    /// What went wrong so far.
    pub(super) fn details(&self) -> &[ErrorDetail] {
        &self.details
    }
}
