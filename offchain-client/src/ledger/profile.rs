//! `profile.toml`: what a client must know of a Fabric network to use it.
//!
//! `scripts/network` writes one; for a network of one's own it is written by hand. File names in it are relative to the
//! profile's own folder, or absolute. Fields that a reader does not know are passed over.

mod shell;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A network, as its `profile.toml` describes it, with every file name made absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The folder that the profile lies in, absolute.
    #[serde(skip)]
    pub folder: PathBuf,
    /// `fabric`, `devnet`, or a name of the user's own.
    pub name: String,
    /// What the network's `peer version` says; devnet's own version there.
    pub version: String,
    /// The Fabric channel.
    pub channel: String,
    /// The name under which the contract is committed on that channel.
    pub chaincode: String,
    /// The ordering service, for deploying; devnet has none.
    #[serde(default)]
    pub orderers: Vec<Orderer>,
    /// The organisations, each with the peers that serve it.
    pub organizations: Vec<Organization>,
}

/// A node of the ordering service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orderer {
    /// `host:port` of its gRPC service.
    pub address: String,
    /// The name in its TLS certificate.
    pub server_name: String,
    /// PEM file with the authority that signed its TLS certificate.
    pub tls_ca: PathBuf,
    /// `host:port` of its administration service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_address: Option<String>,
}

/// An organisation of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// A short name for people.
    pub name: String,
    /// Its MSP id.
    pub msp_id: String,
    /// An identity with the `admin` OU, for registering banks and deploying; not needed for anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<Identity>,
    /// An identity for everything else; organisations that one only deals with need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Identity>,
    /// Its peers, in the order in which a client tries them.
    pub peers: Vec<Peer>,
    /// Where its chaincode process listens, for deploying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chaincode: Option<ChaincodeServer>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// PEM file of the X.509 certificate.
    pub cert: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
    /// The folder in Fabric's MSP layout that holds both, for Fabric's own programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msp_dir: Option<PathBuf>,
    /// PEM file of the TLS certificate that is shown to peers, for those that want to see one (mutual TLS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file of that certificate's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
}

/// A peer that runs the Gateway service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// `host:port` of its gRPC service.
    pub address: String,
    /// The name in its TLS certificate.
    pub server_name: String,
    /// PEM file with the authority that signed its TLS certificate.
    pub tls_ca: PathBuf,
}

/// The address and the TLS files of an organisation's chaincode process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaincodeServer {
    /// `host:port` that the peer dials.
    pub address: String,
    /// PEM file of the server's certificate.
    pub tls_cert: PathBuf,
    /// PEM file of its key.
    pub tls_key: PathBuf,
    /// PEM file with the authority of the peers' client certificates.
    pub client_ca: PathBuf,
    /// `host:port` that the process binds to, where that is not `address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// PEM file with the authority of `tls_cert`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_ca: Option<PathBuf>,
    /// PEM file of the certificate that the organisation's peer shows when it dials the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cert: Option<PathBuf>,
    /// PEM file of that certificate's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<PathBuf>,
    /// The package id under which the process registers, where the network fixes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_id: Option<String>,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("cannot read the network profile {}; `scripts/network up` prints the path of the one it writes", path.display())]
    Read {
        /// The profile.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or a field is missing or has the wrong type.
    #[error("the network profile {} is not usable: {reason}", path.display())]
    Parse {
        /// The profile.
        path: PathBuf,
        /// The place and the field, as the parser names them.
        reason: String,
    },
    /// A field has a value that cannot be right.
    #[error("the network profile {} is not usable: {field} {problem}", path.display())]
    Field {
        /// The profile.
        path: PathBuf,
        /// The field, such as `organizations[BankMSP].peers[0].address`.
        field: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file that the profile names cannot be read.
    #[error("cannot read {}, which is {field} in the network profile", file.display())]
    File {
        /// The field that names it.
        field: String,
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The profile has no such identity of the organisation.
    #[error(
        "the network profile has no {role} identity for {msp_id}; add `{role} = {{ cert = \"…\", key = \"…\" }}` to that organisation"
    )]
    MissingIdentity {
        /// The organisation's MSP id.
        msp_id: String,
        /// `admin` or `user`.
        role: &'static str,
    },
    /// A value cannot be given to a shell.
    #[error(
        "{field} in the network profile cannot be printed for a shell: it holds a line break or a byte that is not text"
    )]
    Unprintable {
        /// The field.
        field: String,
    },
    /// The profile has no such organisation.
    #[error("the network profile has no organisation {msp_id}; it has {known}")]
    UnknownOrganization {
        /// The MSP id that was asked for.
        msp_id: String,
        /// Those that it has.
        known: String,
    },
}

