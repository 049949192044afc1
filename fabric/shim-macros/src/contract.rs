//! An `impl` block that becomes a contract.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ItemImpl, Type};

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
    let mut transactions = Vec::new();
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            transactions.extend(Transaction::take(function)?);
        }
    }
    check_names(&transactions)?;

    let name = match &options.name {
        Some(name) => name.value(),
        None => type_name(&block.self_ty)?,
    };
    let contract = &block.self_ty;
    let (generics, _, bounds) = block.generics.split_for_impl();
    let table = transactions.iter().map(|transaction| transaction.table_entry(options.exact_arguments));
    let arms = transactions.iter().map(|transaction| transaction.arm(contract));
    let refuse = options.error.as_ref().map(|error| {
        quote! {
            fn refuse(&self, error: ::hlf_shim::CallError) -> ::hlf_shim::Response {
                let error = <#error as ::core::convert::From<::hlf_shim::CallError>>::from(error);
                ::hlf_shim::Response::error(::std::string::ToString::to_string(&error))
            }
        }
    });
    Ok(quote! {
        #block

        impl #generics ::hlf_shim::Contract for #contract #bounds {
            fn name(&self) -> &'static str {
                #name
            }

            fn functions(&self) -> &'static [::hlf_shim::Function] {
                const { &[#(#table),*] }
            }

            async fn call(
                &self,
                function: &'static ::hlf_shim::Function,
                arguments: &[::std::vec::Vec<u8>],
                stub: &::hlf_shim::Stub,
            ) -> ::hlf_shim::Response {
                let _ = stub;
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

            #refuse
        }
    })
}

/// Clients may write the first letter in either case, so names must differ in more than that.
fn check_names(transactions: &[Transaction]) -> syn::Result<()> {
    let mut names = BTreeSet::new();
    for transaction in transactions {
        let (first, rest) = transaction.name.split_at_checked(1).unwrap_or(("", &transaction.name));
        if !names.insert((first.to_ascii_lowercase(), rest)) {
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
