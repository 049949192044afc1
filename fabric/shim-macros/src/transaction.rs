//! One function of a contract.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{FnArg, Ident, ImplItemFn, Pat, ReceiverKind, Type};

use crate::options::TransactionOptions;

/// A function that clients can call.
pub(crate) struct Transaction {
    /// The name that it is called by.
    pub(crate) name: String,
    ident: Ident,
    evaluate: bool,
    is_async: bool,
    takes_stub: bool,
    parameters: Vec<(String, Type)>,
}

impl Transaction {
    /// Reads a function and takes its attribute off; `None` if it has none.
    pub(crate) fn take(function: &mut ImplItemFn) -> syn::Result<Option<Self>> {
        let Some(position) = function.attrs.iter().position(is_transaction) else { return Ok(None) };
        let options = TransactionOptions::parse(&function.attrs.remove(position))?;
        let signature = &function.sig;
        if !signature.generics.params.is_empty() {
            return Err(syn::Error::new_spanned(
                &signature.generics,
                "a transaction has no generic parameters",
            ));
        }
        let mut inputs = signature.inputs.iter();
        match inputs.next() {
            Some(FnArg::Receiver(receiver))
                if matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) => {}
            _ => return Err(syn::Error::new_spanned(signature, "a transaction takes `&self` first")),
        }
        let mut takes_stub = false;
        let mut parameters = Vec::new();
        for (index, input) in inputs.enumerate() {
            let FnArg::Typed(input) = input else { continue };
            match &*input.ty {
                Type::Reference(_) if index == 0 => takes_stub = true,
                Type::Reference(_) => {
                    let message = "arguments are taken by value; only `&Stub`, the first, is a reference";
                    return Err(syn::Error::new_spanned(&input.ty, message));
                }
                ty => parameters.push((parameter_name(&input.pat, index), ty.clone())),
            }
        }
        let name = options.name.map_or_else(|| camel_case(&signature.ident.to_string()), |name| name.value());
        if name.is_empty() || name.contains(':') {
            return Err(syn::Error::new_spanned(
                &signature.ident,
                "a transaction's name is not empty and has no colon",
            ));
        }
        Ok(Some(Self {
            name,
            ident: signature.ident.clone(),
            evaluate: options.evaluate,
            is_async: signature.asyncness.is_some(),
            takes_stub,
            parameters,
        }))
    }

    /// The entry in the table of functions.
    pub(crate) fn table_entry(&self, exact: bool) -> TokenStream {
        let name = &self.name;
        let intent = if self.evaluate { quote!(Evaluate) } else { quote!(Submit) };
        let parameters = self.parameters.iter().map(|(name, _)| name);
        quote! {
            ::hlf_shim::Function {
                name: #name,
                intent: ::hlf_shim::Intent::#intent,
                parameters: &[#(#parameters),*],
                exact: #exact,
            }
        }
    }

    /// The arm that calls it, in a match over the function's name.
    pub(crate) fn arm(&self, contract: &Type) -> TokenStream {
        let Self { name, ident, .. } = self;
        let variables: Vec<_> =
            (0..self.parameters.len()).map(|index| format_ident!("argument_{index}")).collect();
        let types = self.parameters.iter().map(|(_, ty)| ty);
        let stub = self.takes_stub.then(|| quote!(stub,));
        let wait = self.is_async.then(|| quote!(.await));
        quote! {
            #name => {
                #(
                    let #variables: #types = match arguments.take() {
                        ::core::result::Result::Ok(argument) => argument,
                        ::core::result::Result::Err(error) => return ::hlf_shim::Contract::refuse(self, error),
                    };
                )*
                ::hlf_shim::Outcome::into_response(<#contract>::#ident(self, #stub #(#variables),*) #wait)
            }
        }
    }

    /// Where to point when something is wrong with it.
    pub(crate) fn ident(&self) -> &Ident {
        &self.ident
    }
}

/// `#[transaction]`, with or without its path.
fn is_transaction(attribute: &syn::Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == "transaction")
}

fn parameter_name(pattern: &Pat, index: usize) -> String {
    match pattern {
        Pat::Ident(name) => name.ident.to_string().trim_start_matches("r#").to_owned(),
        _ => format!("param{index}"),
    }
}

/// `read_asset` is called as `ReadAsset`.
fn camel_case(name: &str) -> String {
    let words = name.trim_start_matches("r#").split('_').filter(|word| !word.is_empty());
    words.map(capitalised).collect()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
