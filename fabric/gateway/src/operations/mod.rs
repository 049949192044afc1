//! What operators ask of a network: a channel's chain, and one peer's own matters.

mod block;
mod error;
mod ledger;
mod peer;

pub use block::{BlockTransaction, block_transactions};
pub use error::{PeerError, QueryError};
pub use ledger::{ChainInfo, ChannelLedger};
pub use peer::{InstalledPackage, PeerAdmin};
