//! What the functions of a contract get besides their arguments.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;

use crate::Stub;

/// A transaction's context of one's own, made anew for each call: `#[contract(context = Type)]`.
///
/// ```
/// use hlf_shim::testing::{Call, Caller, MemoryLedger};
/// use hlf_shim::{IdentityError, Stub, TransactionContext, contract};
///
/// struct Desk {
///     stub: Stub,
///     clerk: String,
///     checked: bool,
/// }
///
/// impl TransactionContext for Desk {
///     type Error = IdentityError;
///
///     async fn new(stub: &Stub) -> Result<Self, IdentityError> {
///         let clerk = stub.client_identity()?.attribute("clerk").unwrap_or("nobody").to_owned();
///         Ok(Self { stub: stub.clone(), clerk, checked: false })
///     }
/// }
///
/// struct Office;
///
/// #[contract(context = Desk)]
/// impl Office {
///     #[before_transaction]
///     async fn check(&self, desk: &mut Desk) -> Result<(), &'static str> {
///         desk.checked = desk.clerk != "nobody";
///         if desk.checked { Ok(()) } else { Err("only clerks") }
///     }
///
///     #[transaction(evaluate)]
///     async fn greet(&self, desk: &Desk, name: String) -> Result<String, &'static str> {
///         Ok(format!("{} of {} greets {name}: {}", desk.clerk, desk.stub.channel_id(), desk.checked))
///     }
/// }
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let mut ledger = MemoryLedger::new("office");
/// let ann = Caller::new("Org1MSP", "ann").attribute("clerk", "Ann");
/// let done = ledger.evaluate(&Office, Call::new("Greet", ["Bob"]).by(&ann)).await;
/// assert_eq!(done.response.payload(), b"Ann of channel greets Bob: true");
/// let done = ledger.evaluate(&Office, Call::new("Greet", ["Bob"]).by(&Caller::new("Org1MSP", "eve"))).await;
/// assert_eq!(done.response.message(), "only clerks");
/// # });
/// ```
pub trait TransactionContext: Sized + Send + Sync {
    /// Why a call gets no context. Its text is the answer to the call.
    type Error: Display;

    /// The context of a call.
    ///
    /// # Errors
    ///
    /// Whatever makes the call impossible.
    fn new(stub: &Stub) -> impl Future<Output = Result<Self, Self::Error>> + Send;
}

impl TransactionContext for Stub {
    type Error = Infallible;

    async fn new(stub: &Stub) -> Result<Self, Infallible> {
        Ok(stub.clone())
    }
}
