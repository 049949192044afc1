//! What stands in the parentheses of the attributes.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{LitStr, Path, Type};

/// What is said about another option.
const EXPECTED: &str = "expected `name`, `title`, `version`, `description`, `license` or `contact` = \"...\", \
    `error = Type`, `context = Type` or `exact_arguments`";

/// Of `#[contract(...)]`.
#[derive(Default)]
pub(crate) struct ContractOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) error: Option<Path>,
    pub(crate) context: Option<Type>,
    pub(crate) title: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) license: Option<LitStr>,
    pub(crate) contact: Option<LitStr>,
    pub(crate) exact_arguments: bool,
}

impl ContractOptions {
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let mut options = Self::default();
        let parser = syn::meta::parser(|meta| {
            let texts = [
                ("name", &mut options.name),
                ("title", &mut options.title),
                ("version", &mut options.version),
                ("description", &mut options.description),
                ("license", &mut options.license),
                ("contact", &mut options.contact),
            ];
            if let Some((_, text)) = texts.into_iter().find(|(name, _)| meta.path.is_ident(name)) {
                set(text, &meta, |meta| meta.value()?.parse())
            } else if meta.path.is_ident("context") {
                set(&mut options.context, &meta, |meta| meta.value()?.parse())
            } else if meta.path.is_ident("error") {
                set(&mut options.error, &meta, |meta| meta.value()?.parse())
            } else if meta.path.is_ident("exact_arguments") {
                options.exact_arguments = true;
                Ok(())
            } else {
                Err(meta.error(EXPECTED))
            }
        });
        parser.parse2(tokens)?;
        Ok(options)
    }
}

impl ContractOptions {
    /// The method `refuse`, if the contract has an error of its own.
    pub(crate) fn refuse(&self) -> Option<TokenStream> {
        let error = self.error.as_ref()?;
        Some(quote! {
            fn refuse(&self, error: ::hlf_shim::CallError) -> ::hlf_shim::Response {
                let error = <#error as ::core::convert::From<::hlf_shim::CallError>>::from(error);
                ::hlf_shim::Response::error(::std::string::ToString::to_string(&error))
            }
        })
    }

    /// The method `info`, if there is anything to say.
    pub(crate) fn info(&self) -> Option<TokenStream> {
        let texts = [&self.title, &self.version, &self.description, &self.license, &self.contact];
        if texts.iter().all(|text| text.is_none()) {
            return None;
        }
        let set = |method: &str, text: &Option<LitStr>| {
            let method = format_ident!("with_{method}");
            text.as_ref().map(|text| quote!(.#method(#text)))
        };
        let named = |method: &str, text: &Option<LitStr>, ty: TokenStream| {
            let method = format_ident!("with_{method}");
            let set = |name| quote!(.#method(<#ty as ::core::default::Default>::default().with_name(#name)));
            text.as_ref().map(set)
        };
        let (title, version) = (set("title", &self.title), set("version", &self.version));
        let description = set("description", &self.description);
        let license = named("license", &self.license, quote!(::hlf_shim::License));
        let contact = named("contact", &self.contact, quote!(::hlf_shim::Contact));
        Some(quote! {
            fn info(&self) -> ::hlf_shim::Info {
                <::hlf_shim::Info as ::core::default::Default>::default()
                    #title #version #description #license #contact
            }
        })
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
