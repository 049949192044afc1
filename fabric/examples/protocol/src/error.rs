//! Why a call fails.

use hlf_shim::{EmptyEventName, IdentityError, KeyError, KeyPolicyError, LedgerError, ProposalError};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Policy(#[from] KeyPolicyError),
    #[error(transparent)]
    Caller(#[from] ProposalError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Event(#[from] EmptyEventName),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("send the value as transient data, under the name value")]
    NoValue,
    /// The client asked for this failure.
    #[error("{0}")]
    Asked(String),
}
