//! The third stage: a submitted transaction, to be asked about.

use hlf_proto::Message as _;
use hlf_proto::gateway::{CommitStatusRequest, SignedCommitStatusRequest};

use crate::connection::Failover;
use crate::convert::{MalformedMessage, decode};
use crate::deadlines::Deadlines;
use crate::error::{CommitStatusError, StageCause};
use crate::session::Session;
use crate::sign::{Digest, SignError, Signable, Signature};
use crate::status::Status;
use crate::transaction_id::TransactionId;
use crate::validation_code::ValidationCode;

/// The question what became of a transaction. It can be asked any number of times.
#[derive(Debug, Clone)]
pub struct Commit {
    session: Session,
    transaction_id: TransactionId,
    request: Signable,
}

impl Commit {
    pub(crate) fn new(session: Session, channel: &str, transaction_id: TransactionId) -> Self {
        let request = CommitStatusRequest {
            transaction_id: transaction_id.to_string(),
            channel_id: channel.to_owned(),
            identity: session.creator().to_vec(),
        };
        let request = session.signable(request.encode_to_vec());
        Self { session, transaction_id, request }
    }

    pub(crate) fn from_bytes(session: Session, bytes: &[u8]) -> Result<Self, MalformedMessage> {
        let signed: SignedCommitStatusRequest = decode("the signed commit status request", bytes)?;
        let request: CommitStatusRequest = decode("the commit status request", &signed.request)?;
        let transaction_id = request.transaction_id.into();
        let request = session.signable_from_wire(signed.request, signed.signature);
        Ok(Self { session, transaction_id, request })
    }

    /// The question with all that is needed to take it up elsewhere: an encoded `gateway.SignedCommitStatusRequest`,
    /// which the official clients read too.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.signed(self.request.wire_signature()).encode_to_vec()
    }

    /// What is signed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.request.digest()
    }

    /// The question with other deadlines than the gateway's, also for the stages after it.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.session.deadlines = deadlines;
        self
    }

    /// The question with a signature that was made elsewhere.
    #[must_use]
    pub fn with_signature(mut self, signature: Signature) -> Self {
        self.request = self.request.with_signature(signature);
        self
    }

    /// The transaction's id.
    #[must_use]
    pub fn transaction_id(&self) -> &TransactionId {
        &self.transaction_id
    }

    /// Waits until the transaction is in a block, and tells whether it is valid. Signs first, unless that is done.
    ///
    /// # Errors
    /// [`CommitStatusError`]. It says nothing about the transaction; ask again.
    pub async fn status(&self) -> Result<Status, CommitStatusError> {
        self.try_status().await.map_err(|cause| CommitStatusError::new(&self.transaction_id, cause))
    }

    async fn try_status(&self) -> Result<Status, StageCause> {
        let signature = self.request.sign(self.session.signer()).await.map_err(StageCause::Sign)?;
        let request = self.signed(signature);
        let limit = self.session.deadlines.commit_status;
        let response = self
            .session
            .connection()
            .call(&request, limit, Failover::Broken, |peer, request| async move {
                peer.gateway().commit_status(request).await
            })
            .await?;
        let code = ValidationCode::from(response.result);
        Ok(Status::new(self.transaction_id.clone(), code, response.block_number))
    }

    /// Signs now, so that it cannot fail later. Without a signer the signature comes from elsewhere, later.
    pub(crate) async fn sign_if_possible(&self) -> Result<(), SignError> {
        match self.request.sign(self.session.signer()).await {
            Ok(_) | Err(SignError::NoSigner) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn signed(&self, signature: Vec<u8>) -> SignedCommitStatusRequest {
        SignedCommitStatusRequest { request: self.request.message().to_vec(), signature }
    }
}
