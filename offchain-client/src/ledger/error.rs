//! How a question to the ledger fails, and what the caller can do about it.

use std::fmt;
use std::time::Duration;

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::refusal::Refusal;
use serde::{Deserialize, Serialize};

use super::EventCheckpoint;

/// A Fabric transaction id: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransactionId(String);

impl TransactionId {
    /// Takes the id as the network writes it.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as the network writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the ledger gave no answer, or not the one that was hoped for. The sentence of each says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The contract refused; nothing was written. Its number says why.
    #[error("the contract refused: {0}")]
    Refused(Refusal),
    /// No peer answered, or the network cannot endorse or order at present. Nothing was written; asking again later is safe.
    #[error(
        "{organization}'s peers cannot serve this now ({reason}); see that the network runs and that the profile has its addresses, TLS authorities, channel and chaincode, then try again"
    )]
    Unavailable {
        /// The caller's own organisation, by MSP id.
        organization: String,
        /// What each peer that was tried said.
        reason: String,
    },
    /// The network does not take this identity or this question: its certificate, MSP, channel or chaincode name is wrong.
    #[error(
        "the network does not accept this caller or call ({reason}); check the identity, the channel and the chaincode's name in the profile"
    )]
    Rejected {
        /// What the peer said.
        reason: String,
    },
    /// The transaction was ordered and found invalid: nothing was written. Submitting the same again is safe.
    #[error("transaction {tx_id} was not committed: {code}; submit it again")]
    NotCommitted {
        /// The peer's validation code, by its name in Fabric, such as `MVCC_READ_CONFLICT`.
        code: String,
        /// The transaction.
        tx_id: TransactionId,
    },
    /// Nobody said in time whether the transaction was committed. Reading the record, or submitting the same again, tells.
    #[error(
        "it is not known yet whether transaction {tx_id} was committed ({reason}); read the record, or submit the same again, which is safe"
    )]
    OutcomeUnknown {
        /// The transaction.
        tx_id: TransactionId,
        /// What was waited for.
        reason: String,
    },
    /// Nothing was heard of a submission within the time that the caller has for it: an orderer may have lost it. Submitting the
    /// same again is safe.
    #[error("nothing was heard of the submission within {} s; submit the same again, which is safe", .limit.as_secs_f64())]
    Unheard {
        /// How long was waited.
        limit: Duration,
    },
    /// An event is not one of the contract's: that of a newer contract, or two peers that lie. Do not act on it.
    #[error("an event is not the contract's ({what}); check that this program is as new as the contract")]
    UnreadableEvent {
        /// Where it stands; a reader that must go on goes on after it.
        at: EventCheckpoint,
        /// The channels that it names all the same.
        channels: Vec<ChannelId>,
        /// What is wrong with it.
        what: String,
    },
    /// A peer gave an answer that the contract cannot have given. Do not act on it.
    #[error(
        "a peer's answer is not the contract's ({what}); check that the profile names the right chaincode and that the peer runs its current version"
    )]
    Violation {
        /// What is wrong with it.
        what: String,
    },
}

impl LedgerError {
    /// The contract's refusal, if this is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether the same question may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::NotCommitted { .. }
                | Self::OutcomeUnknown { .. }
                | Self::Unheard { .. }
        )
    }
}
