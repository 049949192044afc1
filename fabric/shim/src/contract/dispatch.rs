//! From a call's first argument to a contract's function.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{CallError, Contract, Function, Info, TransactionContext, metadata};
use crate::{Response, Stub};

/// The contract that every chaincode has besides its own, as with Fabric's other contract APIs.
pub(super) const SYSTEM_CONTRACT: &str = "org.hyperledger.fabric";
/// Its only function.
pub(super) const GET_METADATA: &str = "GetMetadata";

/// A contract whose type is not known.
pub(super) trait AnyContract: Send + Sync {
    fn name(&self) -> &'static str;
    fn info(&self) -> Info;
    fn functions(&self) -> &'static [Function];
    fn refuse(&self, error: CallError) -> Response;
    fn run<'a>(&'a self, name: &'a str, arguments: &'a [Vec<u8>], stub: &'a Stub) -> BoxFuture<'a, Response>;
}

impl<C: Contract> AnyContract for C {
    fn name(&self) -> &'static str {
        Contract::name(self)
    }

    fn info(&self) -> Info {
        Contract::info(self)
    }

    fn functions(&self) -> &'static [Function] {
        Contract::functions(self)
    }

    fn refuse(&self, error: CallError) -> Response {
        Contract::refuse(self, error)
    }

    fn run<'a>(&'a self, name: &'a str, arguments: &'a [Vec<u8>], stub: &'a Stub) -> BoxFuture<'a, Response> {
        run(self, name, arguments, stub).boxed()
    }
}

/// Answers a call with one of several contracts.
pub(super) async fn invoke(
    contracts: &[&dyn AnyContract],
    default: usize,
    info: &Info,
    stub: &Stub,
) -> Response {
    let Some(default) = contracts.get(default) else {
        return Response::error(CallError::NoFunction.to_string());
    };
    match route(stub.args(), contracts, *default) {
        Ok(Route::Function { contract, name, arguments }) => contract.run(name, arguments, stub).await,
        Ok(Route::Metadata) => Response::success(metadata::json(contracts, default.name(), info)),
        Err(error) => default.refuse(error),
    }
}

/// Where a call goes.
enum Route<'a> {
    Function { contract: &'a dyn AnyContract, name: &'a str, arguments: &'a [Vec<u8>] },
    Metadata,
}

fn route<'a>(
    args: &'a [Vec<u8>],
    contracts: &[&'a dyn AnyContract],
    default: &'a dyn AnyContract,
) -> Result<Route<'a>, CallError> {
    let (name, arguments) = args.split_first().ok_or(CallError::NoFunction)?;
    let name = std::str::from_utf8(name).map_err(|_| CallError::FunctionNotUtf8)?;
    // As in Fabric's other contract APIs, nothing before the colon is the default contract.
    let (namespace, name) = name.rsplit_once(':').unwrap_or(("", name));
    let unknown = || CallError::UnknownContract { contract: namespace.to_owned() };
    let contract = match namespace {
        "" => default,
        SYSTEM_CONTRACT if same_name(name, GET_METADATA) => return Ok(Route::Metadata),
        SYSTEM_CONTRACT if !name.is_empty() => {
            return Err(CallError::UnknownFunction { function: name.to_owned(), contract: SYSTEM_CONTRACT });
        }
        SYSTEM_CONTRACT => return Err(CallError::NoFunction),
        _ => *contracts.iter().find(|contract| contract.name() == namespace).ok_or_else(unknown)?,
    };
    if name.is_empty() {
        return Err(CallError::NoFunction);
    }
    Ok(Route::Function { contract, name, arguments })
}

/// Runs a function of a contract, with what goes before and after it.
async fn run<C: Contract>(contract: &C, name: &str, arguments: &[Vec<u8>], stub: &Stub) -> Response {
    let mut context = match C::Context::new(stub).await {
        Ok(context) => context,
        Err(error) => return Response::error(error.to_string()),
    };
    if let Err(refused) = contract.before(stub, &mut context).await {
        return refused;
    }
    let response = match find(contract, name, arguments) {
        Ok(function) => contract.call(function, arguments, stub, &mut context).await,
        Err(error @ CallError::UnknownFunction { .. }) => {
            let answered = contract.unknown(stub, &mut context, name).await;
            answered.unwrap_or_else(|| contract.refuse(error))
        }
        Err(error) => contract.refuse(error),
    };
    if !response.is_success() {
        return response;
    }
    match contract.after(stub, &mut context, &response).await {
        Ok(()) => response,
        Err(refused) => refused,
    }
}

fn find(contract: &impl Contract, name: &str, arguments: &[Vec<u8>]) -> Result<&'static Function, CallError> {
    let function = Contract::functions(contract).iter().find(|function| same_name(function.name, name));
    let function = function.ok_or_else(|| CallError::UnknownFunction {
        function: name.to_owned(),
        contract: Contract::name(contract),
    })?;
    let (expected, actual) = (function.parameters.len(), arguments.len());
    if actual < expected || (function.exact && actual > expected) {
        return Err(CallError::ArgumentCount { function: function.name, expected, actual });
    }
    Ok(function)
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
    use crate::contract::{Intent, Schemas, Signature};

    struct Two;

    impl Contract for Two {
        type Context = Stub;

        fn name(&self) -> &'static str {
            "two"
        }

        fn functions(&self) -> &'static [Function] {
            const fn function(name: &'static str, exact: bool) -> Function {
                fn nothing(_: &mut Schemas) -> Signature {
                    Signature::default()
                }
                Function { name, intent: Intent::Submit, parameters: &["id"], exact, describe: nothing }
            }
            const { &[function("Read", false), function("Write", true)] }
        }

        async fn call(&self, function: &'static Function, _: &[Vec<u8>], _: &Stub, _: &mut Stub) -> Response {
            Response::success(function.name)
        }
    }

    fn routed(args: &[&str]) -> Result<&'static str, CallError> {
        let args: Vec<_> = args.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        match route(&args, &[&Two], &Two)? {
            Route::Function { name, arguments, .. } => {
                find(&Two, name, arguments).map(|function| function.name)
            }
            Route::Metadata => Ok("metadata"),
        }
    }

    #[test]
    fn functions_are_found_by_name() {
        for name in ["Read", "read", "two:Read", "two:read", ":read"] {
            assert_eq!(routed(&[name, "a"]), Ok("Read"), "{name}");
        }
        assert_eq!(routed(&["org.hyperledger.fabric:GetMetadata"]), Ok("metadata"));
        for name in ["READ", "Red", "éead"] {
            let error = CallError::UnknownFunction { function: name.into(), contract: "two" };
            assert_eq!(routed(&[name, "a"]), Err(error));
        }
        for (name, contract) in [("two:three:Read", "two:three"), ("Two:Read", "Two")] {
            assert_eq!(routed(&[name, "a"]), Err(CallError::UnknownContract { contract: contract.into() }));
        }
        let error = routed(&["org.hyperledger.fabric:Read"]).unwrap_err();
        assert_eq!(error.to_string(), "Function Read not found in contract org.hyperledger.fabric");
    }

    #[test]
    fn a_call_without_a_function_says_so() {
        for args in [&[][..], &[""], &["two:"], &["org.hyperledger.fabric:"]] {
            assert_eq!(routed(args), Err(CallError::NoFunction));
        }
        assert!(matches!(route(&[vec![0xff]], &[&Two], &Two), Err(CallError::FunctionNotUtf8)));
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