impl Profile {
    /// Reads a profile and resolves its file names against the folder that it lies in. The files are not opened yet.
    ///
    /// # Errors
    /// [`ProfileError`] naming the file and the field.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ProfileError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads a profile's text as that of the file `path`.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, ProfileError> {
        let mut profile: Self = toml::from_str(text)
            .map_err(|error| ProfileError::Parse { path: path.to_owned(), reason: error.to_string() })?;
        let absolute = std::path::absolute(path)
            .map_err(|source| ProfileError::Read { path: path.to_owned(), source })?;
        let folder = absolute.parent().unwrap_or_else(|| Path::new("/")).to_owned();
        profile.for_each_file(&mut |file| *file = folder.join(&*file));
        profile.folder = folder;
        profile.check(path)?;
        Ok(profile)
    }

    /// The organisation with this MSP id.
    ///
    /// # Errors
    /// [`ProfileError::UnknownOrganization`].
    pub fn organization(&self, msp_id: &str) -> Result<&Organization, ProfileError> {
        let found = self.organizations.iter().find(|organization| organization.msp_id == msp_id);
        found.ok_or_else(|| {
            let known: Vec<&str> =
                self.organizations.iter().map(|organization| organization.msp_id.as_str()).collect();
            ProfileError::UnknownOrganization { msp_id: msp_id.to_owned(), known: known.join(", ") }
        })
    }

    fn for_each_file(&mut self, change: &mut dyn FnMut(&mut PathBuf)) {
        self.orderers.iter_mut().for_each(|orderer| change(&mut orderer.tls_ca));
        for organization in &mut self.organizations {
            for identity in [&mut organization.admin, &mut organization.user].into_iter().flatten() {
                change(&mut identity.cert);
                change(&mut identity.key);
                for file in [&mut identity.msp_dir, &mut identity.tls_cert, &mut identity.tls_key] {
                    file.as_mut().map(&mut *change);
                }
            }
            organization.peers.iter_mut().for_each(|peer| change(&mut peer.tls_ca));
            if let Some(server) = &mut organization.chaincode {
                change(&mut server.tls_cert);
                change(&mut server.tls_key);
                change(&mut server.client_ca);
                for file in [&mut server.server_ca, &mut server.client_cert, &mut server.client_key] {
                    file.as_mut().map(&mut *change);
                }
            }
        }
    }

    fn check(&self, path: &Path) -> Result<(), ProfileError> {
        self.find_problem().map_or(Ok(()), |(field, problem)| {
            Err(ProfileError::Field { path: path.to_owned(), field, problem })
        })
    }

    /// The first field whose value cannot be right.
    fn find_problem(&self) -> Option<(String, &'static str)> {
        let texts = [
            ("channel", self.channel.is_empty()),
            ("chaincode", self.chaincode.is_empty()),
            ("organizations", self.organizations.is_empty()),
        ];
        if let Some((field, _)) = texts.into_iter().find(|(_, empty)| *empty) {
            return Some((field.to_owned(), "is empty"));
        }
        if let Some(index) = self.orderers.iter().position(|orderer| !is_host_and_port(&orderer.address)) {
            return Some((format!("orderers[{index}].address"), "is not host:port"));
        }
        for (index, organization) in self.organizations.iter().enumerate() {
            if organization.msp_id.is_empty() {
                return Some((format!("organizations[{index}].msp_id"), "is empty"));
            }
            if self.organizations.iter().take(index).any(|earlier| earlier.msp_id == organization.msp_id) {
                return Some((organization.field(""), "stands there twice"));
            }
            let problem = organization.find_problem();
            if problem.is_some() {
                return problem;
            }
        }
        None
    }
}

impl Organization {
    /// How errors call a field of this organisation.
    pub(crate) fn field(&self, name: &str) -> String {
        let dot = if name.is_empty() { "" } else { "." };
        format!("organizations[{}]{dot}{name}", self.msp_id)
    }

    fn find_problem(&self) -> Option<(String, &'static str)> {
        if self.peers.is_empty() {
            return Some((self.field("peers"), "is empty"));
        }
        if let Some(index) = self.peers.iter().position(|peer| !is_host_and_port(&peer.address)) {
            return Some((self.field(&format!("peers[{index}].address")), "is not host:port"));
        }
        for (role, identity) in [("admin", &self.admin), ("user", &self.user)] {
            if identity.as_ref().is_some_and(|files| files.tls_cert.is_some() != files.tls_key.is_some()) {
                return Some((self.field(role), "has one of tls_cert and tls_key, and needs both or none"));
            }
        }
        let server = self.chaincode.as_ref().filter(|server| !is_host_and_port(&server.address));
        server.map(|_| (self.field("chaincode.address"), "is not host:port"))
    }
}

fn is_host_and_port(address: &str) -> bool {
    address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0))
}

/// Reads a file that a profile names.
///
/// # Errors
/// [`ProfileError::File`] naming the field and the file.
pub(crate) fn read_file(field: &str, file: &Path) -> Result<Vec<u8>, ProfileError> {
    std::fs::read(file).map_err(|source| ProfileError::File {
        field: field.to_owned(),
        file: file.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
