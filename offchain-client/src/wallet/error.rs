//! Why the wallet did not do what was asked.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::payer::{NotPayable, PayError, Poisoned};
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::Units;

use super::line::LineError;
use super::memory::MemoryError;
use super::moment::Moment;
use crate::ledger::LedgerError;
use crate::party::DriveError;
use crate::party::replay::DamagedRow;
use crate::store::{JournalError, Phase};

/// Why the wallet did not do what was asked. Each sentence says what can be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalletError {
    /// The channel is not in this wallet.
    #[error("this wallet has no channel {0}")]
    UnknownChannel(ChannelId),
    /// The channel's phase does not allow it.
    #[error("channel {channel} is {phase} in this wallet, so {verb} is not possible")]
    Phase {
        /// The channel.
        channel: ChannelId,
        /// Its phase.
        phase: Phase,
        /// What was asked for.
        verb: &'static str,
    },
    /// The ledger has no such channel yet.
    #[error("the ledger shows no channel {0} yet; try again in a moment")]
    NotOnLedger(ChannelId),
    /// Nothing was paid, so there is nothing to release.
    #[error(
        "the vendor has accepted no payment on channel {0}, so there is nothing to release; it is refunded when it expires"
    )]
    NothingPaid(ChannelId),
    /// The time lock has not run out.
    #[error("channel {channel} can be refunded from {}", Moment(*from))]
    TooEarly {
        /// The channel.
        channel: ChannelId,
        /// From when, by the client's clock.
        from: Timestamp,
    },
    /// The ledger never had the opening.
    #[error(
        "the ledger has no channel {0}, so there is nothing to refund; the bank frees its reserve by itself once the opening can come no more"
    )]
    NeverOpened(ChannelId),
    /// It ended otherwise.
    #[error(
        "channel {channel} is {state} on the ledger, so there is no refund; `lockstep client doctor` says what that means"
    )]
    Ended {
        /// The channel.
        channel: ChannelId,
        /// Its state.
        state: ChannelState,
    },
    /// The vendor asks for the release of another payment than the one that was released before.
    #[error(
        "the vendor asks for the release of another payment than the one that this wallet released; nothing is released"
    )]
    OtherRelease,
    /// The vendor has closed by token: the release came too late for it, or never. It can claim no more than it was paid.
    #[error(
        "the vendor has closed channel {channel} by token and not by a release, with {said} units as it says; `lockstep ledger channel {channel}` shows it"
    )]
    ClosedByToken {
        /// The channel.
        channel: ChannelId,
        /// The units that the vendor names.
        said: u32,
    },
    /// The vendor has closed, and the ledger says otherwise.
    #[error(
        "the vendor says that channel {channel} is closed with {said} units, and the ledger says otherwise; look at it with `lockstep ledger channel {channel}`"
    )]
    OtherClose {
        /// The channel.
        channel: ChannelId,
        /// Units by the vendor's word.
        said: u32,
    },
    /// The vendor takes fewer units at once.
    #[error("the vendor takes {} units in one payment at most", largest.as_count())]
    UnitsAboveTerms {
        /// Its bound.
        largest: Units,
    },
    /// The vendor remembers another last payment.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// The channel cannot be paid on.
    #[error(transparent)]
    NotPayable(#[from] NotPayable),
    /// A payment cannot be made.
    #[error(transparent)]
    Pay(#[from] PayError),
    /// The vendor.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A row of the journal.
    #[error(transparent)]
    Damaged(#[from] DamagedRow),
    /// The signing thread died: a defect of this program. What it signed and nobody saved was never sent.
    #[error("the signing thread died; nothing that it signed has left this machine unsaved")]
    SignerDied,
}

impl From<MemoryError> for WalletError {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::Journal(error) => Self::Journal(error),
            MemoryError::Damaged(error) => Self::Damaged(error),
        }
    }
}

impl From<DriveError> for WalletError {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Journal(error) => Self::Journal(error),
            DriveError::Gone => Self::Line(LineError::Ended),
        }
    }
}
