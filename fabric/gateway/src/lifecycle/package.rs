//! Chaincode packages.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};

use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tar::{Archive, EntryType, Header};

use super::error::PackageError;
use super::gzip;
use super::service::ChaincodeServer;

/// The name of a package on every peer: its label, a colon, and the SHA-256 of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageId(String);

impl PackageId {
    /// The id as peers write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes an id as a peer wrote it.
impl From<String> for PackageId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What `metadata.json` says; its fields in the order of the `peer` program.
#[derive(Serialize, Deserialize)]
struct Metadata {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
    label: String,
}

const METADATA: &str = "metadata.json";
const CODE: &str = "code.tar.gz";
/// A `metadata.json` is not longer than this.
const LONGEST_METADATA: u64 = 64 * 1024;

/// A chaincode package: a tar archive under gzip, as peers install it.
///
/// The same content makes the same bytes, and so the same id, with every version of this crate.
///
/// ```
/// use hlf_gateway::lifecycle::{ChaincodeServer, Package};
///
/// let package = Package::of_service("basic_1.0", &ChaincodeServer::new("127.0.0.1:9999"))?;
/// assert!(package.id().as_str().starts_with("basic_1.0:"));
/// assert_eq!(Package::from_bytes(package.bytes().to_vec())?.id(), package.id());
/// # Ok::<(), hlf_gateway::lifecycle::PackageError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Package {
    label: String,
    bytes: Vec<u8>,
}

impl Package {
    /// The package of a chaincode that runs as a service, for the peers that find it at `server`.
    ///
    /// # Errors
    /// [`PackageError::Label`].
    pub fn of_service(label: impl Into<String>, server: &ChaincodeServer) -> Result<Self, PackageError> {
        PackageBuilder::new(label, "ccaas").file("connection.json", server.connection_json()).build()
    }

    /// Takes a package that was made before, by whatever program.
    ///
    /// # Errors
    /// [`PackageError`] when it is none.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, PackageError> {
        let mut archive = Archive::new(GzDecoder::new(bytes.as_slice()));
        for entry in archive.entries().map_err(PackageError::Unreadable)? {
            let entry = entry.map_err(PackageError::Unreadable)?;
            if entry.path_bytes().as_ref() != METADATA.as_bytes() {
                continue;
            }
            if entry.size() > LONGEST_METADATA {
                return Err(PackageError::Metadata);
            }
            let mut text = Vec::new();
            entry.take(LONGEST_METADATA).read_to_end(&mut text).map_err(PackageError::Unreadable)?;
            let metadata: Metadata =
                serde_json::from_slice(&text).map_err(|_error| PackageError::Metadata)?;
            check_label(&metadata.label)?;
            return Ok(Self { label: metadata.label, bytes });
        }
        Err(PackageError::Metadata)
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The package's file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The id, as peers calculate it.
    #[must_use]
    pub fn id(&self) -> PackageId {
        PackageId(format!("{}:{}", self.label, hex::encode(Sha256::digest(&self.bytes))))
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Package").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Puts a [`Package`] together from files.
#[derive(Clone)]
#[must_use = "a builder does nothing until it builds"]
pub struct PackageBuilder {
    label: String,
    kind: String,
    path: String,
    files: Vec<(String, Vec<u8>)>,
}

impl PackageBuilder {
    /// A package of this kind: `ccaas` for chaincode that runs as a service; `golang`, `node`, `java` for those that peers
    /// build; or what an external builder knows.
    pub fn new(label: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { label: label.into(), kind: kind.into(), path: String::new(), files: Vec::new() }
    }

    /// Says where the code lies in the package; Go chaincode needs its import path.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Adds a file of the code, `META-INF/statedb/couchdb/indexes/owner.json` for example.
    pub fn file(mut self, name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.into(), content.into()));
        self
    }

    /// The package. The order in which the files were added does not matter.
    ///
    /// # Errors
    /// [`PackageError`] when the label or a file's name is no good.
    pub fn build(self) -> Result<Package, PackageError> {
        check_label(&self.label)?;
        let mut files = BTreeMap::new();
        for (name, content) in self.files {
            let usable = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
            if !usable || files.contains_key(&name) {
                return Err(PackageError::FileName { name });
            }
            files.insert(name, content);
        }
        let code = archive(files.iter().map(|(name, content)| (name.as_str(), content.as_slice())))?;
        let metadata = Metadata { path: self.path, kind: self.kind, label: self.label.clone() };
        let metadata =
            serde_json::to_vec(&metadata).map_err(|error| PackageError::Unreadable(error.into()))?;
        let bytes = archive([(METADATA, metadata.as_slice()), (CODE, code.as_slice())])?;
        Ok(Package { label: self.label, bytes })
    }
}

