//! What goes into a proposal.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use hlf_proto::common::{ChannelHeader, Header, HeaderType, SignatureHeader};
use hlf_proto::protos::{
    ChaincodeHeaderExtension, ChaincodeId, ChaincodeInput, ChaincodeInvocationSpec, ChaincodeProposalPayload,
    ChaincodeSpec, Proposal as ProposalMessage,
};
use hlf_proto::{Message as _, Timestamp};

use crate::commit::Commit;
use crate::deadlines::Deadlines;
use crate::error::{CommitStatusError, EvaluateError, SubmitError, TransactionError};
use crate::proposal::Proposal;
use crate::session::Session;
use crate::status::Status;
use crate::transaction::Transaction;
use crate::transaction_id::{Nonce, TransactionId};

/// Describes a [`Proposal`].
#[derive(Clone)]
#[must_use = "a builder does nothing until it builds or sends"]
pub struct ProposalBuilder {
    session: Session,
    channel: String,
    chaincode: String,
    /// The function's name, then its arguments.
    call: Vec<Vec<u8>>,
    transient: BTreeMap<String, Vec<u8>>,
    organizations: Vec<String>,
    /// As it was told; else now, whenever it builds.
    timestamp: Option<SystemTime>,
    /// As it was told; else another one each time it builds.
    nonce: Option<Nonce>,
}

impl ProposalBuilder {
    pub(crate) fn new(session: Session, channel: &str, chaincode: &str, function: String) -> Self {
        Self {
            session,
            channel: channel.to_owned(),
            chaincode: chaincode.to_owned(),
            call: vec![function.into_bytes()],
            transient: BTreeMap::new(),
            organizations: Vec::new(),
            timestamp: None,
            nonce: None,
        }
    }

    /// Adds an argument.
    pub fn argument(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.call.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn arguments<A: Into<Vec<u8>>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.call.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds transient data: the endorsing peers see it, the ledger does not.
    pub fn transient(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.transient.insert(key.into(), value.into());
        self
    }

    /// Sends the proposal to peers of these organisations (MSP ids) only: for a transaction, all of them endorse; a
    /// read is answered by a peer of one of them. Without this the gateway chooses.
    pub fn organizations<O: Into<String>>(mut self, organizations: impl IntoIterator<Item = O>) -> Self {
        self.organizations = organizations.into_iter().map(Into::into).collect();
        self
    }

    /// Waits this long in each stage instead of as long as the gateway does by default.
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.session.deadlines = deadlines;
        self
    }

    /// Claims this as the time of the proposal instead of now. Chaincodes see it as the transaction's time; peers of
    /// Fabric 3 refuse one that is far from their own clock.
    pub fn timestamp(mut self, timestamp: SystemTime) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// Makes the transaction id from this nonce instead of a random one. An id is good for one transaction.
    pub fn nonce(mut self, nonce: Nonce) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// The proposal, not yet signed.
    #[must_use]
    pub fn build(self) -> Proposal {
        let nonce = self.nonce.clone().unwrap_or_else(Nonce::random);
        let transaction_id = TransactionId::derive(&nonce, self.session.creator());
        let message = ProposalMessage {
            header: self.header(&transaction_id, &nonce).encode_to_vec(),
            payload: self.payload().encode_to_vec(),
            extension: Vec::new(),
        };
        let bytes = message.encode_to_vec();
        Proposal::new(self.session, self.channel, transaction_id, bytes, self.organizations)
    }

    /// Builds the proposal and has a peer evaluate it: [`Proposal::evaluate`].
    ///
    /// # Errors
    /// [`EvaluateError`].
    pub async fn evaluate(self) -> Result<Vec<u8>, EvaluateError> {
        self.build().evaluate().await
    }

    /// Builds the proposal, sends it through all stages and waits until the transaction is in a block and valid.
    ///
    /// # Errors
    /// [`TransactionError`], with the stage that failed.
    pub async fn submit(self) -> Result<Committed, TransactionError> {
        self.through_all_stages(
            async |transaction| transaction.submit().await,
            async |commit| commit.status().await,
        )
        .await
    }

