//! What the client must keep to go on after a payment.

use std::fmt;

use crate::payment::Head;
use crate::signature::Signature;

/// The end of the client's chain: the head, and σ_n where nobody can make it a second time [Spec §2].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The head.
    pub head: Head,
    /// σ_n if it was made with a presignature. `None` if RFC 6979 gives it again, or before any payment.
    pub signature: Option<Signature>,
}

impl From<Head> for State {
    fn from(head: Head) -> Self {
        Self { head, signature: None }
    }
}

/// σ_n stays with the client until the release.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("head", &self.head).finish_non_exhaustive()
    }
}
