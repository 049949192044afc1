//! Where cryptogen keeps the files of an organisation, and where we keep them too.

use std::path::{Path, PathBuf};

/// The folder of one peer organisation, `peerOrganizations/<domain>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationFiles {
    folder: PathBuf,
    domain: String,
}

impl OrganizationFiles {
    /// The organisation `domain` below the folder `organizations`.
    #[must_use]
    pub fn new(organizations: &Path, domain: &str) -> Self {
        Self { folder: organizations.join("peerOrganizations").join(domain), domain: domain.to_owned() }
    }

    /// The organisation's own folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Certificate of the authority that issues identities.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.folder.join(format!("ca/ca.{}-cert.pem", self.domain))
    }

    /// Certificate of the authority that issues TLS certificates.
    #[must_use]
    pub fn tls_ca(&self) -> PathBuf {
        self.folder.join(format!("tlsca/tlsca.{}-cert.pem", self.domain))
    }

    /// Full name of a host of the organisation.
    #[must_use]
    pub fn host(&self, name: &str) -> String {
        format!("{name}.{}", self.domain)
    }

    /// Folder of a host, with `msp` and `tls` in it.
    #[must_use]
    pub fn host_folder(&self, name: &str) -> PathBuf {
        self.folder.join("peers").join(self.host(name))
    }

    /// Identity certificate of a host.
    #[must_use]
    pub fn host_certificate(&self, name: &str) -> PathBuf {
        self.host_folder(name).join(format!("msp/signcerts/{}-cert.pem", self.host(name)))
    }

    /// Identity key of a host.
    #[must_use]
    pub fn host_key(&self, name: &str) -> PathBuf {
        self.host_folder(name).join("msp/keystore/priv_sk")
    }

    /// TLS certificate of a host, good for serving and for dialling.
    #[must_use]
    pub fn host_tls_certificate(&self, name: &str) -> PathBuf {
        self.host_folder(name).join("tls/server.crt")
    }

    /// TLS key of a host.
    #[must_use]
    pub fn host_tls_key(&self, name: &str) -> PathBuf {
        self.host_folder(name).join("tls/server.key")
    }

    /// The MSP folder of a user, like `Admin` or `User1`.
    #[must_use]
    pub fn user_msp(&self, name: &str) -> PathBuf {
        self.folder.join(format!("users/{name}@{}/msp", self.domain))
    }

    /// Identity certificate of a user.
    #[must_use]
    pub fn user_certificate(&self, name: &str) -> PathBuf {
        self.user_msp(name).join(format!("signcerts/{name}@{}-cert.pem", self.domain))
    }

    /// Identity key of a user.
    #[must_use]
    pub fn user_key(&self, name: &str) -> PathBuf {
        self.user_msp(name).join("keystore/priv_sk")
    }

    /// TLS certificate of a user, for peers that want to see one.
    #[must_use]
    pub fn user_tls_certificate(&self, name: &str) -> PathBuf {
        self.user_tls(name).join("client.crt")
    }

    /// TLS key of a user.
    #[must_use]
    pub fn user_tls_key(&self, name: &str) -> PathBuf {
        self.user_tls(name).join("client.key")
    }

    /// Folder of a user's TLS files.
    pub(super) fn user_tls(&self, name: &str) -> PathBuf {
        self.folder.join(format!("users/{name}@{}/tls", self.domain))
    }
}
