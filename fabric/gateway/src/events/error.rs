//! How a stream of events is interrupted.

use hlf_proto::common::Status;
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
    /// The peer does not deliver the blocks.
    #[error("the peer does not deliver the blocks: {}", delivery_status(*.status))]
    Refused {
        /// The number of a `common.Status`: 403, say, where the caller may not read the channel.
        status: i32,
    },
    /// The peer delivered something else than was asked for.
    #[error("the peer delivered {what}")]
    Unexpected {
        /// What it was.
        what: &'static str,
    },
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
            Self::Sign(_) | Self::Refused { .. } | Self::Unexpected { .. } | Self::Ended => None,
        }
    }
}

/// The name of a status, or its number if it has none.
fn delivery_status(number: i32) -> String {
    Status::try_from(number).map_or_else(|_| number.to_string(), |status| status.as_str_name().to_owned())
}
