//! Where a peer finds a chaincode that runs as a service.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use zeroize::Zeroize as _;

/// Where a peer finds a chaincode that runs as a service, and the TLS between them: what `connection.json` in its package
/// says.
#[derive(Clone)]
pub struct ChaincodeServer {
    address: String,
    dial_timeout: Duration,
    root_cert: Option<String>,
    client: Option<(String, String)>,
}

#[derive(Serialize)]
struct Connection<'a> {
    address: &'a str,
    dial_timeout: String,
    tls_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_auth_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_cert: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_cert: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key: Option<&'a str>,
}

impl ChaincodeServer {
    /// A server at `address` (`host:port`) without TLS.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), dial_timeout: Duration::from_secs(10), root_cert: None, client: None }
    }

    /// The server shows a certificate that this authority (PEM) has signed.
    #[must_use]
    pub fn tls(mut self, root_cert_pem: impl Into<String>) -> Self {
        self.root_cert = Some(root_cert_pem.into());
        self
    }

    /// The peer shows the server this certificate and proves its key (both PEM). The package then holds a secret: keep
    /// its file from others' eyes.
    #[must_use]
    pub fn client_certificate(
        mut self,
        certificate_pem: impl Into<String>,
        key_pem: impl Into<String>,
    ) -> Self {
        self.client = Some((certificate_pem.into(), key_pem.into()));
        self
    }

    /// How long the peer tries to connect; 10 s.
    #[must_use]
    pub fn dial_timeout(mut self, limit: Duration) -> Self {
        self.dial_timeout = limit;
        self
    }

    /// `connection.json`. It names a time to dial always: without one peers cannot read it.
    pub(super) fn connection_json(&self) -> Vec<u8> {
        let client = self.client.as_ref();
        let connection = Connection {
            address: &self.address,
            dial_timeout: format!("{}ms", self.dial_timeout.as_millis()),
            tls_required: self.root_cert.is_some(),
            client_auth_required: self.root_cert.is_some().then_some(client.is_some()),
            root_cert: self.root_cert.as_deref(),
            client_cert: client.map(|(certificate, _)| certificate.as_str()),
            client_key: client.map(|(_, key)| key.as_str()),
        };
        serde_json::to_vec(&connection).expect("a struct of texts and booleans is JSON")
    }
}

impl Drop for ChaincodeServer {
    fn drop(&mut self) {
        if let Some((_, key)) = &mut self.client {
            key.zeroize();
        }
    }
}

impl fmt::Debug for ChaincodeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaincodeServer")
            .field("address", &self.address)
            .field("tls", &self.root_cert.is_some())
            .field("client_certificate", &self.client.is_some())
            .finish_non_exhaustive()
    }
}
