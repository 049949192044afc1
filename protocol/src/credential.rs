//! Credentials over salted attributes, shown as far as the holder wants [Spec §3].

mod attribute;
mod issued;

pub use attribute::{Attribute, AttributeSet, BadAttributes, MAX_ATTRIBUTES};
pub use issued::{Credential, CredentialError, Disclosure, VerifiedCredential};
