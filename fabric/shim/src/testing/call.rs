//! A call, and what came of it.

use std::collections::BTreeMap;

use hlf_proto::common::{ChannelHeader, Header, HeaderType, SignatureHeader};
use hlf_proto::msp::SerializedIdentity;
use hlf_proto::protos::{
    ChaincodeHeaderExtension, ChaincodeId, ChaincodeInput, ChaincodeInvocationSpec, ChaincodeProposalPayload,
    ChaincodeSpec, Proposal, SignedProposal,
};
use hlf_proto::{Message, Timestamp};

use super::caller::Caller;
use crate::Response;
use crate::invocation::{Invocation, Offers, TransactionKey};

/// A call to be made. What is not set, the ledger chooses.
#[derive(Clone, Debug, Default)]
pub struct Call {
    args: Vec<Vec<u8>>,
    creator: Option<SerializedIdentity>,
    timestamp: Option<Timestamp>,
    tx_id: Option<String>,
    channel_id: Option<String>,
    chaincode: Option<String>,
    transient: BTreeMap<String, Vec<u8>>,
    decorations: BTreeMap<String, Vec<u8>>,
    is_init: bool,
}

impl Call {
    /// A call of a function.
    pub fn new<A>(function: impl Into<Vec<u8>>, arguments: A) -> Self
    where
        A: IntoIterator,
        A::Item: Into<Vec<u8>>,
    {
        let arguments = arguments.into_iter().map(Into::into);
        Self { args: std::iter::once(function.into()).chain(arguments).collect(), ..Self::default() }
    }

    /// A call of any arguments, perhaps without a function's name.
    #[must_use]
    pub fn raw(args: Vec<Vec<u8>>) -> Self {
        Self { args, ..Self::default() }
    }

    /// By somebody: an MSP id and a certificate in PEM.
    #[must_use]
    pub fn creator(mut self, msp_id: &str, certificate: impl Into<Vec<u8>>) -> Self {
        self.creator = Some(SerializedIdentity { mspid: msp_id.to_owned(), id_bytes: certificate.into() });
        self
    }

    /// By somebody with a certificate made for the test.
    #[must_use]
    pub fn by(self, caller: &Caller) -> Self {
        self.creator(caller.msp_id(), caller.certificate())
    }

    /// At a time.
    #[must_use]
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// With a transaction id.
    #[must_use]
    pub fn tx_id(mut self, tx_id: impl Into<String>) -> Self {
        self.tx_id = Some(tx_id.into());
        self
    }

    /// On a channel.
    #[must_use]
    pub fn channel_id(mut self, channel_id: impl Into<String>) -> Self {
        self.channel_id = Some(channel_id.into());
        self
    }

    /// Addressed to a chaincode.
    #[must_use]
    pub fn chaincode(mut self, name: impl Into<String>) -> Self {
        self.chaincode = Some(name.into());
        self
    }

    /// What the peer's decorators add.
    #[must_use]
    pub fn decoration(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.decorations.insert(name.into(), value.into());
        self
    }

    /// With transient data.
    #[must_use]
    pub fn transient(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.transient.insert(name.into(), value.into());
        self
    }

    /// To initialise the chaincode.
    #[must_use]
    pub fn init(mut self) -> Self {
        self.is_init = true;
        self
    }

    /// What a peer would send.
    pub(super) fn into_invocation(self, defaults: Defaults) -> Invocation {
        let key = TransactionKey {
            channel_id: self.channel_id.unwrap_or(defaults.channel_id),
            tx_id: self.tx_id.unwrap_or(defaults.tx_id),
        };
        let id = ChaincodeId { name: self.chaincode.unwrap_or(defaults.chaincode), ..ChaincodeId::default() };
        let input = ChaincodeInput { args: self.args, is_init: self.is_init, decorations: self.decorations };
        let spec = ChaincodeSpec {
            chaincode_id: Some(id.clone()),
            input: Some(input.clone()),
            ..ChaincodeSpec::default()
        };
        let channel_header = ChannelHeader {
            r#type: HeaderType::EndorserTransaction.into(),
            timestamp: Some(self.timestamp.unwrap_or(defaults.timestamp)),
            channel_id: key.channel_id.clone(),
            tx_id: key.tx_id.clone(),
            extension: ChaincodeHeaderExtension { chaincode_id: Some(id) }.encode_to_vec(),
            ..ChannelHeader::default()
        };
        let creator = self.creator.unwrap_or(defaults.creator).encode_to_vec();
        let header = Header {
            channel_header: channel_header.encode_to_vec(),
            signature_header: SignatureHeader { creator, nonce: Vec::new() }.encode_to_vec(),
        };
        let payload = ChaincodeProposalPayload {
            input: ChaincodeInvocationSpec { chaincode_spec: Some(spec) }.encode_to_vec(),
            transient_map: self.transient,
        };
        let proposal = Proposal {
            header: header.encode_to_vec(),
            payload: payload.encode_to_vec(),
            ..Proposal::default()
        };
        let proposal = SignedProposal { proposal_bytes: proposal.encode_to_vec(), signature: Vec::new() };
        Invocation { key, is_init: input.is_init, input, proposal: Some(proposal), offers: defaults.offers }
    }
}

/// What a call does not say.
pub(super) struct Defaults {
    pub(super) channel_id: String,
    pub(super) chaincode: String,
    pub(super) tx_id: String,
    pub(super) timestamp: Timestamp,
    pub(super) creator: SerializedIdentity,
    pub(super) offers: Offers,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Done {
    /// The transaction's id.
    pub tx_id: String,
    /// The answer.
    pub response: Response,
    /// The event that was set; listeners get it only after a success.
    pub event: Option<Event>,
    /// The keys that the call wrote, and deleted (`None`); they count only after a success.
    pub writes: BTreeMap<String, Option<Vec<u8>>>,
    /// The same of private data, by collection and key.
    pub private_writes: BTreeMap<(String, String), Option<Vec<u8>>>,
    /// Endorsement policies that the call set, by collection (empty for public keys) and key.
    pub policies: BTreeMap<(String, String), Vec<u8>>,
}

/// A transaction's event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its content.
    pub payload: Vec<u8>,
}
