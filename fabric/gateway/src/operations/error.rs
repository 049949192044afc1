//! How a question to a system chaincode fails.

use thiserror::Error;

use crate::convert::MalformedMessage;
use crate::error::{CallError, EvaluateError, Retry};
use crate::sign::SignError;

/// A question to a system chaincode through the gateway brought no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// It could not be evaluated, or the system chaincode refused.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The answer makes no sense.
    #[error("the peer answered nonsense")]
    Reply(#[from] MalformedMessage),
}

impl QueryError {
    /// The system chaincode's own message, if it was it that refused.
    #[must_use]
    pub fn chaincode_message(&self) -> Option<&str> {
        match self {
            Self::Evaluate(error) => error.chaincode_message(),
            Self::Reply(_) => None,
        }
    }

    /// What is safe to do now, and may help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Evaluate(error) => error.retry(),
            Self::Reply(_) => Retry::Never,
        }
    }
}

/// A request to one peer brought no answer, or a refusal.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PeerError {
    /// It could not be signed, so it was not sent.
    #[error("could not sign the request to peer {address}")]
    Sign {
        /// The peer.
        address: String,
        /// Why.
        #[source]
        source: SignError,
    },
    /// The call failed.
    #[error("peer {address} cannot be asked")]
    Call {
        /// The peer.
        address: String,
        /// Why.
        #[source]
        source: CallError,
    },
    /// The peer refuses.
    #[error("peer {address} refuses: {message} ({status})")]
    Refused {
        /// The peer.
        address: String,
        /// A number like HTTP's.
        status: i32,
        /// The peer's words.
        message: String,
    },
    /// The answer makes no sense.
    #[error("peer {address} answered nonsense")]
    Reply {
        /// The peer.
        address: String,
        /// What is wrong with it.
        #[source]
        source: MalformedMessage,
    },
}
