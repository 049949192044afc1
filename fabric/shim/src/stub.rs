//! What a chaincode sees of a call and of the ledger.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hlf_proto::msp::SerializedIdentity;
use hlf_proto::protos::chaincode_message::Type;
use hlf_proto::protos::{ChaincodeEvent, SignedProposal};
use hlf_proto::{Message, Timestamp};

use crate::invocation::Invocation;
use crate::peer::Peer;
use crate::stub::batch::WriteBatch;
use crate::{ClientIdentity, IdentityError, LedgerError, Proposal, ProposalError};

mod access;
mod batch;
mod nested;
mod private;
mod query;
mod state;

pub use private::PrivateData;
pub use query::{KeyChange, KeyValue, Page, Query, QueryResult};

/// An event needs a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event name can not be empty string")]
pub struct EmptyEventName;

/// The chaincode was not told on which organisation's peer it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'CORE_PEER_LOCALMSPID' is not set")]
pub struct UnknownLocalMsp;

/// One call: its arguments, who made it and when, and the ledger as it was before the call.
///
/// Reads do not see the call's own writes. Requests to the ledger that are made at the same time are sent one after
/// the other; dropping one of their futures does no harm. Clones are the same call; one that outlives it can ask for
/// nothing any more.
#[derive(Clone)]
pub struct Stub(Arc<Inner>);

struct Inner {
    invocation: Invocation,
    proposal: Result<Proposal, ProposalError>,
    local_msp_id: Option<Arc<str>>,
    event: Mutex<Option<ChaincodeEvent>>,
    batch: Mutex<Option<WriteBatch>>,
    peer: Arc<dyn Peer>,
}

impl std::fmt::Debug for Stub {
    /// Arguments and transient data may be confidential, so they are left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stub").field("key", &self.0.invocation.key).finish_non_exhaustive()
    }
}

impl Stub {
    pub(crate) fn new(
        mut invocation: Invocation,
        local_msp_id: Option<Arc<str>>,
        peer: Arc<dyn Peer>,
    ) -> Self {
        let proposal = invocation.proposal.take().ok_or(ProposalError::Absent { part: "signed proposal" });
        let proposal = proposal.and_then(Proposal::parse);
        let (event, batch) = (Mutex::new(None), Mutex::new(None));
        Self(Arc::new(Inner { invocation, proposal, local_msp_id, event, batch, peer }))
    }

    /// All arguments, the function's name first.
    #[must_use]
    pub fn args(&self) -> &[Vec<u8>] {
        &self.0.invocation.input.args
    }

    /// All arguments as text, the function's name first.
    ///
    /// # Errors
    ///
    /// [`std::str::Utf8Error`] of the first argument that is not UTF-8.
    pub fn string_args(&self) -> Result<Vec<&str>, std::str::Utf8Error> {
        self.args().iter().map(|argument| std::str::from_utf8(argument)).collect()
    }

    /// The function's name and the arguments after it, as text; a call without arguments has an empty name.
    ///
    /// # Errors
    ///
    /// As [`string_args`](Self::string_args).
    pub fn function_and_parameters(&self) -> Result<(&str, Vec<&str>), std::str::Utf8Error> {
        let mut args = self.string_args()?.into_iter();
        Ok((args.next().unwrap_or_default(), args.collect()))
    }

    /// All arguments, one after the other without anything between.
    #[must_use]
    pub fn args_joined(&self) -> Vec<u8> {
        self.args().concat()
    }

    /// What the peer's decorators added.
    #[must_use]
    pub fn decorations(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.0.invocation.input.decorations
    }

    /// Whether the client says that this call initialises the chaincode.
    #[must_use]
    pub fn is_init(&self) -> bool {
        self.0.invocation.input.is_init
    }

    /// The transaction's id: 64 hexadecimal digits.
    #[must_use]
    pub fn tx_id(&self) -> &str {
        &self.0.invocation.key.tx_id
    }

    /// The channel's name.
    #[must_use]
    pub fn channel_id(&self) -> &str {
        &self.0.invocation.key.channel_id
    }

