//! The second stage: an endorsed transaction, to be submitted.

use hlf_proto::Message as _;
use hlf_proto::common::Envelope;
use hlf_proto::gateway::{PreparedTransaction, SubmitRequest};

use crate::commit::Commit;
use crate::connection::Failover;
use crate::convert::{HeaderFacts, MalformedMessage, TransactionFacts, decode};
use crate::deadlines::Deadlines;
use crate::error::{StageCause, SubmitError};
use crate::session::Session;
use crate::sign::{Digest, Signable, Signature};
use crate::transaction_id::TransactionId;

/// An endorsed transaction. It is signed once: submitting it again submits the very same.
#[derive(Debug, Clone)]
pub struct Transaction {
    session: Session,
    channel: String,
    transaction_id: TransactionId,
    payload: Signable,
    result: Vec<u8>,
}

impl Transaction {
    /// Takes a prepared transaction. Channel and id are those under the signature, not those beside it.
    pub(crate) fn new(session: Session, prepared: PreparedTransaction) -> Result<Self, MalformedMessage> {
        let envelope = prepared.envelope.ok_or(MalformedMessage::Missing { what: "the envelope" })?;
        let facts = TransactionFacts::try_from(&envelope)?;
        let header = HeaderFacts::try_from(&facts.header)?;
        Ok(Self {
            payload: session.signable_from_wire(envelope.payload, envelope.signature),
            session,
            channel: header.channel,
            transaction_id: header.transaction_id,
            result: facts.result,
        })
    }

    pub(crate) fn from_bytes(session: Session, bytes: &[u8]) -> Result<Self, MalformedMessage> {
        Self::new(session, decode("the prepared transaction", bytes)?)
    }

    /// The transaction with all that is needed to take it up elsewhere: an encoded `gateway.PreparedTransaction`,
    /// which the official clients read too.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        PreparedTransaction {
            transaction_id: self.transaction_id.to_string(),
            envelope: Some(self.envelope(self.payload.wire_signature())),
        }
        .encode_to_vec()
    }

    /// What is signed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.payload.digest()
    }

    /// The transaction with other deadlines than the gateway's, also for the stages after it.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.session.deadlines = deadlines;
        self
    }

    /// The transaction with a signature that was made elsewhere.
    #[must_use]
    pub fn with_signature(mut self, signature: Signature) -> Self {
        self.payload = self.payload.with_signature(signature);
        self
    }

    /// The transaction's id.
    #[must_use]
    pub fn transaction_id(&self) -> &TransactionId {
        &self.transaction_id
    }

    /// What the chaincode answered. It holds once the transaction is valid in a block.
    #[must_use]
    pub fn result(&self) -> &[u8] {
        &self.result
    }

    /// What the chaincode answered, as [`Self::result`].
    #[must_use]
    pub fn into_result(self) -> Vec<u8> {
        self.result
    }

    /// The question what became of this transaction. It can be asked before an answer to [`Self::submit`] has come, or
    /// in place of one.
    #[must_use]
    pub fn commit(&self) -> Commit {
        Commit::new(self.session.clone(), &self.channel, self.transaction_id.clone())
    }

    /// Hands the transaction to the orderers. Signs first, unless that is done, and signs the question for the commit
    /// status too (where there is a signer): after the submit nothing is left that could fail here.
    ///
    /// # Errors
    /// [`SubmitError`]. When its [`outcome_unknown`](SubmitError::outcome_unknown), submit again or ask
    /// [`Self::commit`].
    pub async fn submit(&self) -> Result<Commit, SubmitError> {
        self.try_submit().await.map_err(|cause| SubmitError::new(&self.transaction_id, cause))
    }

    async fn try_submit(&self) -> Result<Commit, StageCause> {
        let signature = self.payload.sign(self.session.signer()).await.map_err(StageCause::Sign)?;
        let commit = self.commit();
        commit.sign_if_possible().await.map_err(StageCause::Sign)?;

        let request = SubmitRequest {
            transaction_id: self.transaction_id.to_string(),
            channel_id: self.channel.clone(),
            prepared_transaction: Some(self.envelope(signature)),
        };
        self.session
            .connection()
            .call(&request, self.session.deadlines.submit, Failover::Unsent, |peer, request| async move {
                peer.gateway().submit(request).await
            })
            .await?;
        Ok(commit)
    }

    fn envelope(&self, signature: Vec<u8>) -> Envelope {
        Envelope { payload: self.payload.message().to_vec(), signature }
    }
}
