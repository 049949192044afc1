//! The way from a stub to the ledger.

use futures::future::BoxFuture;
use hlf_proto::protos::chaincode_message::Type;

use crate::LedgerError;

/// What answers a stub's requests: the peer, or the ledger in memory of the test kit.
pub(crate) trait Peer: Send + Sync {
    /// One request of the transaction and its reply's payload. Dropping the future does not take the request back.
    fn call(&self, kind: Type, payload: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, LedgerError>>;
}
