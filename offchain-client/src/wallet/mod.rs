//! The client's wallet: opens channels, pays on them, releases them.
//!
//! A payment goes: signing thread → journal (durable) → payment stream → the vendor's acknowledgement. Signing, saving and sending
//! run beside each other on different batches. What the vendor has not acknowledged is bounded by the window, and is all that the
//! client can lose [Spec §6].
//!
//! No number is ever signed twice with different bytes: the journal takes a batch only if it follows the last one, before it is
//! sent; at every new stream the vendor's last payment is compared with the journal; what it lacks is sent again as it was stored.

mod channel;
mod config;
mod doctor;
mod ending;
mod error;
mod line;
mod machine;
mod memory;
mod moment;
mod pace;
mod pay;
mod presignatures;
mod receipts;
mod refund;
mod request;
mod restore;
mod settle;
mod signer;

use std::path::PathBuf;
use std::sync::Arc;

use lockstep_protocol::wallet_seed::WalletSeed;

pub use self::config::{BadPaymentsConfig, NewWallet, PaymentsConfig, WalletConfig};
pub use self::doctor::{Finding, NotSeen, Seen};
pub use self::ending::{Ending, Facts, ReleasedPayment, VendorLink};
pub use self::error::WalletError;
pub use self::line::{Line, LineError, terms};
pub use self::machine::{Machine, NotReleased, PaidBatch, PayError, Stop};
pub use self::moment::Moment;
pub use self::pace::{Due, Pace};
pub use self::pay::{Paid, PayOutcome};
pub use self::presignatures::Presignatures;
pub use self::receipts::AuditError;
pub use self::refund::{Refunded, refundable_from};
pub use self::request::{AskError, Asked, Wish};
pub use self::settle::Released;
pub use self::signer::Order;

use crate::ledger::Ledger;
use crate::party::Clock;
use crate::store::Journal;

/// A wallet that is open.
#[derive(Clone, Debug)]
pub struct Wallet {
    journal: Arc<dyn Journal>,
    ledger: Arc<dyn Ledger>,
    seed: Arc<WalletSeed>,
    payments: PaymentsConfig,
    clock: Clock,
    /// To which the vendors' certificate files are relative.
    folder: PathBuf,
    /// Where the vendor is now, if it has moved since the channel was opened.
    moved_to: Option<String>,
}

impl Wallet {
    /// Puts a wallet together.
    #[must_use]
    pub fn new(
        journal: Arc<dyn Journal>,
        ledger: Arc<dyn Ledger>,
        seed: WalletSeed,
        payments: PaymentsConfig,
        clock: Clock,
        folder: PathBuf,
    ) -> Self {
        Self { journal, ledger, seed: Arc::new(seed), payments, clock, folder, moved_to: None }
    }

    /// Looks for the vendor at another address than the one at which its channel was opened. Its certificate stays the pinned one.
    #[must_use]
    pub fn with_vendor_at(self, url: Option<String>) -> Self {
        Self { moved_to: url, ..self }
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &dyn Journal {
        &*self.journal
    }
}
