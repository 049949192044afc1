//! Who may do what on the channel. The texts are those of a peer with Fabric's usual policies: administrators and
//! clients of any organisation may write, everybody of any organisation may read.

use thiserror::Error;

use super::channel::Channel;
use crate::core::policy::Role;

/// A policy of the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Administrators, clients and peers.
    Readers,
    /// Administrators and clients.
    Writers,
}

impl Access {
    fn name(self) -> &'static str {
        match self {
            Self::Readers => "Readers",
            Self::Writers => "Writers",
        }
    }

    fn admits(self, role: Role) -> bool {
        match self {
            Self::Readers => matches!(role, Role::Admin | Role::Client | Role::Peer),
            Self::Writers => matches!(role, Role::Admin | Role::Client),
        }
    }
}

/// A signature by somebody who is not entitled, or that does not verify.
#[derive(Debug, Error)]
#[error(
    "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the '{}' sub-policies to be satisfied",
    .0.name()
)]
pub(crate) struct Denied(Access);

/// Why a signed request is refused.
#[derive(Debug, Error)]
pub(crate) enum AccessError {
    /// No channel is named.
    #[error("Invalid channel ID name during check policy on signed data. Name must be different from nil.")]
    Unnamed,
    /// No such channel.
    #[error("Failed to get policy manager for channel [{0}]")]
    NoChannel(String),
    /// Not entitled.
    #[error(
        "Failed evaluating policy on signed data during check policy on channel [{channel}] with policy [/Channel/Application/{}]: [{source}]",
        source.0.name()
    )]
    Denied {
        /// The channel.
        channel: String,
        /// The policy.
        source: Denied,
    },
}

impl Channel {
    /// Checks that the identity may do this and has signed these bytes.
    ///
    /// # Errors
    /// When either does not hold; as in Fabric, the text does not say which.
    pub(crate) fn check_policy(
        &self,
        access: Access,
        identity: &[u8],
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), Denied> {
        let result = self.msps.identify(identity);
        let identity = result.map_err(|reason| {
            tracing::warn!(%reason, "access denied");
            Denied(access)
        })?;
        identity.verify(signed, signature).map_err(|reason| {
            tracing::warn!(%reason, "access denied");
            Denied(access)
        })?;
        if access.admits(identity.principal().role) { Ok(()) } else { Err(Denied(access)) }
    }

    /// The same for a request to a named channel, with the text of a peer's access control.
    ///
    /// # Errors
    /// When there is no such channel, or access is denied.
    pub(crate) fn check_access(
        &self,
        channel: &str,
        access: Access,
        identity: &[u8],
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), AccessError> {
        if channel.is_empty() {
            return Err(AccessError::Unnamed);
        }
        if channel != self.name {
            return Err(AccessError::NoChannel(channel.to_owned()));
        }
        let denied = |source| AccessError::Denied { channel: channel.to_owned(), source };
        self.check_policy(access, identity, signed, signature).map_err(denied)
    }
}
