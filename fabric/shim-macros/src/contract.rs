//! An `impl` block that becomes a contract.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ItemImpl, Type};

use crate::hook::Hook;
use crate::options::ContractOptions;
use crate::transaction::Transaction;

/// The block as it was, without the marks, and the implementation of `Contract`.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let options = ContractOptions::parse(options)?;
    let mut block: ItemImpl = syn::parse2(item)?;
    if block.trait_.is_some() {
        return Err(syn::Error::new_spanned(
            &block.self_ty,
            "#[contract] belongs on an impl block without a trait",
        ));
    }
    let own_context = options.context.is_some();
    let mut transactions = Vec::new();
    let mut hooks: Vec<Hook> = Vec::new();
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            transactions.extend(Transaction::take(function, own_context)?);
            hooks.extend(Hook::take(function, own_context)?);
        }
    }
    check_names(&transactions)?;
    check_hooks(&hooks)?;

    let name = match &options.name {
        Some(name) => name.value(),
        None => type_name(&block.self_ty)?,
    };
    let contract = &block.self_ty;
    let (generics, _, bounds) = block.generics.split_for_impl();
    let table = transactions.iter().map(|transaction| transaction.table_entry(options.exact_arguments));
    let arms = transactions.iter().map(|transaction| transaction.arm(contract));
    let hooks = hooks.iter().map(|hook| hook.method(contract));
    let info = options.info();
    let context = options.context.as_ref().map_or_else(|| quote!(::hlf_shim::Stub), |ty| quote!(#ty));
    let refuse = options.refuse();
    Ok(quote! {
        #block

        impl #generics ::hlf_shim::Contract for #contract #bounds {
            type Context = #context;

            fn name(&self) -> &'static str {
                #name
            }

            #info

            fn functions(&self) -> &'static [::hlf_shim::Function] {
                const { &[#(#table),*] }
            }

            async fn call(
                &self,
                function: &'static ::hlf_shim::Function,
                arguments: &[::std::vec::Vec<u8>],
                stub: &::hlf_shim::Stub,
                context: &mut Self::Context,
            ) -> ::hlf_shim::Response {
                let _ = (stub, &context);
                let mut arguments = ::hlf_shim::Arguments::new(function, arguments);
                let _ = &mut arguments;
                match function.name {
                    #(#arms)*
                    unknown => {
                        let error = ::hlf_shim::CallError::UnknownFunction {
                            function: ::std::string::ToString::to_string(unknown),
                            contract: ::hlf_shim::Contract::name(self),
                        };
                        ::hlf_shim::Contract::refuse(self, error)
                    }
                }
            }

            #(#hooks)*

            #refuse
        }
    })
}

/// There is one of each kind. Where each depends on a `#[cfg]` they may be alternatives; the compiler finds those that are not.
fn check_hooks(hooks: &[Hook]) -> syn::Result<()> {
    let twice = hooks.iter().enumerate().find(|(index, hook)| {
        hooks.iter().take(*index).any(|other| {
            let alternatives = !hook.conditions.is_empty() && !other.conditions.is_empty();
            other.kind == hook.kind && !alternatives
        })
    });
    match twice {
        Some((_, hook)) => Err(syn::Error::new_spanned(&hook.function, "there is another one of this kind")),
        None => Ok(()),
    }
}

/// Clients may write the first letter in either case, so names must differ in more than that, unless they are alternatives,
/// each with a `#[cfg]`.
fn check_names(transactions: &[Transaction]) -> syn::Result<()> {
    let mut names = BTreeMap::new();
    for transaction in transactions {
        let (first, rest) = transaction.name.split_at_checked(1).unwrap_or(("", &transaction.name));
        let conditional = !transaction.conditions.is_empty();
        let other = names.insert((first.to_ascii_lowercase(), rest), conditional);
        if other.is_some_and(|other| !(other && conditional)) {
            let message = format!("there are two transactions with the name {:?}", transaction.name);
            return Err(syn::Error::new_spanned(transaction.ident(), message));
        }
    }
    Ok(())
}

