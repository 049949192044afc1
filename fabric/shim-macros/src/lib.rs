//! Attribute macros of `hlf-shim`: `#[contract]` and `#[transaction]`.
//!
//! Use them through `hlf_shim`, whose documentation shows them at work.

use proc_macro::TokenStream;

mod contract;
mod first;
mod hook;
mod options;
mod transaction;

/// Makes a contract of an `impl` block: each function marked `#[transaction]` can be called by clients.
///
/// Options, all of them optional: `name = "..."` is the contract's name, else the type's; `error = Type` is the
/// contract's error type, which must be `From<hlf_shim::CallError> + Display` and then words the answers to calls that
/// never get to a function; `context = Type` is a `TransactionContext` that functions take in place of the stub;
/// `exact_arguments` refuses more arguments than parameters; `title`, `version`, `description`, `license` and `contact`
/// are told by the metadata.
///
/// A function marked `#[before_transaction]` runs before all others and can refuse the call, one marked
/// `#[after_transaction]` runs after a success and can still refuse it, one marked `#[unknown_transaction]` answers calls
/// of functions that are not there.
///
/// A `#[cfg]` on a marked function holds for all that is made of it.
///
/// The metadata, which clients get from `org.hyperledger.fabric:GetMetadata`, tell the schema of each type of an
/// argument or a result that is a `JsonSchema`; of other types they say nothing.
#[proc_macro_attribute]
pub fn contract(options: TokenStream, item: TokenStream) -> TokenStream {
    contract::expand(options.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Marks a function of a `#[contract]` block that clients can call.
///
/// It takes `&self`, then perhaps `&Stub` or the contract's own context as `&` or `&mut`, then its arguments by value, each a `FromArgument`; it returns a `Result`
/// and may be async. Options: `submit` (the default) or `evaluate` say what it is meant for; `name = "..."` is the name
/// that it is called by, else its own in camel case with a capital first letter.
#[proc_macro_attribute]
pub fn transaction(_options: TokenStream, item: TokenStream) -> TokenStream {
    misplaced("transaction", item)
}

/// Marks the function of a `#[contract]` block that runs before all others. It takes `&self` and perhaps `&Stub` or the
/// context; its `Err` is the answer to the call.
#[proc_macro_attribute]
pub fn before_transaction(_options: TokenStream, item: TokenStream) -> TokenStream {
    misplaced("before_transaction", item)
}

/// Marks the function of a `#[contract]` block that runs after a success. It takes `&self`, perhaps `&Stub` or the
/// context, perhaps the `&Response`; its `Err` takes the answer's place.
#[proc_macro_attribute]
pub fn after_transaction(_options: TokenStream, item: TokenStream) -> TokenStream {
    misplaced("after_transaction", item)
}

/// Marks the function of a `#[contract]` block that answers calls of functions that are not there. It takes `&self`,
/// perhaps `&Stub` or the context, perhaps the name that was called as `&str`.
#[proc_macro_attribute]
pub fn unknown_transaction(_options: TokenStream, item: TokenStream) -> TokenStream {
    misplaced("unknown_transaction", item)
}

/// `#[contract]` takes these marks off; one that is left stands in the wrong place.
fn misplaced(mark: &str, item: TokenStream) -> TokenStream {
    let item: proc_macro2::TokenStream = item.into();
    let text = format!("#[{mark}] belongs on a function of an impl block that is marked #[contract]");
    let error = syn::Error::new(proc_macro2::Span::call_site(), text).into_compile_error();
    quote::quote!(#error #item).into()
}
