//! The steps that are taken on a channel.

use std::time::Duration;

use hlf_proto::Message;
use hlf_proto::lifecycle::{
    CheckCommitReadinessResult, QueryApprovedChaincodeDefinitionArgs, QueryApprovedChaincodeDefinitionResult,
    QueryChaincodeDefinitionArgs, QueryChaincodeDefinitionResult, QueryChaincodeDefinitionsArgs,
    QueryChaincodeDefinitionsResult,
};

use super::definition::{ApprovedDefinition, CommittedDefinition, Definition, Readiness};
use super::package::PackageId;
use crate::contract::Contract;
use crate::convert::decode;
use crate::error::TransactionError;
use crate::operations::QueryError;
use crate::proposal_builder::Committed;
use crate::retrying::Retrying;

/// The system chaincode that keeps the definitions.
const CHAINCODE: &str = "_lifecycle";

/// What organisations do on a channel so that a chaincode runs there: approve its definition, and commit it.
///
/// The caller should be an administrator of its organisation. While a network finds itself, peers and orderers say for
/// some seconds that they cannot; so each step is tried again as [`Retrying`] says, for up to a minute.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    contract: Contract,
    msp_id: String,
    retrying: Retrying,
}

impl Lifecycle {
    pub(crate) fn new(contract: impl FnOnce(&str) -> Contract, msp_id: &str) -> Self {
        let retrying = Retrying::default().with_attempts(60).with_patience(Duration::from_secs(60));
        Self { contract: contract(CHAINCODE), msp_id: msp_id.to_owned(), retrying }
    }

    /// Tries again like this instead.
    #[must_use]
    pub fn with_retrying(mut self, retrying: Retrying) -> Self {
        self.retrying = retrying;
        self
    }

    /// Approves a definition for the caller's organisation, whose peers run this package for it; without one they do not
    /// run the chaincode, and cannot endorse.
    ///
    /// # Errors
    /// [`TransactionError`]. Its chaincode message says `unchanged content` when just this is approved already.
    pub async fn approve(
        &self,
        definition: &Definition,
        package: Option<&PackageId>,
    ) -> Result<Committed, TransactionError> {
        let arguments = definition.approval(package).encode_to_vec();
        let proposal = self.contract.proposal("ApproveChaincodeDefinitionForMyOrg").argument(arguments);
        // The approval lies in a collection of the organisation's own, which its own peers only have.
        proposal.organizations([self.msp_id.as_str()]).submit_retrying(self.retrying).await
    }

    /// Asks the own peer who has approved the definition.
    ///
    /// # Errors
    /// [`QueryError`], also when a definition with this sequence is committed already.
    pub async fn readiness(&self, definition: &Definition) -> Result<Readiness, QueryError> {
        let message: CheckCommitReadinessResult =
            self.query("CheckCommitReadiness", &definition.check()).await?;
        Ok(message.into())
    }

    /// Commits a definition, endorsed by the organisations named (MSP ids): those that have approved, see
    /// [`Readiness::approved_by`], and by Fabric's default more than half of all. Without names the gateway chooses.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub async fn commit<O: Into<String>>(
        &self,
        definition: &Definition,
        organizations: impl IntoIterator<Item = O>,
    ) -> Result<Committed, TransactionError> {
        let arguments = definition.commit().encode_to_vec();
        let proposal = self.contract.proposal("CommitChaincodeDefinition").argument(arguments);
        proposal.organizations(organizations).submit_retrying(self.retrying).await
    }

    /// The committed definition of this name as the own peer has it, if there is one.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn committed(&self, name: &str) -> Result<Option<CommittedDefinition>, QueryError> {
        let arguments = QueryChaincodeDefinitionArgs { name: name.to_owned() };
        let answer = self.query("QueryChaincodeDefinition", &arguments).await;
        let message: Option<QueryChaincodeDefinitionResult> = none_if(answer, "is not defined")?;
        Ok(message.map(|message| CommittedDefinition::of_one(name, message)))
    }

    /// All committed definitions of the channel as the own peer has them.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn all_committed(&self) -> Result<Vec<CommittedDefinition>, QueryError> {
        let answer = self.query("QueryChaincodeDefinitions", &QueryChaincodeDefinitionsArgs {}).await;
        let message: QueryChaincodeDefinitionsResult = answer?;
        Ok(message.chaincode_definitions.into_iter().map(CommittedDefinition::of_many).collect())
    }

    /// What the own organisation has approved under this name and sequence, if it has.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn approved(
        &self,
        name: &str,
        sequence: i64,
    ) -> Result<Option<ApprovedDefinition>, QueryError> {
        let arguments = QueryApprovedChaincodeDefinitionArgs { name: name.to_owned(), sequence };
        let answer = self.query("QueryApprovedChaincodeDefinition", &arguments).await;
        let message: Option<QueryApprovedChaincodeDefinitionResult> =
            none_if(answer, "could not fetch approved chaincode definition")?;
        Ok(message.map(|message| ApprovedDefinition::new(name, message)))
    }

    async fn query<T: Message + Default>(
        &self,
        function: &'static str,
        arguments: &impl Message,
    ) -> Result<T, QueryError> {
        let proposal = self.contract.proposal(function).argument(arguments.encode_to_vec());
        let proposal = proposal.organizations([self.msp_id.as_str()]);
        let result = proposal.evaluate_retrying(self.retrying).await?;
        Ok(decode(function, &result)?)
    }
}

/// Takes the chaincode's word that there is no such thing for an answer.
fn none_if<T>(answer: Result<T, QueryError>, words: &str) -> Result<Option<T>, QueryError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.chaincode_message().is_some_and(|message| message.contains(words)) => Ok(None),
        Err(error) => Err(error),
    }
}
