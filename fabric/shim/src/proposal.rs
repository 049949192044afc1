//! The signed proposal that a call comes with, taken apart.

use std::collections::BTreeMap;

use hlf_proto::common::{ChannelHeader, Header, SignatureHeader};
use hlf_proto::msp::SerializedIdentity;
use hlf_proto::protos::{
    ChaincodeHeaderExtension, ChaincodeProposalPayload, Proposal as ProposalMessage, SignedProposal,
};
use hlf_proto::{DecodeError, Message};
use sha2::{Digest, Sha256};

/// A part of the proposal that is not there or not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposalError {
    /// The peer sent no proposal with the call, or the proposal lacks the part.
    #[error("the call has no {part}")]
    Absent {
        /// What is missing.
        part: &'static str,
    },
    /// The part cannot be decoded.
    #[error("the {part} of the call cannot be decoded")]
    Undecodable {
        /// What cannot be decoded.
        part: &'static str,
        /// Why.
        source: DecodeError,
    },
}

/// A signed proposal and what is in it. The peer has checked the signature before it calls the chaincode.
#[derive(Clone, Debug)]
pub struct Proposal {
    signed: SignedProposal,
    channel_header: ChannelHeader,
    signature_header: SignatureHeader,
    transient: BTreeMap<String, Vec<u8>>,
}

impl Proposal {
    /// Takes a signed proposal apart.
    ///
    /// # Errors
    ///
    /// [`ProposalError`] naming the first part that is absent or cannot be decoded.
    pub fn parse(signed: SignedProposal) -> Result<Self, ProposalError> {
        let proposal: ProposalMessage = decode("proposal", &signed.proposal_bytes)?;
        let header: Header = decode("header", &proposal.header)?;
        let payload: ChaincodeProposalPayload = decode("proposal payload", &proposal.payload)?;
        Ok(Self {
            channel_header: decode("channel header", &header.channel_header)?,
            signature_header: decode("signature header", &header.signature_header)?,
            transient: payload.transient_map,
            signed,
        })
    }

    /// The proposal as its maker signed it.
    #[must_use]
    pub fn signed(&self) -> &SignedProposal {
        &self.signed
    }

    /// Channel, transaction id and the client's clock.
    #[must_use]
    pub fn channel_header(&self) -> &ChannelHeader {
        &self.channel_header
    }

    /// Creator and nonce.
    #[must_use]
    pub fn signature_header(&self) -> &SignatureHeader {
        &self.signature_header
    }

    /// Data for the endorsers only, which never get to the ledger by themselves.
    #[must_use]
    pub fn transient(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.transient
    }

    /// SHA-256 over nonce ‖ creator ‖ epoch (8 bytes, the lowest first), as Fabric's Go shim calculates it.
    #[must_use]
    pub fn binding(&self) -> [u8; 32] {
        let digest = Sha256::new()
            .chain_update(&self.signature_header.nonce)
            .chain_update(&self.signature_header.creator)
            .chain_update(self.channel_header.epoch.to_le_bytes());
        digest.finalize().into()
    }

    /// Name of the chaincode that the client addressed. In a call from another chaincode that is the outermost one.
    ///
    /// # Errors
    ///
    /// [`ProposalError`] if the channel header has no readable extension with a chaincode id.
    pub fn chaincode_name(&self) -> Result<String, ProposalError> {
        let extension: ChaincodeHeaderExtension =
            decode("channel header's extension", &self.channel_header.extension)?;
        let id = extension.chaincode_id.ok_or(ProposalError::Absent { part: "chaincode id" })?;
        Ok(id.name)
    }

    /// Who signed the proposal.
    ///
    /// # Errors
    ///
    /// [`ProposalError::Undecodable`] if the creator is not a serialised identity.
    pub fn creator(&self) -> Result<SerializedIdentity, ProposalError> {
        decode("creator", &self.signature_header.creator)
    }
}

fn decode<M: Message + Default>(part: &'static str, bytes: &[u8]) -> Result<M, ProposalError> {
    M::decode(bytes).map_err(|source| ProposalError::Undecodable { part, source })
}
