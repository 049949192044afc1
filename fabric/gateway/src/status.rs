//! The last stage: how a transaction ended.

use thiserror::Error;

use crate::transaction_id::TransactionId;
use crate::validation_code::ValidationCode;

/// How a transaction ended: in which block, and whether it was found valid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a transaction in a block can be invalid"]
pub struct Status {
    transaction_id: TransactionId,
    code: ValidationCode,
    block_number: u64,
}

impl Status {
    pub(crate) fn new(transaction_id: TransactionId, code: ValidationCode, block_number: u64) -> Self {
        Self { transaction_id, code, block_number }
    }

    /// The transaction.
    #[must_use]
    pub fn transaction_id(&self) -> &TransactionId {
        &self.transaction_id
    }

    /// What the peers found.
    #[must_use]
    pub fn code(&self) -> ValidationCode {
        self.code
    }

    /// The number of the block that it is in.
    #[must_use]
    pub fn block_number(&self) -> u64 {
        self.block_number
    }

    /// Goes on only if the transaction is valid.
    ///
    /// # Errors
    /// [`CommitError`] when it is not: it changed nothing.
    pub fn into_valid(self) -> Result<Self, CommitError> {
        if self.code.is_valid() { Ok(self) } else { Err(CommitError(self)) }
    }
}

/// A transaction is in a block, but not valid: it changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("transaction {} is in block {} but not valid: {}", .0.transaction_id, .0.block_number, .0.code)]
pub struct CommitError(Status);

impl CommitError {
    /// The transaction.
    #[must_use]
    pub fn transaction_id(&self) -> &TransactionId {
        &self.0.transaction_id
    }

    /// What the peers found.
    #[must_use]
    pub fn code(&self) -> ValidationCode {
        self.0.code
    }

    /// The number of the block that it is in.
    #[must_use]
    pub fn block_number(&self) -> u64 {
        self.0.block_number
    }
}
