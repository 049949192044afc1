//! A profile as assignments for bash, so that scripts need no TOML of their own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{ChaincodeServer, Identity, Organization, Peer, Profile, ProfileError};

impl Profile {
    /// The profile as one bash assignment a line: single values, and arrays whose index is the position in the file.
    /// What is absent is `''`; the arrays of one family have the same length.
    ///
    /// # Errors
    /// [`ProfileError::Unprintable`] for a value with a line break, a NUL, or bytes that are not UTF-8.
    pub fn to_shell(&self) -> Result<String, ProfileError> {
        let mut script = Script::default();
        script.value("profile_name", &self.name)?;
        script.value("profile_version", &self.version)?;
        script.value("profile_channel", &self.channel)?;
        script.value("profile_chaincode", &self.chaincode)?;
        script.value("profile_folder", text("profile_folder", &self.folder)?)?;
        self.orderers_to_shell(&mut script)?;
        self.organizations_to_shell(&mut script)?;
        self.peers_to_shell(&mut script)?;
        Ok(script.lines)
    }

    fn orderers_to_shell(&self, script: &mut Script) -> Result<(), ProfileError> {
        let orderers = &self.orderers;
        script.array("orderer_address", orderers.iter().map(|orderer| Some(orderer.address.as_str())))?;
        script.array(
            "orderer_server_name",
            orderers.iter().map(|orderer| Some(orderer.server_name.as_str())),
        )?;
        script.files("orderer_tls_ca", orderers.iter().map(|orderer| Some(&orderer.tls_ca)))?;
        script.array("orderer_admin_address", orderers.iter().map(|orderer| orderer.admin_address.as_deref()))
    }

    fn organizations_to_shell(&self, script: &mut Script) -> Result<(), ProfileError> {
        let organizations = &self.organizations;
        script
            .array("org_name", organizations.iter().map(|organization| Some(organization.name.as_str())))?;
        script.array(
            "org_msp_id",
            organizations.iter().map(|organization| Some(organization.msp_id.as_str())),
        )?;

        type IdentityFile = fn(&Identity) -> Option<&PathBuf>;
        type Holder = fn(&Organization) -> Option<&Identity>;
        let identities: [(&str, Holder, IdentityFile); 7] = [
            ("org_admin_cert", |organization| organization.admin.as_ref(), |identity| Some(&identity.cert)),
            ("org_admin_key", |organization| organization.admin.as_ref(), |identity| Some(&identity.key)),
            (
                "org_admin_msp_dir",
                |organization| organization.admin.as_ref(),
                |identity| identity.msp_dir.as_ref(),
            ),
            (
                "org_admin_tls_cert",
                |organization| organization.admin.as_ref(),
                |identity| identity.tls_cert.as_ref(),
            ),
            (
                "org_admin_tls_key",
                |organization| organization.admin.as_ref(),
                |identity| identity.tls_key.as_ref(),
            ),
            ("org_user_cert", |organization| organization.user.as_ref(), |identity| Some(&identity.cert)),
            ("org_user_key", |organization| organization.user.as_ref(), |identity| Some(&identity.key)),
        ];
        for (name, holder, file) in identities {
            script
                .files(name, organizations.iter().map(|organization| holder(organization).and_then(file)))?;
        }

        let servers = || organizations.iter().map(|organization| organization.chaincode.as_ref());
        type ServerText = fn(&ChaincodeServer) -> Option<&str>;
        let texts: [(&str, ServerText); 3] = [
            ("org_chaincode_address", |server| Some(&server.address)),
            ("org_chaincode_listen", |server| server.listen.as_deref()),
            ("org_chaincode_package_id", |server| server.package_id.as_deref()),
        ];
        for (name, text) in texts {
            script.array(name, servers().map(|server| server.and_then(text)))?;
        }
        type ServerFile = fn(&ChaincodeServer) -> Option<&PathBuf>;
        let files: [(&str, ServerFile); 6] = [
            ("org_chaincode_tls_cert", |server| Some(&server.tls_cert)),
            ("org_chaincode_tls_key", |server| Some(&server.tls_key)),
            ("org_chaincode_client_ca", |server| Some(&server.client_ca)),
            ("org_chaincode_server_ca", |server| server.server_ca.as_ref()),
            ("org_chaincode_client_cert", |server| server.client_cert.as_ref()),
            ("org_chaincode_client_key", |server| server.client_key.as_ref()),
        ];
        for (name, file) in files {
            script.files(name, servers().map(|server| server.and_then(file)))?;
        }
        Ok(())
    }

    fn peers_to_shell(&self, script: &mut Script) -> Result<(), ProfileError> {
        let peers: Vec<(String, &Peer)> = self
            .organizations
            .iter()
            .enumerate()
            .flat_map(|(index, organization)| {
                organization.peers.iter().map(move |peer| (index.to_string(), peer))
            })
            .collect();
        script.array("peer_org", peers.iter().map(|(index, _)| Some(index.as_str())))?;
        script.array("peer_address", peers.iter().map(|(_, peer)| Some(peer.address.as_str())))?;
        script.array("peer_server_name", peers.iter().map(|(_, peer)| Some(peer.server_name.as_str())))?;
        script.files("peer_tls_ca", peers.iter().map(|(_, peer)| Some(&peer.tls_ca)))
    }
}

/// Assignments, one a line.
#[derive(Default)]
struct Script {
    lines: String,
}

impl Script {
    fn value(&mut self, name: &str, value: &str) -> Result<(), ProfileError> {
        let quoted = quote(name, value)?;
        self.line(name, &quoted);
        Ok(())
    }

    fn array<'a>(
        &mut self,
        name: &str,
        values: impl Iterator<Item = Option<&'a str>>,
    ) -> Result<(), ProfileError> {
        let quoted: Vec<String> =
            values.map(|value| quote(name, value.unwrap_or_default())).collect::<Result<_, _>>()?;
        self.line(name, &format!("({})", quoted.join(" ")));
        Ok(())
    }

    fn files<'a>(
        &mut self,
        name: &str,
        files: impl Iterator<Item = Option<&'a PathBuf>>,
    ) -> Result<(), ProfileError> {
        let texts: Vec<Option<&str>> =
            files.map(|file| file.map(|file| text(name, file)).transpose()).collect::<Result<_, _>>()?;
        self.array(name, texts.into_iter())
    }

    fn line(&mut self, name: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.lines, "{name}={value}");
    }
}

fn text<'a>(field: &str, file: &'a Path) -> Result<&'a str, ProfileError> {
    file.to_str().ok_or_else(|| ProfileError::Unprintable { field: field.to_owned() })
}

fn quote(field: &str, value: &str) -> Result<String, ProfileError> {
    if value.contains(['\n', '\r', '\0']) {
        return Err(ProfileError::Unprintable { field: field.to_owned() });
    }
    Ok(format!("'{}'", value.replace('\'', r"'\''")))
}
