//! A CA, a server and a client, each with a fresh key.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

pub(crate) struct Credentials {
    ca: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Credentials {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { ca: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    pub(crate) fn ca(&self) -> String {
        self.ca.pem()
    }

    pub(crate) fn pair(&self) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.ca).unwrap().pem();
        Pair { certificate, key: key.serialize_pem() }
    }

    pub(crate) fn client_identity(&self) -> Identity {
        let pair = self.pair();
        Identity::from_pem(pair.certificate, pair.key)
    }

    /// What a client trusts.
    pub(crate) fn client_tls(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.ca())).domain_name("localhost")
    }
}
