//! What a wallet and a vendor have in common: the bank that they use, and how their configurations are written.

mod clock;
mod effects;
pub mod replay;
pub mod transcript;
mod values;

use std::path::PathBuf;

use lockstep_protocol::key::PublicKey;
use serde::{Deserialize, Serialize};

pub use self::clock::Clock;
pub use self::effects::{DriveError, Driver, Effects};
pub use self::values::{Dollars, NotASpan, Span};

/// File of the account key in a home folder: PKCS#8 in PEM.
pub const ACCOUNT_KEY_FILE: &str = "account-key.pem";
/// File of the bank's pinned certificate in a home folder.
pub const BANK_CERTIFICATE_FILE: &str = "bank-cert.pem";
/// File of the newest credential in a home folder.
pub const CREDENTIAL_FILE: &str = "credential.json";
/// File of the journal in a home folder.
pub const JOURNAL_FILE: &str = "journal.db";

/// The bank at which a party has its account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankLink {
    /// `https://host:port`.
    pub url: String,
    /// PEM file with the bank's TLS certificate; relative to the home folder, or absolute.
    pub certificate: PathBuf,
    /// The bank's key on the ledger, pinned when the home was made.
    pub key: PublicKey,
}