    /// Whether each build makes a transaction id of its own.
    pub(crate) fn makes_fresh_proposals(&self) -> bool {
        self.nonce.is_none()
    }

    /// Builds the proposal and sends it through all stages, the later ones as the caller wants them done.
    pub(crate) async fn through_all_stages(
        self,
        submit: impl AsyncFnOnce(&Transaction) -> Result<Commit, SubmitError>,
        status: impl AsyncFnOnce(&Commit) -> Result<Status, CommitStatusError>,
    ) -> Result<Committed, TransactionError> {
        let started = Instant::now();
        let proposal = self.build();
        let transaction = proposal.endorse().await.map_err(TransactionError::Endorse)?;
        let endorsed = Instant::now();
        let commit = match submit(&transaction).await {
            Ok(commit) => commit,
            Err(error) => {
                return Err(TransactionError::Submit { error, transaction: Box::new(transaction) });
            }
        };
        let ordered = Instant::now();
        let status = match status(&commit).await {
            Ok(status) => status.into_valid().map_err(TransactionError::Invalid)?,
            Err(error) => {
                return Err(TransactionError::CommitStatus { error, transaction: Box::new(transaction) });
            }
        };
        let timing =
            Timing { endorse: endorsed - started, submit: ordered - endorsed, commit: ordered.elapsed() };
        Ok(Committed {
            transaction_id: status.transaction_id().clone(),
            block_number: status.block_number(),
            result: transaction.into_result(),
            timing,
        })
    }

    fn header(&self, transaction_id: &TransactionId, nonce: &Nonce) -> Header {
        let extension = ChaincodeHeaderExtension { chaincode_id: Some(self.chaincode_id()) };
        let channel_header = ChannelHeader {
            r#type: HeaderType::EndorserTransaction.into(),
            timestamp: Some(Timestamp::from(self.timestamp.unwrap_or_else(SystemTime::now))),
            channel_id: self.channel.clone(),
            tx_id: transaction_id.to_string(),
            extension: extension.encode_to_vec(),
            ..ChannelHeader::default()
        };
        let signature_header =
            SignatureHeader { creator: self.session.creator().to_vec(), nonce: nonce.as_bytes().to_vec() };
        Header {
            channel_header: channel_header.encode_to_vec(),
            signature_header: signature_header.encode_to_vec(),
        }
    }

    fn payload(&self) -> ChaincodeProposalPayload {
        let input = ChaincodeInput { args: self.call.clone(), ..ChaincodeInput::default() };
        let spec = ChaincodeSpec {
            chaincode_id: Some(self.chaincode_id()),
            input: Some(input),
            ..ChaincodeSpec::default()
        };
        let invocation = ChaincodeInvocationSpec { chaincode_spec: Some(spec) };
        ChaincodeProposalPayload { input: invocation.encode_to_vec(), transient_map: self.transient.clone() }
    }

    fn chaincode_id(&self) -> ChaincodeId {
        ChaincodeId { name: self.chaincode.clone(), ..ChaincodeId::default() }
    }
}

/// Without arguments and transient data, which are the caller's secrets.
impl fmt::Debug for ProposalBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProposalBuilder")
            .field("channel", &self.channel)
            .field("chaincode", &self.chaincode)
            .field("organizations", &self.organizations)
            .finish_non_exhaustive()
    }
}

/// A transaction that is in a block and valid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// Its id.
    pub transaction_id: TransactionId,
    /// The number of the block that it is in.
    pub block_number: u64,
    /// What the chaincode answered.
    pub result: Vec<u8>,
    /// How long it took.
    pub timing: Timing,
}

/// How long the stages of a transaction took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// From the call to the endorsements.
    pub endorse: Duration,
    /// From there until an orderer had accepted it.
    pub submit: Duration,
    /// From there until the gateway peer had it in a block.
    pub commit: Duration,
}
