//! What the contract's reads take and give [Spec §8].

use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::TransactionId;

/// Whose channels [`super::Ledger::channels`] lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// All that this bank signed.
    Bank(PublicKey),
    /// Those under this payment key of a client: one for each bank at most.
    Client(PublicKey),
    /// All that pay this vendor.
    Vendor(PublicKey),
}

impl Party {
    /// The contract's word for the role.
    #[must_use]
    pub fn role(&self) -> &'static str {
        match self {
            Self::Bank(_) => "bank",
            Self::Client(_) => "client",
            Self::Vendor(_) => "vendor",
        }
    }

    /// The party's key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::Bank(key) | Self::Client(key) | Self::Vendor(key) => key,
        }
    }
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Most channels to give, 1..=100.
    pub size: u32,
    /// Where the page before ended, as its [`ChannelPage::bookmark`] says; empty for the first page.
    pub bookmark: String,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { size: 100, bookmark: String::new() }
    }
}

/// A page of channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelPage {
    /// The records, in the order of their ids.
    pub channels: Vec<ChannelRecord>,
    /// Where the next page starts; empty if this was the last one.
    pub bookmark: String,
}

/// One version of a channel's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The transaction that wrote it.
    pub tx_id: TransactionId,
    /// That transaction's timestamp.
    pub timestamp: Timestamp,
    /// What it wrote. The contract never deletes a record, so this is there.
    pub record: Option<ChannelRecord>,
}
