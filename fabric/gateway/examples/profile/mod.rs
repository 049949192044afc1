//! The file that says where a network is and who calls it: TOML, with file names relative to its folder.
//!
//! ```text
//! channel = "payments"
//! chaincode = "basic"
//!
//! [[organizations]]
//! msp_id = "BankMSP"
//! admin = { cert = "admin-cert.pem", key = "admin-key.pem" }
//! user = { cert = "user-cert.pem", key = "user-key.pem" }
//! peers = [{ address = "127.0.0.1:7051", server_name = "peer0.bank.example.com", tls_ca = "ca.crt" }]
//! ```
//!
//! Where peers want to see a TLS certificate of their clients, a caller has `tls_cert` and `tls_key` too.

#![allow(dead_code, reason = "each program uses its own part")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use hlf_gateway::{Endpoint, Gateway, GatewayBuilder, Identity, PrivateKeySigner, Tls};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Profile {
    #[serde(skip)]
    folder: PathBuf,
    pub(crate) channel: String,
    pub(crate) chaincode: Option<String>,
    pub(crate) organizations: Vec<Organization>,
}

#[derive(Deserialize)]
pub(crate) struct Organization {
    pub(crate) msp_id: String,
    admin: Option<Credentials>,
    user: Option<Credentials>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) chaincode: Option<Server>,
}

/// Who calls.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
}

#[derive(Deserialize)]
pub(crate) struct Peer {
    pub(crate) address: String,
    server_name: String,
    tls_ca: PathBuf,
}

/// Where an organisation's chaincode runs as a service.
#[derive(Deserialize)]
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) server_ca: Option<PathBuf>,
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) client_cert: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
}

impl Organization {
    pub(crate) fn admin(&self) -> Result<&Credentials, Box<dyn Error>> {
        self.admin.as_ref().ok_or_else(|| format!("the profile has no admin of {}", self.msp_id).into())
    }

    pub(crate) fn user(&self) -> Result<&Credentials, Box<dyn Error>> {
        self.user.as_ref().ok_or_else(|| format!("the profile has no user of {}", self.msp_id).into())
    }
}

impl Profile {
    pub(crate) fn read(file: &Path) -> Result<Self, Box<dyn Error>> {
        let mut profile: Self = toml::from_str(&fs::read_to_string(file)?)?;
        file.parent().unwrap_or_else(|| Path::new("")).clone_into(&mut profile.folder);
        Ok(profile)
    }

    /// A file that the profile names.
    pub(crate) fn file(&self, name: &Path) -> std::io::Result<Vec<u8>> {
        fs::read(self.folder.join(name))
    }

    /// How a caller reaches a peer.
    pub(crate) fn endpoint(&self, peer: &Peer, caller: &Credentials) -> Result<Endpoint, Box<dyn Error>> {
        let mut tls = Tls::new(self.file(&peer.tls_ca)?).server_name(&peer.server_name);
        if let (Some(certificate), Some(key)) = (&caller.tls_cert, &caller.tls_key) {
            tls = tls.client_certificate(self.file(certificate)?, self.file(key)?);
        }
        Ok(Endpoint::tls(&peer.address, tls))
    }

    /// A gateway to all peers of an organisation, without a signer.
    pub(crate) fn gateway(
        &self,
        organization: &Organization,
        caller: &Credentials,
    ) -> Result<GatewayBuilder, Box<dyn Error>> {
        let identity = Identity::new(&organization.msp_id, self.file(&caller.cert)?)?;
        let mut gateway = Gateway::builder(identity);
        for peer in &organization.peers {
            gateway = gateway.endpoint(self.endpoint(peer, caller)?);
        }
        Ok(gateway)
    }

    /// The caller's key.
    pub(crate) fn signer(&self, caller: &Credentials) -> Result<PrivateKeySigner, Box<dyn Error>> {
        Ok(PrivateKeySigner::from_pem(&self.file(&caller.key)?)?)
    }
}
