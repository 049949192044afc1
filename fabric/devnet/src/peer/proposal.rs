//! Reading a signed proposal.

use hlf_proto::common::{ChannelHeader, Header, HeaderType, SignatureHeader};
use hlf_proto::protos::{
    ChaincodeHeaderExtension, ChaincodeInput, ChaincodeInvocationSpec, ChaincodeProposalPayload, Proposal,
    SignedProposal,
};
use prost::Message;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Why a proposal cannot be read. The texts are Fabric's.
#[derive(Debug, Error)]
pub(crate) enum ProposalError {
    /// A part does not decode.
    #[error("error unmarshalling {part}: {source}")]
    Malformed {
        /// The part.
        part: &'static str,
        /// Why.
        source: prost::DecodeError,
    },
    /// No chaincode is named in the header.
    #[error("ChaincodeHeaderExtension.ChaincodeId is nil")]
    NoChaincodeId,
    /// The chaincode's name is empty.
    #[error("ChaincodeHeaderExtension.ChaincodeId.Name is empty")]
    NoChaincodeName,
    /// The payload holds no specification.
    #[error("chaincode invocation spec did not contain chaincode spec")]
    NoSpec,
    /// The specification holds no input.
    #[error("chaincode input did not contain any input")]
    NoInput,
}

/// Why a proposal's header is refused. The texts are Fabric's.
#[derive(Debug, Error)]
pub(crate) enum HeaderError {
    /// Not a transaction.
    #[error("invalid header type {0}")]
    Type(String),
    /// An epoch, which Fabric does not use.
    #[error("epoch is non-zero")]
    Epoch,
    /// No nonce.
    #[error("nonce is empty")]
    NoNonce,
    /// No creator.
    #[error("creator is empty")]
    NoCreator,
    /// The transaction's id is not the hash of nonce and creator.
    #[error("incorrectly computed txid '{found}' -- expected '{expected}'")]
    TxId {
        /// The id in the header.
        found: String,
        /// The id that it should be.
        expected: String,
    },
    /// No signature.
    #[error("empty signature bytes")]
    NoSignature,
}

/// Decodes a message, naming it if that fails.
pub(crate) fn decode<M: Message + Default>(part: &'static str, bytes: &[u8]) -> Result<M, ProposalError> {
    M::decode(bytes).map_err(|source| ProposalError::Malformed { part, source })
}

/// The headers of a proposal, decoded no further than a gateway needs.
#[derive(Debug, Clone)]
pub(crate) struct Outline {
    /// The header as it was signed.
    pub(crate) header: Header,
    /// Its channel part.
    pub(crate) channel_header: ChannelHeader,
    /// The payload with function, arguments and transient data.
    pub(crate) payload: ChaincodeProposalPayload,
    /// The specification in the payload.
    pub(crate) spec: ChaincodeInvocationSpec,
}

impl Outline {
    /// Reads the outline of an encoded proposal.
    ///
    /// # Errors
    /// When a part does not decode.
    pub(crate) fn read(proposal: &[u8]) -> Result<Self, ProposalError> {
        let proposal: Proposal = decode("Proposal", proposal)?;
        let header: Header = decode("Header", &proposal.header)?;
        let channel_header = decode("ChannelHeader", &header.channel_header)?;
        let payload: ChaincodeProposalPayload = decode("ChaincodeProposalPayload", &proposal.payload)?;
        let spec = decode("ChaincodeInvocationSpec", &payload.input)?;
        Ok(Self { header, channel_header, payload, spec })
    }

    /// The identity that has made an encoded proposal.
    ///
    /// # Errors
    /// When a part does not decode.
    pub(crate) fn creator(proposal: &[u8]) -> Result<Vec<u8>, ProposalError> {
        let proposal: Proposal = decode("Proposal", proposal)?;
        let header: Header = decode("Header", &proposal.header)?;
        let header: SignatureHeader = decode("SignatureHeader", &header.signature_header)?;
        Ok(header.creator)
    }

