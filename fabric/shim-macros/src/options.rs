//! What stands in the parentheses of the attributes.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{LitStr, Path};

/// Of `#[contract(...)]`.
#[derive(Default)]
pub(crate) struct ContractOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) error: Option<Path>,
    pub(crate) exact_arguments: bool,
}

impl ContractOptions {
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let mut options = Self::default();
        let parser = syn::meta::parser(|meta| {
            if meta.path.is_ident("name") {
                set(&mut options.name, &meta, |meta| meta.value()?.parse())
            } else if meta.path.is_ident("error") {
                set(&mut options.error, &meta, |meta| meta.value()?.parse())
            } else if meta.path.is_ident("exact_arguments") {
                options.exact_arguments = true;
                Ok(())
            } else {
                Err(meta.error("expected `name = \"...\"`, `error = Type` or `exact_arguments`"))
            }
        });
        parser.parse2(tokens)?;
        Ok(options)
    }
}

/// Of `#[transaction(...)]`.
#[derive(Default)]
pub(crate) struct TransactionOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) evaluate: bool,
}

impl TransactionOptions {
    /// Reads the attribute itself, with or without parentheses.
    pub(crate) fn parse(attribute: &syn::Attribute) -> syn::Result<Self> {
        let mut options = Self::default();
        if matches!(attribute.meta, syn::Meta::Path(_)) {
            return Ok(options);
        }
        let mut intent = None;
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                set(&mut options.name, &meta, |meta| meta.value()?.parse())
            } else if meta.path.is_ident("evaluate") || meta.path.is_ident("submit") {
                set(&mut intent, &meta, |meta| Ok(meta.path.is_ident("evaluate")))
            } else {
                Err(meta.error("expected `evaluate`, `submit` or `name = \"...\"`"))
            }
        })?;
        options.evaluate = intent.unwrap_or(false);
        Ok(options)
    }
}

fn set<T>(
    option: &mut Option<T>,
    meta: &ParseNestedMeta<'_>,
    parse: impl FnOnce(&ParseNestedMeta<'_>) -> syn::Result<T>,
) -> syn::Result<()> {
    let value = parse(meta)?;
    match option.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("given twice")),
    }
}
