//! The peer's side of the conversation with a chaincode process.
//!
//! [`session`] is the state machine without any input or output; [`process`] dials the chaincode and moves messages.

pub(crate) mod calls;
pub(crate) mod process;
pub(crate) mod session;
