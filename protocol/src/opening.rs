//! Tx₀, the opening of a channel: its fields, its rules, the bank's signature [Spec §4].

mod fields;
mod request;

pub use fields::{MAX_TOKEN_COUNT, Opening, OpeningTerms, SignedOpening, VerifiedOpening};
pub use request::{Approval, OpeningMismatch, OpeningRequest, SignedRequest, VerifiedRequest};
