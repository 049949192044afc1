//! What somebody has the ledger do to a channel.

use lockstep_protocol::refusal::Refusal;
use proptest::prelude::*;

use super::world::{Granted, World};
use crate::ledger::LedgerEvent;

/// A function of the contract, with the units that it names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Submission {
    Open,
    Cancel,
    Release(u32),
    Token(u32),
    Refund,
    Freeze,
    Resolve(u32),
}

impl Submission {
    /// The units that it names.
    pub(super) fn units(self) -> u32 {
        match self {
            Self::Release(units) | Self::Token(units) | Self::Resolve(units) => units,
            Self::Open | Self::Cancel | Self::Refund | Self::Freeze => 0,
        }
    }
}

/// Anything that may happen to a channel which is open, of fewer units than `below`.
pub(super) fn submission(below: u32) -> impl Strategy<Value = Submission> {
    prop_oneof![
        1 => Just(Submission::Cancel),
        3 => (0..below).prop_map(Submission::Release),
        3 => (0..below).prop_map(Submission::Token),
        1 => Just(Submission::Refund),
        2 => Just(Submission::Freeze),
        2 => (0..below).prop_map(Submission::Resolve),
    ]
}

impl World {
    /// What the ledger makes of it: the event, none if it is the same again, or a refusal.
    pub(super) fn submit(
        &self,
        granted: &mut Granted,
        submission: Submission,
    ) -> Result<Option<LedgerEvent>, Refusal> {
        match submission {
            Submission::Open => self.open(granted),
            Submission::Cancel => self.cancel(granted),
            Submission::Release(units) => self.close_by_release(granted, units),
            Submission::Token(units) => self.close_by_token(granted, units),
            Submission::Refund => self.refund(granted),
            Submission::Freeze => self.freeze(granted),
            Submission::Resolve(units) => self.resolve(granted, units),
        }
    }
}
