//! Where a gateway peer is, and how to be sure that it is the one.

use std::fmt;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint as Transport, Identity as TlsIdentity};

use crate::connect::{ConnectError, ConnectOptions};
use crate::deadlines::bounded;

/// A gateway peer: its address and the TLS to it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    address: String,
    tls: Option<Tls>,
}

impl Endpoint {
    /// A peer that serves TLS at `address` (`host:port`).
    #[must_use]
    pub fn tls(address: impl Into<String>, tls: Tls) -> Self {
        Self { address: address.into(), tls: Some(tls) }
    }

    /// A peer without TLS, for tests: anybody on the way can read and change what is said.
    #[must_use]
    pub fn plaintext(address: impl Into<String>) -> Self {
        Self { address: address.into(), tls: None }
    }

    /// The address, `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// SHA-256 of the certificate that is shown to this peer, if one is.
    pub(crate) fn tls_certificate_hash(&self) -> Option<Vec<u8>> {
        let client = self.tls.as_ref()?.client.as_ref()?;
        let certificate = CertificateDer::from_pem_slice(&client.certificate_pem).ok()?;
        Some(Sha256::digest(&certificate).to_vec())
    }

    /// The transport's form of the endpoint.
    pub(crate) fn transport(&self, options: &ConnectOptions) -> Result<Transport, ConnectError> {
        let bad_address = |error: tonic::transport::Error| ConnectError::BadAddress {
            address: self.address.clone(),
            source: error.into(),
        };
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let transport = Transport::from_shared(format!("{scheme}://{}", self.address))
            .map_err(bad_address)?
            .connect_timeout(bounded(options.connect_timeout))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(bounded(options.keepalive_interval))
            .keep_alive_timeout(bounded(options.keepalive_timeout))
            .keep_alive_while_idle(true);
        match &self.tls {
            None => Ok(transport),
            Some(tls) => {
                let config = tls.config(&self.address)?.timeout(bounded(options.connect_timeout));
                transport.tls_config(config).map_err(|error| ConnectError::BadTls {
                    address: self.address.clone(),
                    source: error.into(),
                })
            }
        }
    }
}

/// How to recognise a peer, and how to be recognised by it.
#[derive(Clone)]
pub struct Tls {
    ca_pem: Vec<u8>,
    server_name: Option<String>,
    client: Option<ClientCertificate>,
}

#[derive(Clone)]
struct ClientCertificate {
    certificate_pem: Vec<u8>,
    key_pem: Vec<u8>,
}

impl Tls {
    /// Trusts servers whose certificate one of these authorities (PEM, one or more) has signed.
    #[must_use]
    pub fn new(ca_pem: impl Into<Vec<u8>>) -> Self {
        Self { ca_pem: ca_pem.into(), server_name: None, client: None }
    }

    /// Expects this name in the server's certificate, whatever name or number the address has.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Shows this certificate and proves its key (both PEM) to servers that ask: mutual TLS. The key may be PKCS#8 or
    /// SEC 1, under either label.
    #[must_use]
    pub fn client_certificate(
        mut self,
        certificate_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        self.client =
            Some(ClientCertificate { certificate_pem: certificate_pem.into(), key_pem: key_pem.into() });
        self
    }

    fn config(&self, address: &str) -> Result<ClientTlsConfig, ConnectError> {
        // Without an authority the handshake would fail with a message that leads nowhere.
        CertificateDer::from_pem_slice(&self.ca_pem)
            .map_err(|source| ConnectError::NoAuthority { address: address.to_owned(), source })?;
        let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.ca_pem));
        if let Some(name) = &self.server_name {
            config = config.domain_name(name);
        }
        if let Some(client) = &self.client {
            config = config.identity(TlsIdentity::from_pem(&client.certificate_pem, &client.key_pem));
        }
        Ok(config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("server_name", &self.server_name)
            .field("client_certificate", &self.client.is_some())
            .finish_non_exhaustive()
    }
}

impl Drop for ClientCertificate {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.key_pem);
    }
}