    /// Name of the chaincode in the payload; empty if there is none.
    pub(crate) fn chaincode(&self) -> &str {
        let id = self.spec.chaincode_spec.as_ref().and_then(|spec| spec.chaincode_id.as_ref());
        id.map_or("", |id| id.name.as_str())
    }
}

/// A proposal with all that an endorser needs.
#[derive(Debug, Clone)]
pub(crate) struct Unpacked {
    /// The channel part of the header.
    pub(crate) channel_header: ChannelHeader,
    /// Creator and nonce.
    pub(crate) signature_header: SignatureHeader,
    /// Name of the chaincode.
    pub(crate) chaincode: String,
    /// Function and arguments.
    pub(crate) input: ChaincodeInput,
    /// Hash that the endorsement is bound to.
    pub(crate) hash: Vec<u8>,
    /// The proposal as it came.
    pub(crate) signed: SignedProposal,
}

impl Unpacked {
    /// Reads a signed proposal.
    ///
    /// # Errors
    /// When a part does not decode or is missing.
    pub(crate) fn read(signed: &SignedProposal) -> Result<Self, ProposalError> {
        let Outline { header, channel_header, payload, spec } = Outline::read(&signed.proposal_bytes)?;
        let signature_header: SignatureHeader = decode("SignatureHeader", &header.signature_header)?;
        let extension: ChaincodeHeaderExtension =
            decode("ChaincodeHeaderExtension", &channel_header.extension)?;
        let chaincode = extension.chaincode_id.ok_or(ProposalError::NoChaincodeId)?.name;
        if chaincode.is_empty() {
            return Err(ProposalError::NoChaincodeName);
        }
        let input = spec.chaincode_spec.ok_or(ProposalError::NoSpec)?.input.ok_or(ProposalError::NoInput)?;
        let hash = proposal_hash(&header, &without_transient(&payload));
        Ok(Self { channel_header, signature_header, chaincode, input, hash, signed: signed.clone() })
    }

    /// Fabric's checks of the header, in its order.
    ///
    /// # Errors
    /// The first that fails.
    pub(crate) fn check_header(&self) -> Result<(), HeaderError> {
        let kind = self.channel_header.r#type;
        if kind != i32::from(HeaderType::EndorserTransaction) && kind != i32::from(HeaderType::Config) {
            let name = HeaderType::try_from(kind)
                .map_or_else(|_| kind.to_string(), |kind| kind.as_str_name().into());
            return Err(HeaderError::Type(name));
        }
        if self.channel_header.epoch != 0 {
            return Err(HeaderError::Epoch);
        }
        if self.signature_header.nonce.is_empty() {
            return Err(HeaderError::NoNonce);
        }
        if self.signature_header.creator.is_empty() {
            return Err(HeaderError::NoCreator);
        }
        let (found, expected) = (&self.channel_header.tx_id, tx_id(&self.signature_header));
        if *found != expected {
            return Err(HeaderError::TxId { found: found.clone(), expected });
        }
        if self.signed.signature.is_empty() { Err(HeaderError::NoSignature) } else { Ok(()) }
    }
}

/// A transaction's id: hex of SHA-256 over nonce and creator.
pub(crate) fn tx_id(header: &SignatureHeader) -> String {
    let mut hash = Sha256::new();
    hash.update(&header.nonce);
    hash.update(&header.creator);
    hex::encode(hash.finalize())
}

/// The payload as it goes on the ledger.
pub(crate) fn without_transient(payload: &ChaincodeProposalPayload) -> Vec<u8> {
    let input = payload.input.clone();
    ChaincodeProposalPayload { input, ..ChaincodeProposalPayload::default() }.encode_to_vec()
}

/// The hash that binds endorsements to a proposal: over both headers and the payload without transient data.
pub(crate) fn proposal_hash(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(&header.channel_header);
    hash.update(&header.signature_header);
    hash.update(payload);
    hash.finalize().to_vec()
}
