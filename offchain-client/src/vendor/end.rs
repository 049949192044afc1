//! Why a payment stream ends.

use lockstep_protocol::refusal::Refusal;

use super::repeats::RepeatError;
use super::take::NotTaken;
use crate::party::DriveError;
use crate::party::replay::DamagedRow;
use crate::store::JournalError;

/// Why a stream ends.
#[derive(Debug)]
pub(super) enum End {
    /// The client has gone, or what it asked for is done.
    Quiet,
    /// It is told why.
    Refuse(Refusal),
    /// The journal.
    Journal(JournalError),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<JournalError> for End {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<DamagedRow> for End {
    fn from(error: DamagedRow) -> Self {
        tracing::error!(%error, "a channel cannot go on");
        Self::Refuse(Refusal::VendorUnavailable)
    }
}

impl From<RepeatError> for End {
    fn from(error: RepeatError) -> Self {
        match error {
            RepeatError::Journal(error) => error.into(),
            RepeatError::Damaged(error) => error.into(),
            RepeatError::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<NotTaken> for End {
    fn from(error: NotTaken) -> Self {
        match error {
            NotTaken::Journal(error) => error.into(),
            NotTaken::Damaged(error) => error.into(),
            NotTaken::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<DriveError> for End {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Journal(error) => Self::Journal(error),
            DriveError::Gone => Self::Quiet,
        }
    }
}
