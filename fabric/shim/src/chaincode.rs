//! The lowest interface: one function that answers every call.

use std::future::Future;

use crate::{Response, Stub};

/// A chaincode.
///
/// Most are written with [`#[contract]`](macro@crate::contract) instead, which implements this. One value serves all peers and
/// all transactions at once, so it keeps nothing from one call to the next that the ledger should keep.
///
/// ```
/// use hlf_shim::{Chaincode, Response, Stub};
///
/// struct Echo;
///
/// impl Chaincode for Echo {
///     async fn invoke(&self, stub: &Stub) -> Response {
///         match stub.args() {
///             [argument, ..] => Response::success(argument.as_slice()),
///             [] => Response::error("nothing to say"),
///         }
///     }
/// }
/// ```
pub trait Chaincode: Send + Sync + 'static {
    /// Answers one call.
    fn invoke(&self, stub: &Stub) -> impl Future<Output = Response> + Send;

    /// Answers the call that initialises a chaincode defined with "init required". As [`invoke`](Self::invoke), but a
    /// call without a function's name succeeds and does nothing.
    fn init(&self, stub: &Stub) -> impl Future<Output = Response> + Send {
        async move {
            if stub.args().first().is_none_or(Vec::is_empty) {
                return Response::success([]).with_message("Default initiator successful.");
            }
            self.invoke(stub).await
        }
    }
}
