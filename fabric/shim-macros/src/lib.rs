//! Attribute macros of `hlf-shim`: `#[contract]` and `#[transaction]`.
//!
//! Use them through `hlf_shim`, whose documentation shows them at work.

use proc_macro::TokenStream;

mod contract;
mod options;
mod transaction;

/// Makes a contract of an `impl` block: each function marked `#[transaction]` can be called by clients.
///
/// Options, all of them optional: `name = "..."` is the contract's name, else the type's; `error = Type` is the
/// contract's error type, which must be `From<hlf_shim::CallError> + Display` and then words the answers to calls that
/// never get to a function; `exact_arguments` refuses more arguments than parameters.
#[proc_macro_attribute]
pub fn contract(options: TokenStream, item: TokenStream) -> TokenStream {
    contract::expand(options.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Marks a function of a `#[contract]` block that clients can call.
///
/// It takes `&self`, then perhaps `&Stub`, then its arguments by value, each a `FromArgument`; it returns a `Result`
/// and may be async. Options: `submit` (the default) or `evaluate` say what it is meant for; `name = "..."` is the name
/// that it is called by, else its own in camel case with a capital first letter.
#[proc_macro_attribute]
pub fn transaction(_options: TokenStream, item: TokenStream) -> TokenStream {
    let item: proc_macro2::TokenStream = item.into();
    let error = syn::Error::new(
        proc_macro2::Span::call_site(),
        "#[transaction] belongs on a function of an impl block that is marked #[contract]",
    )
    .into_compile_error();
    quote::quote!(#error #item).into()
}
