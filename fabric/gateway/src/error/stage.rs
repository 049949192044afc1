//! One error for each stage of a transaction.

use thiserror::Error;
use tonic::Code;

use super::call::{CallError, ErrorDetail};
use super::chaincode_message::chaincode_message;
use super::retry::{self, Retry};
use crate::convert::MalformedMessage;
use crate::sign::SignError;
use crate::status::CommitError;
use crate::transaction::Transaction;
use crate::transaction_id::TransactionId;

/// What went wrong in a stage.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StageCause {
    /// The request could not be signed, so it was not sent.
    #[error("could not sign the request")]
    Sign(#[source] SignError),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The gateway peer's answer makes no sense.
    #[error("the gateway peer answered nonsense")]
    Reply(#[source] MalformedMessage),
}

impl StageCause {
    fn call(&self) -> Option<&CallError> {
        match self {
            Self::Call(call) => Some(call),
            Self::Sign(_) | Self::Reply(_) => None,
        }
    }
}

/// Declares the error of a stage.
macro_rules! stage_error {
    ($(#[$doc:meta])* $name:ident, $text:literal, $retry:path) => {
        $(#[$doc])*
        #[derive(Debug, Error)]
        #[error($text)]
        pub struct $name {
            transaction_id: TransactionId,
            #[source]
            cause: StageCause,
        }

        impl $name {
            pub(crate) fn new(transaction_id: &TransactionId, cause: StageCause) -> Self {
                Self { transaction_id: transaction_id.clone(), cause }
            }

            /// The transaction that this is about.
            #[must_use]
            pub fn transaction_id(&self) -> &TransactionId {
                &self.transaction_id
            }

            /// What went wrong.
            #[must_use]
            pub fn cause(&self) -> &StageCause {
                &self.cause
            }

            /// The gRPC code, if a call was made.
            #[must_use]
            pub fn code(&self) -> Option<Code> {
                self.cause.call().map(CallError::code)
            }

            /// What single peers and orderers said to the gateway peer.
            #[must_use]
            pub fn details(&self) -> &[ErrorDetail] {
                self.cause.call().map_or(&[], CallError::details)
            }

            /// What is safe to do now, and may help.
            #[must_use]
            pub fn retry(&self) -> Retry {
                $retry(&self.cause)
            }

            /// The chaincode's own message, if it was the chaincode that refused.
            #[must_use]
            pub fn chaincode_message(&self) -> Option<&str> {
                self.cause.call().and_then(chaincode_message)
            }
        }
    };
}

stage_error!(
    /// A function could not be evaluated.
    EvaluateError,
    "could not evaluate transaction {transaction_id}",
    retry::of_evaluate
);
stage_error!(
    /// A transaction was not endorsed.
    EndorseError,
    "could not endorse transaction {transaction_id}",
    retry::of_endorse
);
stage_error!(
    /// A transaction was not, or not knowingly, handed to the orderers.
    SubmitError,
    "could not submit transaction {transaction_id}",
    retry::of_submit
);
stage_error!(
    /// It could not be found out what became of a transaction.
    CommitStatusError,
    "could not get the commit status of transaction {transaction_id}",
    retry::of_commit_status
);

impl SubmitError {
    /// Whether the orderers may have the transaction all the same. Then submit the same transaction again, or ask for
    /// its commit status.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        retry::submit_outcome_unknown(&self.cause)
    }
}

/// A transaction that was sent through all stages at once came to no good end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// It was not endorsed.
    #[error(transparent)]
    Endorse(EndorseError),
    /// It was not, or not knowingly, handed to the orderers.
    #[error("the submit failed")]
    Submit {
        /// Why.
        #[source]
        error: SubmitError,
        /// The transaction, to submit it again or to ask for its end.
        transaction: Box<Transaction>,
    },
    /// It was handed to the orderers, but its end is not known.
    #[error("the transaction was submitted, but its end is not known")]
    CommitStatus {
        /// Why.
        #[source]
        error: CommitStatusError,
        /// The transaction, to ask for its end.
        transaction: Box<Transaction>,
    },
    /// It is in a block, but not valid: it changed nothing.
    #[error(transparent)]
    Invalid(CommitError),
}

impl TransactionError {
    /// The transaction that this is about.
    #[must_use]
    pub fn transaction_id(&self) -> &TransactionId {
        match self {
            Self::Endorse(error) => error.transaction_id(),
            Self::Submit { error, .. } => error.transaction_id(),
            Self::CommitStatus { error, .. } => error.transaction_id(),
            Self::Invalid(error) => error.transaction_id(),
        }
    }

    /// The gRPC code, if a call failed.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Endorse(error) => error.code(),
            Self::Submit { error, .. } => error.code(),
            Self::CommitStatus { error, .. } => error.code(),
            Self::Invalid(_) => None,
        }
    }

    /// What single peers and orderers said to the gateway peer.
    #[must_use]
    pub fn details(&self) -> &[ErrorDetail] {
        match self {
            Self::Endorse(error) => error.details(),
            Self::Submit { error, .. } => error.details(),
            Self::CommitStatus { error, .. } => error.details(),
            Self::Invalid(_) => &[],
        }
    }

    /// The chaincode's own message, if it was the chaincode that refused.
    #[must_use]
    pub fn chaincode_message(&self) -> Option<&str> {
        match self {
            Self::Endorse(error) => error.chaincode_message(),
            // A chaincode runs before the transaction is submitted, not after.
            Self::Submit { .. } | Self::CommitStatus { .. } | Self::Invalid(_) => None,
        }
    }

    /// What is safe to do now, and may help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Endorse(error) => error.retry(),
            Self::Submit { error, .. } => error.retry(),
            // The question could be asked again; what matters here is the transaction.
            Self::CommitStatus { .. } => Retry::SameTransaction,
            Self::Invalid(error) => error.retry(),
        }
    }

    /// Whether the transaction may be in the ledger, or come into it yet.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Endorse(error) => error.retry() == Retry::SameTransaction,
            Self::Submit { error, .. } => error.outcome_unknown(),
            Self::CommitStatus { .. } => true,
            Self::Invalid(_) => false,
        }
    }
}

impl CommitError {
    /// What is safe to do now, and may help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        retry::of_invalid(self.code())
    }
}
