//! How a chaincode that a peer has started finds that peer.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::environment::{file, flag};
use super::{ConfigError, MAX_TRANSACTIONS, TRANSACTION_TIMEOUT};
use crate::Metrics;

/// How a chaincode calls the peer that started it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DialConfig {
    /// Where the peer listens for chaincodes, `host:port`.
    pub peer_address: String,
    /// The id that the peer gave the package when it was installed; `name:version` for a peer in development mode.
    pub package_id: String,
    /// MSP id of the peer's organisation; [`Stub::local_msp_id`](crate::Stub::local_msp_id) tells it.
    pub local_msp_id: Option<String>,
    /// `None` calls in the clear.
    pub tls: Option<DialTls>,
    /// Transactions that run at once; more of them wait. 0 is taken for 1.
    pub max_transactions: usize,
    /// How long a transaction may take, as in [`ServerConfig`](crate::ServerConfig::transaction_timeout).
    pub transaction_timeout: Duration,
    /// How long running transactions may take to end on shutdown.
    pub drain_timeout: Duration,
    /// Who is told what happens.
    pub metrics: Option<Arc<dyn Metrics>>,
}

/// Keys and certificates, each in PEM.
#[derive(Clone)]
#[non_exhaustive]
pub struct DialTls {
    /// The CA of the peer's certificate.
    pub root_ca: Vec<u8>,
    /// The certificate by which the peer knows the chaincode, and its private key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl std::fmt::Debug for DialTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DialTls").field("identity", &self.identity.is_some()).finish_non_exhaustive()
    }
}

impl DialTls {
    /// TLS to a peer whose certificate this CA has signed.
    #[must_use]
    pub fn new(root_ca: impl Into<Vec<u8>>) -> Self {
        Self { root_ca: root_ca.into(), identity: None }
    }

    /// The same with a certificate by which the peer knows the chaincode, and its private key.
    #[must_use]
    pub fn with_identity(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((certificate.into(), key.into()));
        self
    }
}

impl DialConfig {
    /// Defaults: no TLS, 512 transactions at once, of 5 minutes at most, 5 s to drain, after which a peer kills a chaincode
    /// that it stops.
    pub fn new(peer_address: impl Into<String>, package_id: impl Into<String>) -> Self {
        Self {
            peer_address: peer_address.into(),
            package_id: package_id.into(),
            local_msp_id: None,
            tls: None,
            max_transactions: MAX_TRANSACTIONS,
            transaction_timeout: TRANSACTION_TIMEOUT,
            drain_timeout: Duration::from_secs(5),
            metrics: None,
        }
    }

    /// Reads this process's arguments and environment as a peer or an external builder sets them.
    ///
    /// | says | from |
    /// | --- | --- |
    /// | the peer's address | the argument `-peer.address` (or `--peer.address`), else `CORE_PEER_ADDRESS` |
    /// | package id | `CORE_CHAINCODE_ID_NAME` |
    /// | MSP id | `CORE_PEER_LOCALMSPID` |
    /// | TLS | `CORE_PEER_TLS_ENABLED`, then `CORE_PEER_TLS_ROOTCERT_FILE` |
    /// | key and certificate | `CORE_TLS_CLIENT_KEY_FILE`, `CORE_TLS_CLIENT_CERT_FILE` (PEM), else `CORE_TLS_CLIENT_KEY_PATH`, `CORE_TLS_CLIENT_CERT_PATH` (base64 of PEM) |
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming what is missing or wrong.
    pub fn read() -> Result<Self, ConfigError> {
        Self::from_variables(std::env::args().skip(1), |name| std::env::var(name).ok())
    }

    /// As [`read`](Self::read), from any source.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn from_variables(
        arguments: impl IntoIterator<Item = String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let address = address_argument(arguments).or_else(|| variable("CORE_PEER_ADDRESS"));
        let peer_address = address.ok_or(ConfigError::Missing {
            names: "CHAINCODE_SERVER_ADDRESS, or the argument -peer.address",
            meaning: "where to listen for peers, or the address of the peer that started this chaincode",
        })?;
        let package_id = variable("CORE_CHAINCODE_ID_NAME").ok_or(ConfigError::Missing {
            names: "CORE_CHAINCODE_ID_NAME",
            meaning: "the package id, or name:version for a peer in development mode",
        })?;
        let tls = if flag(&variable, "CORE_PEER_TLS_ENABLED")?.unwrap_or(false) {
            Some(read_tls(&variable)?)
        } else {
            None
        };
        let local_msp_id = variable("CORE_PEER_LOCALMSPID");
        Ok(Self { tls, local_msp_id, ..Self::new(peer_address, package_id) })
    }
}

