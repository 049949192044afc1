//! The first stage: a call of a chaincode's function, to be evaluated or endorsed.

use hlf_proto::Message as _;
use hlf_proto::gateway::{EndorseRequest, EvaluateRequest, PreparedTransaction, ProposedTransaction};
use hlf_proto::protos::SignedProposal;

use crate::connection::Failover;
use crate::convert::{HeaderFacts, MalformedMessage, ProposalFacts, TransactionFacts, decode};
use crate::deadlines::Deadlines;
use crate::error::{EndorseError, EvaluateError, StageCause};
use crate::session::Session;
use crate::sign::{Digest, SignError, Signable, Signature};
use crate::transaction::Transaction;
use crate::transaction_id::TransactionId;

/// A call of a chaincode's function that can be evaluated (a read) or endorsed (towards a transaction).
#[derive(Debug, Clone)]
pub struct Proposal {
    session: Session,
    channel: String,
    transaction_id: TransactionId,
    proposal: Signable,
    organizations: Vec<String>,
}

impl Proposal {
    pub(crate) fn new(
        session: Session,
        channel: String,
        transaction_id: TransactionId,
        bytes: Vec<u8>,
        organizations: Vec<String>,
    ) -> Self {
        let proposal = session.signable(bytes);
        Self { session, channel, transaction_id, proposal, organizations }
    }

    pub(crate) fn from_bytes(session: Session, bytes: &[u8]) -> Result<Self, MalformedMessage> {
        let message: ProposedTransaction = decode("the proposed transaction", bytes)?;
        let signed = message.proposal.ok_or(MalformedMessage::Missing { what: "the proposal" })?;
        let facts = HeaderFacts::try_from(&ProposalFacts::decode(&signed.proposal_bytes)?.header)?;
        Ok(Self {
            proposal: session.signable_from_wire(signed.proposal_bytes, signed.signature),
            session,
            channel: facts.channel,
            transaction_id: facts.transaction_id,
            organizations: message.endorsing_organizations,
        })
    }

    /// The proposal with all that is needed to take it up elsewhere: an encoded `gateway.ProposedTransaction`, which
    /// the official clients read too.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        ProposedTransaction {
            transaction_id: self.transaction_id.to_string(),
            proposal: Some(self.signed(self.proposal.wire_signature())),
            endorsing_organizations: self.organizations.clone(),
        }
        .encode_to_vec()
    }

    /// What is signed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.proposal.digest()
    }

    /// The proposal with other deadlines than the gateway's, also for the stages after it.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.session.deadlines = deadlines;
        self
    }

    /// The proposal with a signature that was made elsewhere.
    #[must_use]
    pub fn with_signature(mut self, signature: Signature) -> Self {
        self.proposal = self.proposal.with_signature(signature);
        self
    }

    /// The id that the transaction has, or would have.
    #[must_use]
    pub fn transaction_id(&self) -> &TransactionId {
        &self.transaction_id
    }

    /// Has one peer run the function and answers the result. Nothing is written to the ledger. Signs first, unless
    /// that is done.
    ///
    /// # Errors
    /// [`EvaluateError`], with [`chaincode_message`](EvaluateError::chaincode_message) when the chaincode refused.
    pub async fn evaluate(&self) -> Result<Vec<u8>, EvaluateError> {
        self.try_evaluate().await.map_err(|cause| EvaluateError::new(&self.transaction_id, cause))
    }

    async fn try_evaluate(&self) -> Result<Vec<u8>, StageCause> {
        let signature = self.proposal.sign(self.session.signer()).await.map_err(StageCause::Sign)?;
        let request = EvaluateRequest {
            transaction_id: self.transaction_id.to_string(),
            channel_id: self.channel.clone(),
            proposed_transaction: Some(self.signed(signature)),
            target_organizations: self.organizations.clone(),
        };
        let response = self
            .session
            .connection()
            .call(&request, self.session.deadlines.evaluate, Failover::Broken, |peer, request| async move {
                peer.gateway().evaluate(request).await
            })
            .await?;
        let missing = StageCause::Reply(MalformedMessage::Missing { what: "the result" });
        response.result.map(|result| result.payload).ok_or(missing)
    }

    /// Has peers run the function and sign what it would do. Nothing is written to the ledger yet. Signs first, unless
    /// that is done.
    ///
    /// # Errors
    /// [`EndorseError`], with [`chaincode_message`](EndorseError::chaincode_message) when the chaincode refused.
    pub async fn endorse(&self) -> Result<Transaction, EndorseError> {
        self.try_endorse().await.map_err(|cause| EndorseError::new(&self.transaction_id, cause))
    }

    async fn try_endorse(&self) -> Result<Transaction, StageCause> {
        let signature = self.proposal.sign(self.session.signer()).await.map_err(StageCause::Sign)?;
        let request = EndorseRequest {
            transaction_id: self.transaction_id.to_string(),
            channel_id: self.channel.clone(),
            proposed_transaction: Some(self.signed(signature)),
            endorsing_organizations: self.organizations.clone(),
        };
        let response = self
            .session
            .connection()
            .call(&request, self.session.deadlines.endorse, Failover::Broken, |peer, request| async move {
                peer.gateway().endorse(request).await
            })
            .await?;
        self.transaction(response.prepared_transaction).map_err(StageCause::Reply)
    }

    /// Takes the gateway peer's answer, if it is the transaction that was proposed.
    fn transaction(
        &self,
        envelope: Option<hlf_proto::common::Envelope>,
    ) -> Result<Transaction, MalformedMessage> {
        let envelope = envelope.ok_or(MalformedMessage::Missing { what: "the prepared transaction" })?;
        TransactionFacts::try_from(&envelope)?
            .check_against(&ProposalFacts::decode(self.proposal.message())?)?;
        let prepared =
            PreparedTransaction { transaction_id: self.transaction_id.to_string(), envelope: Some(envelope) };
        Transaction::new(self.session.clone(), prepared)
    }

    /// The signed proposal, for services other than the gateway.
    pub(crate) async fn sign_now(&self) -> Result<SignedProposal, SignError> {
        let signature = self.proposal.sign(self.session.signer()).await?;
        Ok(self.signed(signature))
    }

    fn signed(&self, signature: Vec<u8>) -> SignedProposal {
        SignedProposal { proposal_bytes: self.proposal.message().to_vec(), signature }
    }
}
