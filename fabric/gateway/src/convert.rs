//! From the wire's messages to ours.

use std::error::Error;

use hlf_proto::Message;
use hlf_proto::common::{ChannelHeader, Envelope, Header, Payload};
use hlf_proto::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeProposalPayload, Proposal, ProposalResponsePayload,
    Transaction,
};
use thiserror::Error as ThisError;

use crate::transaction_id::TransactionId;

/// Bytes that are not the message that they are said to be, whether a peer sent them or the caller handed them in.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum MalformedMessage {
    /// Bytes do not decode.
    #[error("cannot decode {what}")]
    Undecodable {
        /// The message that they should be.
        what: &'static str,
        /// What is wrong with them.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A part is missing.
    #[error("{what} is missing")]
    Missing {
        /// The part.
        what: &'static str,
    },
    /// The gateway peer answered with a transaction that is not the proposed one. It was not signed.
    #[error("the transaction differs from the proposal in its {what}")]
    NotAsProposed {
        /// What differs.
        what: &'static str,
    },
}

pub(crate) fn decode<M: Message + Default>(what: &'static str, bytes: &[u8]) -> Result<M, MalformedMessage> {
    M::decode(bytes).map_err(|error| MalformedMessage::Undecodable { what, source: error.into() })
}

/// What a header says about the transaction under it.
pub(crate) struct HeaderFacts {
    pub(crate) channel: String,
    pub(crate) transaction_id: TransactionId,
}

impl TryFrom<&Header> for HeaderFacts {
    type Error = MalformedMessage;

    fn try_from(header: &Header) -> Result<Self, MalformedMessage> {
        let channel_header: ChannelHeader = decode("the channel header", &header.channel_header)?;
        Ok(Self { channel: channel_header.channel_id, transaction_id: channel_header.tx_id.into() })
    }
}

/// The parts of a proposal that come back in its transaction.
pub(crate) struct ProposalFacts {
    pub(crate) header: Header,
    pub(crate) input: Vec<u8>,
}

impl ProposalFacts {
    pub(crate) fn decode(proposal_bytes: &[u8]) -> Result<Self, MalformedMessage> {
        let proposal: Proposal = decode("the proposal", proposal_bytes)?;
        let payload: ChaincodeProposalPayload = decode("the proposal's payload", &proposal.payload)?;
        Ok(Self { header: decode("the proposal's header", &proposal.header)?, input: payload.input })
    }
}

/// What the payload of an endorsed transaction's envelope says.
pub(crate) struct TransactionFacts {
    pub(crate) header: Header,
    /// What the chaincode was asked.
    pub(crate) input: Vec<u8>,
    /// What the chaincode answered.
    pub(crate) result: Vec<u8>,
}

impl TryFrom<&Envelope> for TransactionFacts {
    type Error = MalformedMessage;

    fn try_from(envelope: &Envelope) -> Result<Self, MalformedMessage> {
        let payload: Payload = decode("the transaction's payload", &envelope.payload)?;
        let header = payload.header.ok_or(MalformedMessage::Missing { what: "the transaction's header" })?;
        let transaction: Transaction = decode("the transaction", &payload.data)?;
        let action = transaction
            .actions
            .first()
            .ok_or(MalformedMessage::Missing { what: "the transaction's action" })?;
        let action: ChaincodeActionPayload = decode("the transaction's action", &action.payload)?;
        let input: ChaincodeProposalPayload =
            decode("the transaction's proposal", &action.chaincode_proposal_payload)?;
        let endorsed = action.action.ok_or(MalformedMessage::Missing { what: "the endorsed action" })?;
        let response: ProposalResponsePayload =
            decode("the proposal's response", &endorsed.proposal_response_payload)?;
        let effect: ChaincodeAction = decode("the chaincode's action", &response.extension)?;
        let answer = effect.response.ok_or(MalformedMessage::Missing { what: "the chaincode's response" })?;
        Ok(Self { header, input: input.input, result: answer.payload })
    }
}

impl TransactionFacts {
    /// The gateway peer assembles the transaction that we sign. It must be the one that we proposed.
    pub(crate) fn check_against(&self, proposal: &ProposalFacts) -> Result<(), MalformedMessage> {
        if self.header != proposal.header {
            return Err(MalformedMessage::NotAsProposed { what: "header" });
        }
        if self.input != proposal.input {
            return Err(MalformedMessage::NotAsProposed { what: "input" });
        }
        Ok(())
    }
}