fn type_name(ty: &Type) -> syn::Result<String> {
    let name = match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    };
    name.ok_or_else(|| syn::Error::new_spanned(ty, "name the contract: #[contract(name = \"...\")]"))
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    /// What the compiler would say.
    fn error(options: TokenStream, functions: TokenStream) -> String {
        expand(options, quote!(impl Assets { #functions })).unwrap_err().to_string()
    }

    #[test]
    fn the_block_keeps_its_functions_and_loses_the_marks() {
        let functions = quote! {
            /// Doc.
            #[transaction(evaluate)]
            async fn read_asset(&self, stub: &Stub, id: String) -> Result<(), E> { todo() }
            fn helper(&self) {}
        };
        let expanded = expand(quote!(), quote!(impl Assets { #functions })).unwrap().to_string();
        assert!(expanded.contains("async fn read_asset") && expanded.contains("fn helper"));
        assert!(expanded.contains("\"ReadAsset\"") && !expanded.contains("transaction (evaluate)"));
        assert!(expanded.contains("\"Assets\"") && !expanded.contains("\"Helper\""));
        assert!(!expanded.contains("fn refuse"));
    }

    #[test]
    fn functions_with_conditions_may_be_alternatives() {
        let alternatives = quote!(
            #[cfg(unix)]
            #[transaction]
            fn read(&self) -> R {}
            #[cfg(not(unix))]
            #[transaction]
            fn read(&self) -> R {}
            #[cfg(unix)]
            #[before_transaction]
            fn first(&self) -> R {}
            #[before_transaction]
            #[cfg(not(unix))]
            fn first(&self) -> R {}
        );
        let expanded = expand(quote!(), quote!(impl Assets { #alternatives })).unwrap().to_string();
        // The function, its entry and its arm; the hook and the method that calls it.
        assert_eq!(expanded.matches("cfg (unix)").count(), 5, "{expanded}");
        assert_eq!(expanded.matches("cfg (not (unix))").count(), 5);
        let always = quote!(
            #[cfg(unix)]
            #[transaction]
            fn read(&self) -> R {}
            #[transaction(name = "Read")]
            fn other(&self) -> R {}
        );
        assert_eq!(error(quote!(), always), "there are two transactions with the name \"Read\"");
    }

    #[test]
    fn mistakes_are_named() {
        let two = quote!(
            #[transaction]
            fn read(&self) -> R {}
            #[transaction(name = "read")]
            fn other(&self) -> R {}
        );
        assert_eq!(error(quote!(), two), "there are two transactions with the name \"read\"");
        let by_value = quote!(
            #[transaction]
            fn read(self) -> R {}
        );
        assert_eq!(error(quote!(), by_value), "a transaction takes `&self` first");
        let mutable = quote!(
            #[transaction]
            fn read(&mut self) -> R {}
        );
        assert_eq!(error(quote!(), mutable), "a transaction takes `&self` first");
        let twice = quote!(
            #[before_transaction]
            fn first(&self) -> R {}
            #[before_transaction]
            fn second(&self) -> R {}
        );
        assert_eq!(error(quote!(), twice), "there is another one of this kind");
        let arguments = quote!(
            #[before_transaction]
            fn first(&self, stub: &Stub, id: String) -> R {}
        );
        assert!(error(quote!(), arguments).starts_with("before_transaction takes the context"));
        let borrowed = quote!(
            #[transaction]
            fn read(&self, stub: &Stub, id: &str) -> R {}
        );
        assert!(error(quote!(), borrowed).starts_with("arguments are taken by value"));
        let generic = quote!(
            #[transaction]
            fn read<T>(&self, id: T) -> R {}
        );
        assert_eq!(error(quote!(), generic), "a transaction has no generic parameters");
        let colon = quote!(
            #[transaction(name = "a:b")]
            fn read(&self) -> R {}
        );
        assert!(error(quote!(), colon).contains("no colon"));
        assert!(error(quote!(nam = "a"), quote!()).starts_with("expected `name"));
        assert_eq!(error(quote!(name = "a", name = "b"), quote!()), "given twice");
        let both = quote!(
            #[transaction(submit, evaluate)]
            fn read(&self) -> R {}
        );
        assert_eq!(error(quote!(), both), "given twice");
        let on_trait = expand(quote!(), quote!(impl Read for Assets {})).unwrap_err();
        assert!(on_trait.to_string().contains("without a trait"));
    }
}
