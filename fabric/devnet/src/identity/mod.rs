//! Who signs: certificates and roles, signatures, and the making of identities in cryptogen's layout.

pub(crate) mod certificate;
pub mod generate;
pub mod layout;
pub mod msp;
pub mod signature;
pub mod signer;
