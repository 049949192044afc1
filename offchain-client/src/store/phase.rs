//! How far a channel has got, as a role has durably written it down.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A channel's phase in a role's journal. A role restarts from this alone.
///
/// ```text
/// wallet:  Granted ─► Open ─► Released ─► Closed        Open ─► Stopped (the vendor's journal differs: never again)
///          Granted, Open ─► Stopped (the wallet comes from a copy)
///          any of them ─► Closed (refunded)
/// vendor:  Open ─► Closing ─► Released ─► Unlocked ─► Closed      Open ─► Released (the client released unasked)
///                                  Released ─► Disputed ─► Closed (a lock does not open)
///                                  Released ─► Closed (the receipts take too long: they are recovered behind the close)
///          Open, Closing, Released, Unlocked, Disputed ─► Claiming ─► Closed (by token)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Wallet: the bank has signed the opening; the ledger has not been seen to hold it.
    Granted,
    /// Payments are made and taken.
    Open,
    /// Vendor: nothing more is accepted; the release is wanted.
    Closing,
    /// The last payment's signature has been released: the wallet is about to send it, or the vendor holds it and it is good.
    Released,
    /// Vendor: all receipts are stored; the close is to be submitted.
    Unlocked,
    /// Vendor: only the close by token is left; nothing but it is signed any more.
    Claiming,
    /// The ledger has the ending.
    Closed,
    /// Wallet: the vendor's journal is not this one's, or this one is a copy; nothing is signed on this channel ever again [Spec §4, §6].
    Stopped,
    /// Vendor: a lock does not open below a good release; what was found is stored, and the close is to be submitted.
    Disputed,
}

impl Phase {
    const ALL: [Self; 9] = [
        Self::Granted,
        Self::Open,
        Self::Closing,
        Self::Released,
        Self::Unlocked,
        Self::Claiming,
        Self::Closed,
        Self::Stopped,
        Self::Disputed,
    ];

    /// The word in the journal and in `--json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Released => "released",
            Self::Unlocked => "unlocked",
            Self::Claiming => "claiming",
            Self::Closed => "closed",
            Self::Stopped => "stopped",
            Self::Disputed => "disputed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word in the journal that is no phase.
#[derive(Debug, thiserror::Error)]
#[error("the journal has an unknown phase")]
pub struct UnknownPhase;

impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(word: &str) -> Result<Self, UnknownPhase> {
        Self::ALL.into_iter().find(|phase| phase.name() == word).ok_or(UnknownPhase)
    }
}
