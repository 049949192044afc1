//! What a function gets before its arguments.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, FnArg, ReceiverKind, Signature, Type};

/// What comes between `&self` and the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Nothing,
    Stub,
    Context { mutable: bool },
}

impl First {
    /// Splits a function's inputs. A reference is the stub, unless the contract has a context of its own and the
    /// reference's type is not called `Stub`.
    pub(crate) fn split(
        signature: &Signature,
        own_context: bool,
    ) -> syn::Result<(Self, impl Iterator<Item = &FnArg>)> {
        let mut inputs = signature.inputs.iter().peekable();
        match inputs.next() {
            Some(FnArg::Receiver(receiver))
                if matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) => {}
            _ => return Err(syn::Error::new_spanned(signature, "a transaction takes `&self` first")),
        }
        let first = match inputs.peek() {
            Some(FnArg::Typed(input)) => match &*input.ty {
                Type::Reference(reference) if own_context && !is_stub(&reference.elem) => {
                    Self::Context { mutable: reference.mutability.is_some() }
                }
                Type::Reference(_) => Self::Stub,
                _ => Self::Nothing,
            },
            _ => Self::Nothing,
        };
        if first != Self::Nothing {
            inputs.next();
        }
        Ok((first, inputs))
    }

    /// What is handed over, with a comma.
    pub(crate) fn argument(self) -> TokenStream {
        match self {
            Self::Nothing => quote!(),
            Self::Stub => quote!(stub,),
            Self::Context { mutable: false } => quote!(&*context,),
            Self::Context { mutable: true } => quote!(&mut *context,),
        }
    }
}

fn is_stub(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "Stub"))
}

/// Whether this is the attribute of that name, with or without its path.
pub(crate) fn is_marked(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == name)
}

/// The `#[cfg]` of a function: where it is not, nothing that is made of it may be.
pub(crate) fn conditions(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect()
}
