//! Contracts: functions with names, arguments and results.

use std::future::Future;

use crate::{Chaincode, Response, Stub};

mod argument;
mod bytes;
mod context;
mod date_time;
mod dispatch;
mod info;
mod json;
mod metadata;
mod payload;
mod raw;
pub(crate) mod schema;
mod set;

pub use argument::{Arguments, FromArgument, InvalidArgument};
pub use bytes::Bytes;
pub use context::TransactionContext;
pub use date_time::{DateTime, InvalidDateTime};
pub use info::{Contact, Info, License};
pub use payload::{Outcome, Payload, PayloadError};
pub use schema::{Schemas, Signature};
pub use set::{ContractChaincode, ContractSetError};

/// Whether a function is meant to change the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Intent {
    /// Only reads; clients evaluate it on one peer.
    Evaluate,
    /// Writes; clients submit it.
    Submit,
}

/// What clients can know of a contract's function.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Function {
    /// The name that it is called by. The first letter may come in the other case.
    pub name: &'static str,
    /// What it is meant for.
    pub intent: Intent,
    /// Names of its parameters.
    pub parameters: &'static [&'static str],
    /// Whether more arguments than parameters are refused; else they are ignored, as by Fabric's other contract APIs.
    pub exact: bool,
    /// The types of parameters and result, as JSON schemas.
    pub describe: fn(&mut Schemas) -> Signature,
}

impl Function {
    /// A function that takes as many arguments as it has parameters, or more, which are ignored.
    #[must_use]
    pub const fn new(
        name: &'static str,
        intent: Intent,
        parameters: &'static [&'static str],
        describe: fn(&mut Schemas) -> Signature,
    ) -> Self {
        Self { name, intent, parameters, exact: false, describe }
    }

    /// The same, but whether more arguments than parameters are refused.
    #[must_use]
    pub const fn exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }
}

/// Why a call never got to a function. The texts are those of Fabric's Go contract API.
///
/// A contract answers with this text unless `#[contract(error = ...)]` names its own error, which is then made from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The call has no arguments, or the first one is empty.
    #[error("Blank function name passed")]
    NoFunction,
    /// The first argument is not UTF-8.
    #[error("the function name is not UTF-8")]
    FunctionNotUtf8,
    /// What is before the last colon of the function's name is no contract's name.
    #[error("Contract not found with name {contract}")]
    UnknownContract {
        /// The name that was called.
        contract: String,
    },
    /// The contract has no such function.
    #[error("Function {function} not found in contract {contract}")]
    UnknownFunction {
        /// The name that was called.
        function: String,
        /// The contract.
        contract: &'static str,
    },
    /// Too few arguments, or too many where exactly as many as parameters are wanted.
    #[error("incorrect number of params. Expected {expected}, received {actual}")]
    ArgumentCount {
        /// The function.
        function: &'static str,
        /// How many parameters it has.
        expected: usize,
        /// How many arguments came.
        actual: usize,
    },
    /// An argument is not what the function takes.
    #[error("error managing parameter {parameter}. {source}")]
    InvalidArgument {
        /// The function.
        function: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// What is wrong.
        source: InvalidArgument,
    },
}

/// A set of functions that clients call by name. Written with [`#[contract]`](macro@crate::contract); every contract is a
/// [`Chaincode`], and [`ContractChaincode`] makes one of several.
///
/// A call goes through [`before`](Self::before), then the function or else [`unknown`](Self::unknown), then
/// [`after`](Self::after), all with one context; the first of them that fails ends it, and nothing is written.
pub trait Contract: Send + Sync + 'static {
    /// What the functions get besides their arguments; [`Stub`] if nothing of one's own is needed.
    type Context: TransactionContext;

    /// The contract's name. Clients may put it before a function's name, with a colon between.
    fn name(&self) -> &'static str;

    /// What its metadata say about it.
    fn info(&self) -> Info {
        Info::default()
    }

    /// Its functions.
    fn functions(&self) -> &'static [Function];

    /// Answers a call of one of [`functions`](Self::functions).
    fn call(
        &self,
        function: &'static Function,
        arguments: &[Vec<u8>],
        stub: &Stub,
        context: &mut Self::Context,
    ) -> impl Future<Output = Response> + Send;

    /// Runs before every function, also before one that is not there. An error is the answer to the call.
    fn before(
        &self,
        _stub: &Stub,
        _context: &mut Self::Context,
    ) -> impl Future<Output = Result<(), Response>> + Send {
        std::future::ready(Ok(()))
    }

    /// Runs after a function that succeeded. An error takes the place of its answer.
    fn after(
        &self,
        _stub: &Stub,
        _context: &mut Self::Context,
        _response: &Response,
    ) -> impl Future<Output = Result<(), Response>> + Send {
        std::future::ready(Ok(()))
    }

    /// Answers a call of a function that is not there; `None` refuses it.
    fn unknown(
        &self,
        _stub: &Stub,
        _context: &mut Self::Context,
        _function: &str,
    ) -> impl Future<Output = Option<Response>> + Send {
        std::future::ready(None)
    }

    /// Answers a call that never got to a function.
    fn refuse(&self, error: CallError) -> Response {
        Response::error(error.to_string())
    }
}

impl<C: Contract> Chaincode for C {
    async fn invoke(&self, stub: &Stub) -> Response {
        dispatch::invoke(&[self], 0, &Info::default(), stub).await
    }
}
