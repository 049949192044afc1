//! Why something failed, and what to do about it.
//!
//! One type for each stage. Each has the gRPC code, the details of single peers, the transaction id, the chaincode's own
//! message when it was the chaincode that refused, and what is safe to do next.

mod call;
mod chaincode_message;
mod retry;
mod stage;

pub(crate) use call::chain;
pub use call::{CallError, ErrorDetail, Origin};
pub use retry::Retry;
pub use stage::{CommitStatusError, EndorseError, EvaluateError, StageCause, SubmitError, TransactionError};
