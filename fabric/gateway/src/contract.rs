//! A contract in a chaincode.

use crate::error::{EvaluateError, TransactionError};
use crate::proposal_builder::{Committed, ProposalBuilder};
use crate::session::Session;

/// A contract that is deployed on a channel. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Contract {
    session: Session,
    channel: String,
    chaincode: String,
    contract: Option<String>,
}

impl Contract {
    pub(crate) fn new(
        session: Session,
        channel: String,
        chaincode: String,
        contract: Option<String>,
    ) -> Self {
        Self { session, channel, chaincode, contract }
    }

    /// The chaincode's name.
    #[must_use]
    pub fn chaincode(&self) -> &str {
        &self.chaincode
    }

    /// Starts a proposal to call `function`.
    pub fn proposal(&self, function: &str) -> ProposalBuilder {
        // A contract that is not the default one is named before its function.
        let function = match &self.contract {
            Some(contract) => format!("{contract}:{function}"),
            None => function.to_owned(),
        };
        ProposalBuilder::new(self.session.clone(), &self.channel, &self.chaincode, function)
    }

    /// Calls `function` on one peer and answers its result. Nothing is written to the ledger.
    ///
    /// The gateway chooses the peer, of any organisation. To read from one's own, name it:
    /// [`ProposalBuilder::organizations`].
    ///
    /// # Errors
    /// [`EvaluateError`], with [`chaincode_message`](EvaluateError::chaincode_message) when the chaincode refused.
    pub async fn evaluate<A: Into<Vec<u8>>>(
        &self,
        function: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Vec<u8>, EvaluateError> {
        self.proposal(function).arguments(arguments).evaluate().await
    }

    /// Calls `function` in a transaction and waits until that is in a block and valid.
    ///
    /// # Errors
    /// [`TransactionError`], with the stage that failed.
    pub async fn submit<A: Into<Vec<u8>>>(
        &self,
        function: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Committed, TransactionError> {
        self.proposal(function).arguments(arguments).submit().await
    }
}
