//! What a chaincode server is told: in code, or by the environment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::Metrics;

mod dial;
mod environment;

pub use dial::{DialConfig, DialTls};
pub use environment::Environment;

/// Transactions that run at once for a peer, unless it is said otherwise.
const MAX_TRANSACTIONS: usize = 512;

/// How long a transaction may take, unless it is said otherwise. A peer waits for 30 s (`chaincode.executetimeout`).
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(300);

/// How a chaincode is served.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The id that the peer gave the package when it was installed: `label:hash`.
    pub package_id: String,
    /// MSP id of the organisation whose peer is served; [`Stub::local_msp_id`](crate::Stub::local_msp_id) tells it.
    pub local_msp_id: Option<String>,
    /// `None` serves in the clear.
    pub tls: Option<TlsConfig>,
    /// Transactions that run at once, for each peer; more of them wait. 0 is taken for 1.
    pub max_transactions: usize,
    /// How long a transaction may take; then it is dropped where it waits, fails, and makes room for another. A peer has
    /// given it up after its own `chaincode.executetimeout`, 30 s unless configured, and does not say so: have this be
    /// longer. Code that never waits cannot be dropped.
    pub transaction_timeout: Duration,
    /// How long running transactions may take to end on shutdown.
    pub drain_timeout: Duration,
    /// Who is told what happens.
    pub metrics: Option<Arc<dyn Metrics>>,
}

impl ServerConfig {
    /// Defaults: no TLS, 512 transactions at once per peer, of 5 minutes at most, 30 s to drain, which is how long a peer
    /// waits for a transaction.
    pub fn new(package_id: impl Into<String>) -> Self {
        Self {
            package_id: package_id.into(),
            local_msp_id: None,
            tls: None,
            max_transactions: MAX_TRANSACTIONS,
            transaction_timeout: TRANSACTION_TIMEOUT,
            drain_timeout: Duration::from_secs(30),
            metrics: None,
        }
    }

    /// The same with TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }
}

/// Keys and certificates, each in PEM.
#[derive(Clone)]
#[non_exhaustive]
pub struct TlsConfig {
    /// The server's certificate, and those between it and the CA's. Peers check that it names the host they dial.
    pub certificate: Vec<u8>,
    /// Its private key: PKCS#8, PKCS#1 or SEC 1; PKCS#8 under the label `EC PRIVATE KEY`, which Fabric writes, too.
    pub key: Vec<u8>,
    /// The CA of the peers' client certificates. With it, only peers that show one of its certificates get in.
    pub client_ca: Option<Vec<u8>>,
}

impl TlsConfig {
    /// TLS with this certificate and its private key, for any client.
    #[must_use]
    pub fn new(certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self { certificate: certificate.into(), key: key.into(), client_ca: None }
    }

    /// The same for peers alone whose certificates this CA has signed.
    #[must_use]
    pub fn with_client_ca(mut self, client_ca: impl Into<Vec<u8>>) -> Self {
        self.client_ca = Some(client_ca.into());
        self
    }
}

impl std::fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsConfig").field("client_ca", &self.client_ca.is_some()).finish_non_exhaustive()
    }
}

/// An environment that does not say how to serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable is missing.
    #[error("set {names}: {meaning}")]
    Missing {
        /// The variables that would do.
        names: &'static str,
        /// What they say.
        meaning: &'static str,
    },
    /// A variable has a value that it cannot have.
    #[error("{name} is {value:?}, not {expected}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it can be.
        expected: &'static str,
    },
    /// A file that a variable names cannot be read.
    #[error("cannot read {} that {name} names", path.display())]
    File {
        /// The variable.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
