//! What a peer does: check proposals, simulate, endorse.

pub(crate) mod access;
pub(crate) mod channel;
pub(crate) mod endorser;
pub(crate) mod packages;
pub(crate) mod proposal;
mod simulation;
pub(crate) mod system;
pub(crate) mod transient;
