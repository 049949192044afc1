//! Contracts: functions with names, arguments and results.

use std::future::Future;

use crate::{Chaincode, Response, Stub};

mod argument;
mod payload;

pub use argument::{Arguments, Bytes, FromArgument, InvalidArgument};
pub use payload::{Outcome, Payload, PayloadError};

/// Whether a function is meant to change the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// Only reads; clients evaluate it on one peer.
    Evaluate,
    /// Writes; clients submit it.
    Submit,
}

/// What clients can know of a contract's function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// The name that it is called by. The first letter may come in the other case.
    pub name: &'static str,
    /// What it is meant for.
    pub intent: Intent,
    /// Names of its parameters.
    pub parameters: &'static [&'static str],
    /// Whether more arguments than parameters are refused; else they are ignored, as by Fabric's other contract APIs.
    pub exact: bool,
}

/// Why a call never got to a function.
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
    /// What is before the last colon of the function's name is not this contract's name.
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
    #[error("Incorrect number of params. Expected {expected}, received {actual}")]
    ArgumentCount {
        /// The function.
        function: &'static str,
        /// How many parameters it has.
        expected: usize,
        /// How many arguments came.
        actual: usize,
    },
    /// An argument is not what the function takes.
    #[error("error managing parameter {parameter}: {source}")]
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
/// [`Chaincode`].
pub trait Contract: Send + Sync + 'static {
    /// The contract's name. Clients may put it before a function's name, with a colon between.
    fn name(&self) -> &'static str;

    /// Its functions.
    fn functions(&self) -> &'static [Function];

    /// Answers a call of one of [`functions`](Self::functions).
    fn call(
        &self,
        function: &'static Function,
        arguments: &[Vec<u8>],
        stub: &Stub,
    ) -> impl Future<Output = Response> + Send;

    /// Answers a call that never got to a function.
    fn refuse(&self, error: CallError) -> Response {
        Response::error(error.to_string())
    }
}

impl<C: Contract> Chaincode for C {
    async fn invoke(&self, stub: &Stub) -> Response {
        match route(self, stub.args()) {
            Ok((function, arguments)) => self.call(function, arguments, stub).await,
            Err(error) => self.refuse(error),
        }
    }
}

/// Finds the function that a call names.
fn route<'a>(
    contract: &impl Contract,
    args: &'a [Vec<u8>],
) -> Result<(&'static Function, &'a [Vec<u8>]), CallError> {
    let (name, arguments) = args.split_first().ok_or(CallError::NoFunction)?;
    let name = std::str::from_utf8(name).map_err(|_| CallError::FunctionNotUtf8)?;
    let name = match name.rsplit_once(':') {
        // As in Fabric's other contract APIs, nothing before the colon is the default contract.
        Some((namespace, name)) if namespace.is_empty() || namespace == contract.name() => name,
        Some((namespace, _)) => return Err(CallError::UnknownContract { contract: namespace.to_owned() }),
        None => name,
    };
    if name.is_empty() {
        return Err(CallError::NoFunction);
    }
    let function = contract.functions().iter().find(|function| same_name(function.name, name));
    let function = function
        .ok_or_else(|| CallError::UnknownFunction { function: name.to_owned(), contract: contract.name() })?;

    let (expected, actual) = (function.parameters.len(), arguments.len());
    if actual < expected || (function.exact && actual > expected) {
        return Err(CallError::ArgumentCount { function: function.name, expected, actual });
    }
    Ok((function, arguments))
}

/// Whether two names are equal but for the case of an ASCII first letter.
fn same_name(left: &str, right: &str) -> bool {
    match (left.split_at_checked(1), right.split_at_checked(1)) {
        (Some((left, left_rest)), Some((right, right_rest))) => {
            left.eq_ignore_ascii_case(right) && left_rest == right_rest
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Two;

    impl Contract for Two {
        fn name(&self) -> &'static str {
            "two"
        }

        fn functions(&self) -> &'static [Function] {
            const fn function(name: &'static str, exact: bool) -> Function {
                Function { name, intent: Intent::Submit, parameters: &["id"], exact }
            }
            const { &[function("Read", false), function("Write", true)] }
        }

        async fn call(&self, function: &'static Function, _: &[Vec<u8>], _: &Stub) -> Response {
            Response::success(function.name)
        }
    }

    fn routed(args: &[&str]) -> Result<&'static str, CallError> {
        let args: Vec<_> = args.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        route(&Two, &args).map(|(function, _)| function.name)
    }

    #[test]
    fn functions_are_found_by_name() {
        for name in ["Read", "read", "two:Read", "two:read", ":read"] {
            assert_eq!(routed(&[name, "a"]), Ok("Read"), "{name}");
        }
        for name in ["READ", "Red", "éead"] {
            let error = CallError::UnknownFunction { function: name.into(), contract: "two" };
            assert_eq!(routed(&[name, "a"]), Err(error));
        }
        let contract = "two:three".to_owned();
        assert_eq!(routed(&["two:three:Read", "a"]), Err(CallError::UnknownContract { contract }));
    }

    #[test]
    fn a_call_without_a_function_says_so() {
        for args in [&[][..], &[""], &["two:"]] {
            assert_eq!(routed(args), Err(CallError::NoFunction));
        }
        assert_eq!(route(&Two, &[vec![0xff]]), Err(CallError::FunctionNotUtf8));
    }

    #[test]
    fn arguments_are_counted() {
        let count = |function, actual| Err(CallError::ArgumentCount { function, expected: 1, actual });
        assert_eq!(routed(&["Read"]), count("Read", 0));
        assert_eq!(routed(&["Read", "a", "b"]), Ok("Read"));
        assert_eq!(routed(&["Write"]), count("Write", 0));
        assert_eq!(routed(&["Write", "a", "b"]), count("Write", 2));
    }
}
