//! States of a channel on the ledger and the changes that events announce [Spec §8].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::hash::ChannelId;

/// Where a channel stands: `– → Open | Cancelled` · `Open → Closed | Refunded | Frozen` · `Frozen → Claimed | Resolved` ·
/// `Claimed → Resolved`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelState {
    /// Payments may be made on it.
    Open,
    /// Its opening never reached the ledger, and never will.
    Cancelled,
    /// Settled by release or by token.
    Closed,
    /// Expired, all to the client.
    Refunded,
    /// The bank withholds the total.
    Frozen,
    /// Frozen, and the vendor has its claim.
    Claimed,
    /// Frozen, and the bank said who gets the rest.
    Resolved,
}

impl ChannelState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Cancelled,
        Self::Closed,
        Self::Refunded,
        Self::Frozen,
        Self::Claimed,
        Self::Resolved,
    ];

    /// The name as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Cancelled => "cancelled",
            Self::Closed => "closed",
            Self::Refunded => "refunded",
            Self::Frozen => "frozen",
            Self::Claimed => "claimed",
            Self::Resolved => "resolved",
        }
    }

    /// Name of the event that announces this state.
    #[must_use]
    pub const fn event_name(self) -> &'static str {
        match self {
            Self::Open => "ChannelOpened",
            Self::Cancelled => "ChannelCancelled",
            Self::Closed => "ChannelClosed",
            Self::Refunded => "ChannelRefunded",
            Self::Frozen => "ChannelFrozen",
            Self::Claimed => "ChannelClaimed",
            Self::Resolved => "ChannelResolved",
        }
    }
}

impl fmt::Display for ChannelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One change on the ledger. An event's payload is a JSON array of these; (channel, state) identifies one [Spec §9].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelChange {
    /// The channel.
    pub channel_id: ChannelId,
    /// The state that it entered.
    pub state: ChannelState,
    /// What this change gives the vendor.
    pub to_vendor: Amount,
    /// What this change gives back to the client.
    pub to_client: Amount,
    /// What stays withheld after this change.
    pub withheld: Amount,
}