impl fmt::Debug for PackageBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.files.iter().map(|(name, _)| name).collect();
        f.debug_struct("PackageBuilder")
            .field("label", &self.label)
            .field("files", &names)
            .finish_non_exhaustive()
    }
}

/// Letters, digits and `.+-_`, beginning with a letter or digit.
fn check_label(label: &str) -> Result<(), PackageError> {
    let mut characters = label.bytes();
    let begins = characters.next().is_some_and(|first| first.is_ascii_alphanumeric());
    if begins && characters.all(|byte| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte)) {
        Ok(())
    } else {
        Err(PackageError::Label { label: label.to_owned() })
    }
}

/// A tar archive under gzip, without anything that differs from run to run.
fn archive<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Vec<u8>, PackageError> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o100_644);
        header.set_size(u64::try_from(content.len()).unwrap_or(u64::MAX));
        let unusable = |_error: io::Error| PackageError::FileName { name: name.to_owned() };
        header.set_path(name).map_err(unusable)?;
        header.set_cksum();
        archive.append(&header, content).map_err(unusable)?;
    }
    archive.into_inner().map(|tar| gzip::stored(&tar)).map_err(PackageError::Unreadable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn files(gzip: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut archive = Archive::new(GzDecoder::new(gzip));
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            assert_eq!(entry.header().mtime().unwrap(), 0);
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().to_str().unwrap().to_owned(), content)
        });
        entries.collect()
    }

    #[test]
    fn the_same_content_is_the_same_package_in_every_version() {
        let server = ChaincodeServer::new("127.0.0.1:9999").dial_timeout(std::time::Duration::from_secs(10));
        let package = Package::of_service("basic_1.0", &server).unwrap();
        assert_eq!(
            package.id().as_str(),
            "basic_1.0:30d3ff076a098ad65538d8168c7f47d05a9a48c04d77e6f2d742949ab2759be1",
            "a package id has changed: those who deploy again would have to approve again"
        );
        let outer = files(package.bytes());
        assert_eq!(
            outer[0],
            (METADATA.into(), br#"{"path":"","type":"ccaas","label":"basic_1.0"}"#.to_vec())
        );
        assert_eq!(outer[1].0, CODE);
        let connection =
            br#"{"address":"127.0.0.1:9999","dial_timeout":"10000ms","tls_required":false}"#.to_vec();
        assert_eq!(files(&outer[1].1), [("connection.json".into(), connection)]);
    }

    #[test]
    fn the_order_of_the_files_does_not_matter() {
        let one = PackageBuilder::new("x", "ccaas").file("b", "2").file("META-INF/a.json", "1");
        let other = PackageBuilder::new("x", "ccaas").file("META-INF/a.json", "1").file("b", "2");
        assert_eq!(one.build().unwrap(), other.build().unwrap());
    }

    #[test]
    fn bad_labels_and_names_are_refused() {
        for label in ["", "-x", "a b", "a/b", "ä", "a:b"] {
            assert!(matches!(PackageBuilder::new(label, "ccaas").build(), Err(PackageError::Label { .. })));
        }
        for name in ["", "/x", "a/../b", "a//b", "./a", &"n".repeat(300)] {
            let package = PackageBuilder::new("x", "ccaas").file(name, "").build();
            assert!(matches!(package, Err(PackageError::FileName { .. })), "{name:?}");
        }
        let twice = PackageBuilder::new("x", "ccaas").file("a", "").file("a", "").build();
        assert!(matches!(twice, Err(PackageError::FileName { .. })));
    }

    #[test]
    fn a_server_is_described_with_its_certificates() {
        let server = ChaincodeServer::new("h:1").tls("ROOT").client_certificate("CERT", "KEY");
        let json: serde_json::Value = serde_json::from_slice(&server.connection_json()).unwrap();
        assert_eq!((&json["tls_required"], &json["client_auth_required"]), (&true.into(), &true.into()));
        assert_eq!((&json["root_cert"], &json["client_key"]), (&"ROOT".into(), &"KEY".into()));
        assert!(!format!("{server:?}").contains("KEY"));
    }

    proptest! {
        #[test]
        fn whatever_is_no_package_is_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Package::from_bytes(bytes.clone()).is_err());
            prop_assert!(Package::from_bytes(gzip::stored(&bytes)).is_err());
        }
    }
}
