//! The network's profile, `profile.toml`: what clients and deployment need to know of a network.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;
use thiserror::Error;

use crate::config::{Config, Organization};
use crate::identity::generate::{CHAINCODE_HOST, PEER_HOST};
use crate::identity::layout::OrganizationFiles;

/// Name of the profile in the network's folder.
pub(crate) const FILE: &str = "profile.toml";

/// Why a profile cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// It cannot be written as TOML.
    #[error("the profile cannot be written")]
    Serialize(#[from] toml::ser::Error),
    /// The file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Everything that a client or a deployment needs; paths are relative to the profile's folder.
#[derive(Debug, Serialize)]
struct Profile<'a> {
    name: &'static str,
    version: &'static str,
    channel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    chaincode: Option<&'a str>,
    organizations: Vec<ProfileOrganization<'a>>,
}

#[derive(Debug, Serialize)]
struct ProfileOrganization<'a> {
    name: &'a str,
    msp_id: &'a str,
    admin: Member,
    user: Member,
    peers: Vec<Peer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chaincode: Option<ChaincodeProcess<'a>>,
}

#[derive(Debug, Serialize)]
struct Member {
    cert: PathBuf,
    key: PathBuf,
    msp_dir: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_key: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Peer<'a> {
    address: &'a str,
    server_name: String,
    tls_ca: PathBuf,
}

#[derive(Debug, Serialize)]
struct ChaincodeProcess<'a> {
    address: &'a str,
    tls_cert: PathBuf,
    tls_key: PathBuf,
    client_ca: PathBuf,
}

/// Writes the profile of the network in `folder`.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(config: &Config, folder: &Path) -> Result<(), ProfileError> {
    let profile = Profile {
        name: "devnet",
        version: env!("CARGO_PKG_VERSION"),
        channel: &config.channel,
        chaincode: config.chaincodes.first().map(|chaincode| chaincode.name.as_str()),
        organizations: config
            .organizations
            .iter()
            .map(|organization| describe(config, organization))
            .collect(),
    };
    for organization in &config.organizations {
        write_connection(config, organization, folder)?;
    }
    let text = format!("# Written by hlf-devnet at every start.\n{}", toml::to_string(&profile)?);
    let path = folder.join(FILE);
    std::fs::write(&path, text).map_err(|source| ProfileError::Write { path, source })
}

/// Writes an organisation's connection profile, in the form that Fabric's older client libraries and tools read, beside
/// its identities: `connection-bank.json`.
fn write_connection(config: &Config, organization: &Organization, folder: &Path) -> Result<(), ProfileError> {
    let files = OrganizationFiles::new(&folder.join("organizations"), &organization.domain);
    let name = organization.name.to_ascii_lowercase();
    let path = files.folder().join(format!("connection-{name}.json"));
    let failed = |source| ProfileError::Write { path: path.clone(), source };
    let authority = std::fs::read_to_string(files.tls_ca()).map_err(failed)?;
    let peer = files.host(PEER_HOST);
    let profile = json!({
        "name": format!("{}-{name}", config.channel),
        "version": "1.0.0",
        "client": {
            "organization": organization.name,
            "connection": { "timeout": { "peer": { "endorser": "300" } } },
        },
        "organizations": {
            &organization.name: { "mspid": organization.msp_id, "peers": [peer], "certificateAuthorities": [] },
        },
        "peers": {
            &peer: {
                "url": format!("grpcs://{}", organization.gateway),
                "tlsCACerts": { "pem": authority },
                "grpcOptions": { "ssl-target-name-override": peer, "hostnameOverride": peer },
            },
        },
    });
    std::fs::write(&path, format!("{profile:#}\n")).map_err(failed)
}

fn describe<'a>(config: &'a Config, organization: &'a Organization) -> ProfileOrganization<'a> {
    let files = OrganizationFiles::new(Path::new("organizations"), &organization.domain);
    let member = |user: &str| Member {
        cert: files.user_certificate(user),
        key: files.user_key(user),
        msp_dir: files.user_msp(user),
        tls_cert: config.mutual_tls.then(|| files.user_tls_certificate(user)),
        tls_key: config.mutual_tls.then(|| files.user_tls_key(user)),
    };
    let process = config.chaincodes.first().and_then(|chaincode| {
        chaincode.processes.iter().find(|process| process.msp_id == organization.msp_id)
    });
    ProfileOrganization {
        name: &organization.name,
        msp_id: &organization.msp_id,
        admin: member("Admin"),
        user: member("User1"),
        peers: vec![Peer {
            address: &organization.gateway,
            server_name: files.host(PEER_HOST),
            tls_ca: files.tls_ca(),
        }],
        chaincode: process.map(|process| ChaincodeProcess {
            address: &process.address,
            tls_cert: files.host_tls_certificate(CHAINCODE_HOST),
            tls_key: files.host_tls_key(CHAINCODE_HOST),
            client_ca: files.tls_ca(),
        }),
    }
}
