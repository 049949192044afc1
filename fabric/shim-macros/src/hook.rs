//! What runs before and after a contract's functions, and in place of one that is not there.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, FnArg, ImplItemFn, Type};

use crate::first::{First, conditions, is_marked};

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Before,
    After,
    Unknown,
}

/// A function that is marked as one.
pub(crate) struct Hook {
    pub(crate) kind: Kind,
    pub(crate) function: syn::Ident,
    first: First,
    is_async: bool,
    takes_second: bool,
    /// Its `#[cfg]`.
    pub(crate) conditions: Vec<Attribute>,
}

impl Hook {
    /// Reads a function and takes its attribute off; `None` if it has none.
    pub(crate) fn take(function: &mut ImplItemFn, own_context: bool) -> syn::Result<Option<Self>> {
        let kinds = [
            ("before_transaction", Kind::Before),
            ("after_transaction", Kind::After),
            ("unknown_transaction", Kind::Unknown),
        ];
        let mark = kinds.into_iter().find_map(|(name, kind)| {
            Some((function.attrs.iter().position(|attribute| is_marked(attribute, name))?, kind))
        });
        let Some((position, kind)) = mark else { return Ok(None) };
        function.attrs.remove(position);

        let signature = &function.sig;
        let (mut first, rest) = First::split(signature, own_context)?;
        let mut rest: Vec<_> = rest.collect();
        // `&Response` or `&str` right after `&self` is not the context.
        if let Some(FnArg::Typed(input)) = signature.inputs.iter().nth(1)
            && is_second(&input.ty)
        {
            first = First::Nothing;
            rest = signature.inputs.iter().skip(1).collect();
        }
        let takes_second = match rest[..] {
            [] => false,
            [_] if kind != Kind::Before => true,
            _ => {
                let message = "before_transaction takes the context, after_transaction also `&Response`, \
                    unknown_transaction also the name as `&str`";
                return Err(syn::Error::new_spanned(signature, message));
            }
        };
        let is_async = signature.asyncness.is_some();
        let conditions = conditions(&function.attrs);
        Ok(Some(Self { kind, function: signature.ident.clone(), first, is_async, takes_second, conditions }))
    }

    /// The method of `Contract` that calls it.
    pub(crate) fn method(&self, contract: &Type) -> TokenStream {
        let function = &self.function;
        let first = self.first.argument();
        let wait = self.is_async.then(|| quote!(.await));
        let second = |name: TokenStream| self.takes_second.then_some(name);
        let conditions = &self.conditions;
        let method = match self.kind {
            Kind::Before => quote! {
                async fn before(
                    &self,
                    stub: &::hlf_shim::Stub,
                    context: &mut Self::Context,
                ) -> ::core::result::Result<(), ::hlf_shim::Response> {
                    let _ = (stub, &context);
                    ::hlf_shim::Outcome::into_response(<#contract>::#function(self, #first) #wait).ok()
                }
            },
            Kind::After => {
                let second = second(quote!(response));
                quote! {
                    async fn after(
                        &self,
                        stub: &::hlf_shim::Stub,
                        context: &mut Self::Context,
                        response: &::hlf_shim::Response,
                    ) -> ::core::result::Result<(), ::hlf_shim::Response> {
                        let _ = (stub, &context, response);
                        ::hlf_shim::Outcome::into_response(<#contract>::#function(self, #first #second) #wait).ok()
                    }
                }
            }
            Kind::Unknown => {
                let second = second(quote!(function));
                quote! {
                    async fn unknown(
                        &self,
                        stub: &::hlf_shim::Stub,
                        context: &mut Self::Context,
                        function: &str,
                    ) -> ::core::option::Option<::hlf_shim::Response> {
                        let _ = (stub, &context, function);
                        let outcome = <#contract>::#function(self, #first #second) #wait;
                        ::core::option::Option::Some(::hlf_shim::Outcome::into_response(outcome))
                    }
                }
            }
        };
        quote!(#(#conditions)* #method)
    }
}

fn is_second(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    match &*reference.elem {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "Response" || segment.ident == "str"),
        _ => false,
    }
}