fn read_tls(variable: &impl Fn(&str) -> Option<String>) -> Result<DialTls, ConfigError> {
    let root_ca = file(variable, "CORE_PEER_TLS_ROOTCERT_FILE")?.ok_or(ConfigError::Missing {
        names: "CORE_PEER_TLS_ROOTCERT_FILE",
        meaning: "the file with the CA of the peer's certificate",
    })?;
    let key = pem(variable, "CORE_TLS_CLIENT_KEY_FILE", "CORE_TLS_CLIENT_KEY_PATH")?;
    let certificate = pem(variable, "CORE_TLS_CLIENT_CERT_FILE", "CORE_TLS_CLIENT_CERT_PATH")?;
    let missing = |names| ConfigError::Missing { names, meaning: "a key and its certificate go together" };
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (None, Some(_)) => return Err(missing("CORE_TLS_CLIENT_CERT_FILE or CORE_TLS_CLIENT_CERT_PATH")),
        (Some(_), None) => return Err(missing("CORE_TLS_CLIENT_KEY_FILE or CORE_TLS_CLIENT_KEY_PATH")),
    };
    Ok(DialTls { root_ca, identity })
}

/// PEM from a file, or from a file that has base64 of it.
fn pem(
    variable: &impl Fn(&str) -> Option<String>,
    plain: &'static str,
    encoded: &'static str,
) -> Result<Option<Vec<u8>>, ConfigError> {
    if let Some(pem) = file(variable, plain)? {
        return Ok(Some(pem));
    }
    let Some(text) = file(variable, encoded)? else { return Ok(None) };
    let pem = STANDARD.decode(text.trim_ascii()).map_err(|_| ConfigError::Invalid {
        name: encoded,
        value: variable(encoded).unwrap_or_default(),
        expected: "a file with base64 of PEM",
    })?;
    Ok(Some(pem))
}

/// Go's flags: one dash or two, the value after `=` or as the next argument.
fn address_argument(arguments: impl IntoIterator<Item = String>) -> Option<String> {
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let name = argument.trim_start_matches('-');
        if name.len() == argument.len() {
            continue;
        }
        match name.strip_prefix("peer.address") {
            Some("") => return arguments.next(),
            Some(value) if value.starts_with('=') => return value.strip_prefix('=').map(str::to_owned),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<DialConfig, ConfigError> {
        let arguments = arguments.iter().map(ToString::to_string);
        DialConfig::from_variables(arguments, |name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const ID: (&str, &str) = ("CORE_CHAINCODE_ID_NAME", "basic:1.0");

    #[test]
    fn the_address_is_a_flag_as_go_writes_them() {
        for arguments in
            [&["-peer.address", "p:7052"][..], &["--peer.address=p:7052"], &["x", "-peer.address=p:7052"]]
        {
            let config = read(arguments, &[ID]).unwrap();
            assert_eq!((config.peer_address.as_str(), config.package_id.as_str()), ("p:7052", "basic:1.0"));
            assert!(config.tls.is_none());
        }
        assert_eq!(read(&[], &[ID, ("CORE_PEER_ADDRESS", "q:7052")]).unwrap().peer_address, "q:7052");
        assert!(read(&["peer.address", "p"], &[ID]).unwrap_err().to_string().contains("-peer.address"));
        assert!(read(&["-peer.address=p"], &[]).unwrap_err().to_string().contains("CORE_CHAINCODE_ID_NAME"));
    }

    #[test]
    fn keys_come_in_pem_or_in_base64_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (root, key, certificate) = (path("root", "r"), path("key", "a2V5\n"), path("cert", "cert"));
        let mut variables = vec![
            ID,
            ("CORE_PEER_TLS_ENABLED", "true"),
            ("CORE_PEER_TLS_ROOTCERT_FILE", &root),
            ("CORE_TLS_CLIENT_KEY_PATH", &key),
            ("CORE_TLS_CLIENT_CERT_FILE", &certificate),
        ];
        let arguments = ["-peer.address=p:1"];
        let tls = read(&arguments, &variables).unwrap().tls.unwrap();
        assert_eq!(tls.identity, Some((b"cert".to_vec(), b"key".to_vec())));
        variables.pop();
        assert!(read(&arguments, &variables).unwrap_err().to_string().contains("go together"));
        variables.retain(|(name, _)| *name != "CORE_PEER_TLS_ROOTCERT_FILE");
        assert!(read(&arguments, &variables).is_err());
    }
}
