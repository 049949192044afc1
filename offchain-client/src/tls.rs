//! TLS of the daemons: a self-signed certificate made at `init`, which peers pin as a file.
//!
//! There is no public authority in this picture: whoever talks to a bank or a vendor has been handed its
//! certificate, so a client accepts exactly that certificate, whatever names it holds.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use zeroize::Zeroizing;

use crate::home::{Access, Home, HomeError, read_small_text};
use crate::keystore::{self, KeystoreError, Passphrase};

/// The name that every certificate made here holds, whatever address its daemon listens on: clients that must
/// name a server (gRPC) use it.
pub const SERVER_NAME: &str = "lockstep.internal";
/// File of a daemon's certificate in its home folder: what peers are handed.
pub const CERTIFICATE_FILE: &str = "tls-cert.pem";
/// File of the certificate's secret key.
pub const KEY_FILE: &str = "tls-key.pem";

/// ALPN of HTTP/2 and HTTP/1.1, for [`ServerIdentity::server_config`].
pub const ALPN_HTTP: &[&[u8]] = &[b"h2", b"http/1.1"];
/// ALPN of gRPC.
pub const ALPN_GRPC: &[&[u8]] = &[b"h2"];

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The key cannot be stored or read.
    #[error(transparent)]
    Key(#[from] KeystoreError),
    /// The certificate cannot be stored or read.
    #[error(transparent)]
    File(#[from] HomeError),
    /// The certificate cannot be made.
    #[error("cannot make the server's certificate")]
    Make(#[from] rcgen::Error),
    /// The file holds no certificate.
    #[error("{} holds no certificate in PEM", .0.display())]
    NotACertificate(PathBuf),
    /// Certificate and key are not accepted, or do not belong together.
    #[error("the certificate and its key cannot be used")]
    Rejected(#[from] rustls::Error),
}

/// Makes a self-signed certificate for `hosts` (names or addresses) and stores it with its key in `home`.
///
/// # Errors
/// It cannot be made or stored.
pub fn create(
    home: &Home,
    common_name: &str,
    hosts: &[String],
    passphrase: Option<&Passphrase>,
) -> Result<(), TlsError> {
    let mut names =
        vec![SERVER_NAME.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    for host in hosts {
        let unspecified = host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
        if !unspecified && !names.contains(host) {
            names.push(host.clone());
        }
    }
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    keystore::save_pkcs8(&home.path(KEY_FILE), &Zeroizing::new(key.serialize_der()), passphrase)?;
    home.write(CERTIFICATE_FILE, certificate.pem().as_bytes(), Access::Public)?;
    Ok(())
}

/// A daemon's certificate with its key.
#[derive(Debug)]
pub struct ServerIdentity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl ServerIdentity {
    /// Reads what [`create`] stored.
    ///
    /// # Errors
    /// A file is missing, damaged, or does not open with the passphrase.
    pub fn load(home: &Home, passphrase: Option<&Passphrase>) -> Result<Self, TlsError> {
        let certificate = read_certificate(&home.path(CERTIFICATE_FILE))?;
        let key = keystore::load_pkcs8(&home.path(KEY_FILE), passphrase)?;
        Ok(Self { certificate, key: PrivatePkcs8KeyDer::from(key.to_vec()) })
    }

    /// The server's side of TLS, offering the protocols `alpn`.
    ///
    /// # Errors
    /// Certificate and key do not belong together.
    pub fn server_config(&self, alpn: &[&[u8]]) -> Result<ServerConfig, TlsError> {
        let key = PrivateKeyDer::Pkcs8(self.key.clone_key());
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)?;
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }
}

/// The client's side of TLS: accepts the one certificate in the file `pinned` and no other.
///
/// # Errors
/// The file cannot be read or holds no certificate.
pub fn pinned_client_config(pinned: &Path, alpn: &[&[u8]]) -> Result<ClientConfig, TlsError> {
    let verifier = PinnedCertificate { certificate: read_certificate(pinned)?, provider: provider() };
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read_certificate(path: &Path) -> Result<CertificateDer<'static>, TlsError> {
    let pem = read_small_text(path)?;
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| TlsError::NotACertificate(path.to_owned()))
}

/// Accepts one certificate, byte for byte. The handshake's signature is checked as ever, so the server must
/// hold its key.
#[derive(Debug)]
struct PinnedCertificate {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    fn server(folder: &Path, passphrase: Option<&Passphrase>) -> (Home, ServerIdentity) {
        let home = Home::create(folder).unwrap();
        create(&home, "test bank", &["0.0.0.0".to_owned()], passphrase).unwrap();
        let identity = ServerIdentity::load(&home, passphrase).unwrap();
        (home, identity)
    }

    async fn handshake(identity: &ServerIdentity, pinned: &Path) -> std::io::Result<[u8; 2]> {
        let (near, far) = tokio::io::duplex(1 << 16);
        let acceptor = TlsAcceptor::from(Arc::new(identity.server_config(ALPN_HTTP).unwrap()));
        let connector = TlsConnector::from(Arc::new(pinned_client_config(pinned, ALPN_HTTP).unwrap()));
        let serve = async {
            let mut stream = acceptor.accept(far).await?;
            stream.write_all(b"ok").await?;
            stream.shutdown().await
        };
        let name = ServerName::try_from("any.name").unwrap();
        let ask = async {
            let mut stream = connector.connect(name, near).await?;
            let mut answer = [0; 2];
            stream.read_exact(&mut answer).await.map(|_| answer)
        };
        let (_served, answer) = tokio::join!(serve, ask);
        answer
    }

    #[tokio::test]
    async fn the_pinned_certificate_is_accepted_and_another_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let passphrase = Passphrase::from("a passphrase".to_owned());
        let (bank, identity) = server(&folder.path().join("bank"), Some(&passphrase));
        let (other, _) = server(&folder.path().join("other"), None);
        assert_eq!(&handshake(&identity, &bank.path(CERTIFICATE_FILE)).await.unwrap(), b"ok");
        assert!(handshake(&identity, &other.path(CERTIFICATE_FILE)).await.is_err());
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cert.pem");
        std::fs::write(&path, "no certificate").unwrap();
        let error = pinned_client_config(&path, ALPN_HTTP).unwrap_err();
        assert!(matches!(error, TlsError::NotACertificate(_)), "{error}");
    }
}
