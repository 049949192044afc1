//! What is wrong with a package, a policy or collections.

use std::io;

use thiserror::Error;

/// Why something is not a chaincode package.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackageError {
    /// A label is letters, digits and `.+-_`, and begins with a letter or digit.
    #[error(
        "{label:?} is no label of a package: it must be letters, digits and any of .+-_, beginning with a letter or digit"
    )]
    Label {
        /// What was given.
        label: String,
    },
    /// A file's name does not stand in the package's format, or stands there twice.
    #[error("{name:?} cannot be the name of a file in a package")]
    FileName {
        /// What was given.
        name: String,
    },
    /// The bytes are not a tar archive under gzip.
    #[error("not a chaincode package")]
    Unreadable(#[source] io::Error),
    /// The package's metadata.json is missing, too large, or has no label.
    #[error("the package has no usable metadata.json")]
    Metadata,
}

/// Why a text is not a signature policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a signature policy, at byte {at}: {expected}")]
pub struct PolicyError {
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

/// Why a text does not describe collections of private data.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CollectionsError {
    /// It is not JSON of the right shape.
    #[error("not a description of collections")]
    Json(#[source] serde_json::Error),
    /// A policy in it is none.
    #[error("the policy of collection {collection:?} cannot be read")]
    Policy {
        /// The collection's name.
        collection: String,
        /// What is wrong with it.
        #[source]
        source: PolicyError,
    },
}
