//! What a connection may be told, and why there is none.

use std::error::Error;
use std::time::Duration;

use thiserror::Error as ThisError;

/// What holds for the connections to all endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// How long the TCP connection and the TLS handshake may take, each. 3 s, so that a second endpoint still has a
    /// turn within the shortest default deadline.
    pub connect_timeout: Duration,
    /// How often to ask a silent peer whether it is there. 75 s; peers hang up on clients that ask more often than
    /// once a minute.
    pub keepalive_interval: Duration,
    /// How long the answer to that may take. 20 s.
    pub keepalive_timeout: Duration,
    /// The largest message sent or taken, in bytes. 100 MiB, Fabric's own limit.
    pub message_limit: usize,
}

impl ConnectOptions {
    /// These, but another time to connect.
    #[must_use]
    pub const fn with_connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// These, but another keepalive: how often to ask, and how long to wait for the answer.
    #[must_use]
    pub const fn with_keepalive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.keepalive_interval = interval;
        self.keepalive_timeout = timeout;
        self
    }

    /// These, but another limit for messages, in bytes.
    #[must_use]
    pub const fn with_message_limit(mut self, bytes: usize) -> Self {
        self.message_limit = bytes;
        self
    }

    /// What peers take as rude.
    const MINIMUM_KEEPALIVE: Duration = Duration::from_secs(60);

    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        if self.keepalive_interval <= Self::MINIMUM_KEEPALIVE {
            return Err(ConnectError::KeepaliveTooShort { interval: self.keepalive_interval });
        }
        Ok(())
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            keepalive_interval: Duration::from_secs(75),
            keepalive_timeout: Duration::from_secs(20),
            message_limit: 100 * 1024 * 1024,
        }
    }
}

/// Why a gateway could not be connected to.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum ConnectError {
    /// No endpoint was named.
    #[error("no endpoint of a gateway peer was given")]
    NoEndpoint,
    /// An address is not `host:port`.
    #[error("{address:?} is not an address of the form host:port")]
    BadAddress {
        /// What was given.
        address: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The PEM of certificate authorities holds no certificate.
    #[error("no certificate authority to check {address} with")]
    NoAuthority {
        /// The endpoint whose authorities these were.
        address: String,
        /// What is wrong with the PEM.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// Certificates, server name or client key cannot be used for TLS.
    #[error("unusable TLS settings for {address}")]
    BadTls {
        /// The endpoint that they belong to.
        address: String,
        /// What is wrong with them.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Peers hang up on clients that ping more often than once a minute.
    #[error("a keepalive interval of {interval:?} is too short; it must be more than 60 s")]
    KeepaliveTooShort {
        /// What was given.
        interval: Duration,
    },
    /// No endpoint answered.
    #[error("no gateway peer answered: {}", failures.join("; "))]
    Unreachable {
        /// Per endpoint, in the order tried: its address and what happened.
        failures: Vec<String>,
    },
}
