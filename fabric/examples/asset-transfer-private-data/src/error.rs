//! Why a call fails, in the sample's words.

use hlf_shim::{IdentityError, KeyError, LedgerError, ProposalError, UnknownLocalMsp};

#[derive(Debug, thiserror::Error)]
pub(crate) enum AssetError {
    #[error("{0}")]
    NotInTransient(&'static str),
    #[error("error getting transient: {0}")]
    Transient(#[from] ProposalError),
    #[error("failed to unmarshal JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0} field must be a non-empty string")]
    Empty(&'static str),
    #[error("{0} field must be a positive integer")]
    NotPositive(&'static str),
    #[error("this asset already exists: {0}")]
    Exists(String),
    #[error("{0} does not exist")]
    Absent(String),
    #[error("asset not found: {0}")]
    NotFound(String),
    #[error("asset not found in owner's private Collection {collection}: {id}")]
    NotOwned { collection: String, id: String },
    #[error("asset's transfer_agreement does not exist: {0}")]
    NoAgreement(String),
    #[error("failed getting the client's identity: {0}")]
    Identity(#[from] IdentityError),
    #[error("{function} cannot be performed: Error {source}")]
    NotOnOwnPeer { function: &'static str, source: PeerError },
    #[error("failed transfer verification: {0}")]
    Verification(#[from] VerificationError),
    #[error("failed to {action}: {source}")]
    Ledger { action: &'static str, source: LedgerError },
    #[error("failed to create composite key: {0}")]
    Key(#[from] KeyError),
    #[error(transparent)]
    Query(#[from] LedgerError),
}

/// Why a client may not use this peer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error("failed getting the peer's MSPID: {0}")]
    Unknown(#[from] UnknownLocalMsp),
    #[error(
        "client from org {client} is not authorized to read or write private data from an org {peer} peer"
    )]
    Other { client: String, peer: String },
}

/// Why an asset cannot change hands.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerificationError {
    #[error("error: submitting client identity does not own asset")]
    NotTheOwner,
    #[error("failed to get hash of appraised value from collection {collection}: {source}")]
    Hash { collection: String, source: LedgerError },
    #[error("hash of appraised value for {id} does not exist in collection {collection}")]
    NoOwnersValue { id: String, collection: String },
    #[error(
        "hash of appraised value for {id} does not exist in collection {collection}. AgreeToTransfer must be called by the buyer first"
    )]
    NoBuyersValue { id: String, collection: String },
    #[error("hash for appraised value for owner {owner} does not value for seller {buyer}")]
    Different { owner: String, buyer: String },
}

/// Says what was tried when the ledger refused.
pub(crate) trait Tried<T> {
    fn tried(self, action: &'static str) -> Result<T, AssetError>;
}

impl<T> Tried<T> for Result<T, LedgerError> {
    fn tried(self, action: &'static str) -> Result<T, AssetError> {
        self.map_err(|source| AssetError::Ledger { action, source })
    }
}