    /// The proposal behind the call.
    ///
    /// # Errors
    ///
    /// [`ProposalError`] if the peer sent none, or one that cannot be decoded.
    pub fn proposal(&self) -> Result<&Proposal, ProposalError> {
        self.0.proposal.as_ref().map_err(Clone::clone)
    }

    /// The proposal with the client's signature.
    ///
    /// # Errors
    ///
    /// As [`proposal`](Self::proposal).
    pub fn signed_proposal(&self) -> Result<&SignedProposal, ProposalError> {
        self.proposal().map(Proposal::signed)
    }

    /// Name of the chaincode that the client addressed; in a call from another chaincode the outermost one.
    ///
    /// # Errors
    ///
    /// [`ProposalError`] if the proposal does not say.
    pub fn chaincode_name(&self) -> Result<String, ProposalError> {
        self.proposal()?.chaincode_name()
    }

    /// The transaction's time by the client's clock, the same on every peer. How far it may be from the truth, the peer
    /// decides: Fabric 2.5 takes anything, Fabric 3 refuses by default what is 15 minutes off.
    ///
    /// # Errors
    ///
    /// [`ProposalError`] if the proposal has none.
    pub fn timestamp(&self) -> Result<Timestamp, ProposalError> {
        let header = self.proposal()?.channel_header();
        header.timestamp.ok_or(ProposalError::Absent { part: "timestamp" })
    }

    /// Who called, as sent: the MSP id and the certificate in PEM.
    ///
    /// # Errors
    ///
    /// [`ProposalError`] if the proposal does not say.
    pub fn creator(&self) -> Result<SerializedIdentity, ProposalError> {
        self.proposal()?.creator()
    }

    /// Who called, with the certificate read.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] if the proposal does not say, or the identity is no certificate.
    pub fn client_identity(&self) -> Result<ClientIdentity, IdentityError> {
        ClientIdentity::parse(self.creator()?)
    }

    /// SHA-256 over nonce, creator and epoch of the proposal: ties what is signed elsewhere to this very proposal.
    ///
    /// # Errors
    ///
    /// As [`proposal`](Self::proposal).
    pub fn binding(&self) -> Result<[u8; 32], ProposalError> {
        self.proposal().map(Proposal::binding)
    }

    /// MSP id of the organisation whose peer this chaincode serves, as its operator said.
    ///
    /// # Errors
    ///
    /// [`UnknownLocalMsp`] if nobody said.
    pub fn local_msp_id(&self) -> Result<&str, UnknownLocalMsp> {
        self.0.local_msp_id.as_deref().ok_or(UnknownLocalMsp)
    }

    /// Data for the endorsers only, by name.
    ///
    /// # Errors
    ///
    /// As [`proposal`](Self::proposal).
    pub fn transient(&self) -> Result<&BTreeMap<String, Vec<u8>>, ProposalError> {
        self.proposal().map(Proposal::transient)
    }

    /// Sets the transaction's event, in place of one set before. Listeners get it once the transaction is valid.
    ///
    /// # Errors
    ///
    /// [`EmptyEventName`] if the name is empty.
    pub fn set_event(&self, name: &str, payload: impl Into<Vec<u8>>) -> Result<(), EmptyEventName> {
        if name.is_empty() {
            return Err(EmptyEventName);
        }
        // The peer fills in the chaincode and the transaction.
        let event = ChaincodeEvent {
            event_name: name.to_owned(),
            payload: payload.into(),
            ..ChaincodeEvent::default()
        };
        *self.0.event.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
        Ok(())
    }

    /// The event that was set, if any.
    pub(crate) fn take_event(&self) -> Option<ChaincodeEvent> {
        self.0.event.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// One request whose reply is a message.
    async fn request<R: Message + Default>(
        &self,
        kind: Type,
        request: &impl Message,
    ) -> Result<R, LedgerError> {
        let reply = self.0.peer.call(kind, request.encode_to_vec()).await?;
        let kind = kind.as_str_name();
        R::decode(reply.as_slice()).map_err(|source| LedgerError::Undecodable { kind, source })
    }
}
