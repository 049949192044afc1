//! How a stream of events is interrupted.

use thiserror::Error;
use tonic::Code;

use crate::error::CallError;
use crate::sign::SignError;

/// A stream of events was interrupted, or did not come about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EventError {
    /// The request for events could not be signed.
    #[error("could not sign the request for events")]
    Sign(#[source] SignError),
    /// The stream broke, or the gateway peer refused it.
    #[error("events interrupted")]
    Interrupted(#[from] CallError),
    /// The gateway peer ended the stream, which it should never do.
    #[error("the gateway peer ended the stream of events")]
    Ended,
}

impl EventError {
    /// The gRPC code, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Interrupted(error) => Some(error.code()),
            Self::Sign(_) | Self::Ended => None,
        }
    }
}
