//! Collections of private data, as a chaincode's definition names them.

use std::collections::BTreeSet;

/// A collection, by name and members.
///
/// ```
/// use hlf_shim::testing::Collection;
///
/// let shared = Collection::new("assets", ["Org1MSP", "Org2MSP"]).member_only_read().member_only_write();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    pub(super) name: String,
    pub(super) members: BTreeSet<String>,
    pub(super) member_only_read: bool,
    pub(super) member_only_write: bool,
}

impl Collection {
    /// A collection of these organisations, which everybody may read and write through their peers.
    pub fn new<I>(name: impl Into<String>, members: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let members = members.into_iter().map(Into::into).collect();
        Self { name: name.into(), members, member_only_read: false, member_only_write: false }
    }

    /// Only clients of the members may read.
    #[must_use]
    pub fn member_only_read(mut self) -> Self {
        self.member_only_read = true;
        self
    }

    /// Only clients of the members may write.
    #[must_use]
    pub fn member_only_write(mut self) -> Self {
        self.member_only_write = true;
        self
    }
}
