//! What every function asks of a call: arguments, ledger id, clocks, submitter.

use hlf_shim::{Role, Stub};
use lockstep_protocol::hash::{LedgerId, ShortText};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::rules::{Clocks, Submitter};
use lockstep_protocol::time::Timestamp;

use crate::clock::Clock;

/// One call of the contract.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a, C> {
    pub(crate) stub: &'a Stub,
    /// Without the function's name.
    pub(crate) arguments: &'a [Vec<u8>],
    clock: &'a C,
}

impl<'a, C: Clock> Call<'a, C> {
    pub(crate) fn new(stub: &'a Stub, arguments: &'a [Vec<u8>], clock: &'a C) -> Self {
        Self { stub, arguments, clock }
    }

    /// The id of the ledger that the submitter addressed. Both names come from the signed proposal's channel header, which the
    /// peer checks; the invocation spec is the submitter's free text [Spec §1].
    pub(crate) fn ledger(&self) -> Result<LedgerId, Refusal> {
        let proposal = self.stub.proposal().map_err(|_absent| Refusal::UnknownHeader)?;
        let chaincode = proposal.chaincode_name().map_err(|_absent| Refusal::UnknownHeader)?;
        let channel = proposal.channel_header().channel_id.clone();
        Ok(LedgerId::of(&header_name(channel)?, &header_name(chaincode)?))
    }

    /// The transaction's timestamp and the endorser's own clock.
    pub(crate) fn clocks(&self) -> Result<Clocks, Refusal> {
        let written = self.stub.timestamp().map_err(|_absent| Refusal::TimeOutOfRange)?;
        let transaction = Timestamp::from_seconds_and_nanos(written.seconds, written.nanos)
            .map_err(|_range| Refusal::TimeOutOfRange)?;
        let endorser = self.clock.now().ok_or(Refusal::ClockOff)?;
        Ok(Clocks { transaction, endorser })
    }

    /// Who submits. The peer has checked the certificate against its organisation.
    pub(crate) fn submitter(&self) -> Result<Submitter, Refusal> {
        let identity = self.stub.client_identity().map_err(|_unreadable| Refusal::UnknownSubmitter)?;
        let msp_id = ShortText::new(identity.msp_id()).map_err(|_length| Refusal::UnknownSubmitter)?;
        Ok(Submitter { msp_id, is_admin: identity.has_role(Role::Admin) })
    }
}

fn header_name(name: String) -> Result<ShortText, Refusal> {
    if name.is_empty() {
        return Err(Refusal::UnknownHeader);
    }
    ShortText::new(name).map_err(|_length| Refusal::UnknownHeader)
}
