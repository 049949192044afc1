//! How a call fails, and how the caller is told: the one place where that becomes a response.

use hlf_shim::{LedgerError, Response};
use lockstep_protocol::refusal::Refusal;

/// Why a call is not answered with a record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The contract refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The peer cannot read or write its ledger. That is the peer's failure and no rule, so it has no code.
    #[error("the peer's ledger failed: {0}")]
    Ledger(#[from] LedgerError),
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        Self::error(failure.to_string())
    }
}
