//! How a transaction ended.

use std::fmt;

use hlf_proto::protos::TxValidationCode;

/// What the peers found when they validated a transaction. Only valid transactions change the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ValidationCode(i32);

impl ValidationCode {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }

    /// The code, if it is one that this version of the crate knows.
    #[must_use]
    pub fn known(self) -> Option<TxValidationCode> {
        TxValidationCode::try_from(self.0).ok()
    }

    /// Whether the transaction is valid.
    #[must_use]
    pub fn is_valid(self) -> bool {
        self.known() == Some(TxValidationCode::Valid)
    }
}

impl From<i32> for ValidationCode {
    fn from(number: i32) -> Self {
        Self(number)
    }
}

impl From<TxValidationCode> for ValidationCode {
    fn from(code: TxValidationCode) -> Self {
        Self(code.into())
    }
}

/// `MVCC_READ_CONFLICT (11)`.
impl fmt::Display for ValidationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.known().map_or("unknown", |code| code.as_str_name());
        write!(f, "{name} ({})", self.0)
    }
}

impl fmt::Debug for ValidationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
