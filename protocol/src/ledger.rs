//! What the ledger is told, keeps and says [Spec §8]: commands, records, changes. The rules are in [`crate::rules`].

mod change;
mod command;
mod decode;
mod ending;
mod record;
mod registration;
mod statement;

pub use change::{ChannelChange, ChannelState};
pub use command::{
    Cancel, CloseByRelease, CloseByToken, Command, Freeze, FreezeReason, Open, Refund, Resolve,
};
pub use decode::{
    MAX_ARGUMENT_BYTES, arguments, decode_command, one_argument, parse_argument, text_argument,
};
pub use ending::{ClaimEntry, FreezeEntry, ReleaseEntry, ResolveEntry};
pub use record::{BadRecord, ChannelRecord, Standing};
pub use registration::{BankRegistration, RegisterBank};
pub use statement::{claim_digest, close_digest, freeze_digest, resolve_digest};
