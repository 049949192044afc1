//! Why a request to the peer failed.

use crate::KeyError;

/// A request to the ledger that failed.
///
/// The chaincode normally gives up and answers with it; the transaction then has no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The peer refused the request, in its words.
    #[error("{text}")]
    Peer {
        /// What the peer said.
        text: String,
    },
    /// The connection to the peer has ended.
    #[error("the connection to the peer has ended")]
    Disconnected,
    /// The transaction is over; the stub outlived it.
    #[error("the transaction is over")]
    TransactionOver,
    /// The request would be larger than a peer takes.
    #[error("a {kind} request of {bytes} bytes is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Kind of the request, as the protocol names it: `GET_STATE`.
        kind: &'static str,
        /// Its size.
        bytes: usize,
        /// The largest size that is sent.
        limit: usize,
    },
    /// The peer's reply cannot be decoded.
    #[error("the peer's reply to {kind} cannot be decoded")]
    Undecodable {
        /// Kind of the request, as the protocol names it: `GET_STATE`.
        kind: &'static str,
        /// What is wrong with the reply.
        source: hlf_proto::DecodeError,
    },
    /// A called chaincode did not end as a chaincode does.
    #[error("the called chaincode ended with a {kind} message")]
    UnexpectedEnd {
        /// Kind of the message that came instead of COMPLETED.
        kind: &'static str,
    },
    /// The ledger does not take an empty key.
    #[error("key must not be an empty string")]
    EmptyKey,
    /// Private data are in a collection with a name.
    #[error("collection must not be an empty string")]
    EmptyCollection,
    /// The peer gave another number of values than it was asked for.
    #[error("the peer gave {actual} values for {expected} keys")]
    ValueCount {
        /// Keys that were asked for.
        expected: usize,
        /// Values that came.
        actual: usize,
    },
    /// The key cannot be used here.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A page has at least one entry and at most 2^31 - 1.
    #[error("a page of {entries} entries cannot be asked for")]
    PageSize {
        /// The size that was asked for.
        entries: u32,
    },
}
