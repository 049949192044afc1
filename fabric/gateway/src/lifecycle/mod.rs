//! Putting chaincode on a channel, without the `peer` program.
//!
//! ```text
//! Package ──install on each peer──► PackageId
//! Definition ──approve, per organisation──► readiness ──commit, once──► committed
//! ```

mod collections;
mod definition;
mod error;
mod gzip;
mod package;
mod policy;
mod service;
mod steps;

pub use collections::Collections;
pub use definition::{ApprovedDefinition, CommittedDefinition, Definition, Readiness};
pub use error::{CollectionsError, PackageError, PolicyError};
pub use package::{Package, PackageBuilder, PackageId};
pub use policy::Policy;
pub use service::ChaincodeServer;
pub use steps::Lifecycle;
