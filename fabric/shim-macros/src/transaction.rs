//! One function of a contract.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, FnArg, Ident, ImplItemFn, Pat, ReturnType, Type};

use crate::first::{First, conditions, is_marked};
use crate::options::TransactionOptions;

/// A function that clients can call.
pub(crate) struct Transaction {
    /// The name that it is called by.
    pub(crate) name: String,
    ident: Ident,
    evaluate: bool,
    is_async: bool,
    first: First,
    parameters: Vec<(String, Type)>,
    returns: Type,
    /// Its `#[cfg]`: where the function is not, nothing of it is.
    pub(crate) conditions: Vec<Attribute>,
}

impl Transaction {
    /// Reads a function and takes its attribute off; `None` if it has none.
    pub(crate) fn take(function: &mut ImplItemFn, own_context: bool) -> syn::Result<Option<Self>> {
        let Some(position) = function.attrs.iter().position(|mark| is_marked(mark, "transaction")) else {
            return Ok(None);
        };
        let options = TransactionOptions::parse(&function.attrs.remove(position))?;
        let signature = &function.sig;
        if !signature.generics.params.is_empty() {
            return Err(syn::Error::new_spanned(
                &signature.generics,
                "a transaction has no generic parameters",
            ));
        }
        let (first, rest) = First::split(signature, own_context)?;
        let mut parameters = Vec::new();
        for (index, input) in rest.enumerate() {
            let FnArg::Typed(input) = input else { continue };
            match &*input.ty {
                Type::Reference(_) => {
                    let message = "arguments are taken by value; only `&Stub` or the context, the first, is a reference";
                    return Err(syn::Error::new_spanned(&input.ty, message));
                }
                ty => parameters.push((parameter_name(&input.pat, index), ty.clone())),
            }
        }
        let returns = match &signature.output {
            ReturnType::Type(_, ty) => (**ty).clone(),
            ReturnType::Default => syn::parse_quote!(()),
        };
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
            first,
            parameters,
            returns,
            conditions: conditions(&function.attrs),
        }))
    }

    /// The entry in the table of functions.
    pub(crate) fn table_entry(&self, exact: bool) -> TokenStream {
        let Self { name, conditions, .. } = self;
        let intent = if self.evaluate { quote!(Evaluate) } else { quote!(Submit) };
        let parameters = self.parameters.iter().map(|(name, _)| name);
        let types = self.parameters.iter().map(|(_, ty)| ty);
        let returns = &self.returns;
        quote! {
            #(#conditions)*
            ::hlf_shim::Function::new(
                #name,
                ::hlf_shim::Intent::#intent,
                &[#(#parameters),*],
                |schemas| {
                    #[allow(unused_imports, reason = "which of the two is used depends on the types")]
                    use ::hlf_shim::expansion::{Described as _, Undescribed as _};
                    let _ = &schemas;
                    ::hlf_shim::Signature::default()
                        #(.with_parameter((&::hlf_shim::expansion::Probe::<#types>::new()).schema(schemas)))*
                        .with_result((&::hlf_shim::expansion::Probe::<
                            <#returns as ::hlf_shim::Outcome>::Value
                        >::new()).schema(schemas))
                },
            )
            .exact(#exact)
        }
    }

    /// The arm that calls it, in a match over the function's name.
    pub(crate) fn arm(&self, contract: &Type) -> TokenStream {
        let Self { name, ident, conditions, .. } = self;
        let variables: Vec<_> =
            (0..self.parameters.len()).map(|index| format_ident!("argument_{index}")).collect();
        let types = self.parameters.iter().map(|(_, ty)| ty);
        let stub = self.first.argument();
        let wait = self.is_async.then(|| quote!(.await));
        quote! {
            #(#conditions)*
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
