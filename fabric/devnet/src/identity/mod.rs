//! Who signs: certificates and roles, signatures, and the making of identities in cryptogen's layout.

pub(crate) mod certificate;
pub(crate) mod generate;
pub(crate) mod layout;
pub(crate) mod msp;
pub(crate) mod signature;
pub(crate) mod signer;

pub use generate::{GenerateError, organization};
pub use layout::OrganizationFiles;
