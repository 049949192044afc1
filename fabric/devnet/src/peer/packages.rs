//! The chaincode packages that an organisation has installed, and the processes that they lead to.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flate2::read::GzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::chaincode::calls::Features;
use crate::chaincode::process::{Pem, Process, Target, TargetTls};

/// Largest package, and largest file in one, in bytes.
const MAX_PACKAGE: u64 = 16 * 1024 * 1024;

/// A package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// Label and hash.
    pub(crate) id: String,
    /// The label in its metadata.
    pub(crate) label: String,
    connection: ConnectionFile,
}

#[derive(Debug, Deserialize)]
struct MetadataFile {
    label: String,
    #[serde(rename = "type")]
    kind: String,
}

/// `connection.json` of a chaincode that runs as a service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct ConnectionFile {
    address: String,
    #[serde(default)]
    domain: String,
    #[serde(default)]
    tls_required: bool,
    #[serde(default)]
    root_cert: String,
    #[serde(default)]
    client_auth_required: bool,
    #[serde(default)]
    client_key: String,
    #[serde(default)]
    client_cert: String,
}

/// What one organisation has installed.
pub(crate) struct Packages {
    folder: PathBuf,
    execute_timeout: Duration,
    features: Features,
    shutdown: CancellationToken,
    installed: Mutex<BTreeMap<String, Package>>,
    processes: Mutex<HashMap<(String, String), Arc<Process>>>,
}

impl fmt::Debug for Packages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Packages").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Packages {
    /// What is installed in a folder; files that are no packages are passed over.
    pub(crate) fn open(
        folder: PathBuf,
        execute_timeout: Duration,
        features: Features,
        shutdown: CancellationToken,
    ) -> Self {
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let packages = files.filter_map(|file| read(&std::fs::read(file.path()).ok()?).ok());
        let installed = packages.map(|package| (package.id.clone(), package)).collect();
        Self {
            folder,
            execute_timeout,
            features,
            shutdown,
            installed: Mutex::new(installed),
            processes: Mutex::default(),
        }
    }

    /// Installs a package.
    ///
    /// # Errors
    /// When it is no package of a chaincode that runs as a service, is there already, or cannot be kept.
    pub(crate) fn install(&self, bytes: &[u8]) -> Result<Package, String> {
        let package = read(bytes)?;
        let mut installed = self.installed();
        if installed.contains_key(&package.id) {
            return Err(format!("chaincode already successfully installed (package ID '{}')", package.id));
        }
        let failed = |error: std::io::Error| format!("could not save the package: {error}");
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let path = self.path(&package.id);
        let unfinished = path.with_extension("unfinished");
        std::fs::write(&unfinished, bytes).map_err(failed)?;
        std::fs::rename(&unfinished, &path).map_err(failed)?;
        installed.insert(package.id.clone(), package.clone());
        Ok(package)
    }

    /// The file of an installed package.
    ///
    /// # Errors
    /// When it is not installed, or cannot be read.
    pub(crate) fn bytes(&self, package_id: &str) -> Result<Vec<u8>, String> {
        if !self.installed().contains_key(package_id) {
            return Err(format!("chaincode install package '{package_id}' not found"));
        }
        std::fs::read(self.path(package_id))
            .map_err(|error| format!("error reading chaincode install package '{package_id}': {error}"))
    }

    fn path(&self, package_id: &str) -> PathBuf {
        self.folder.join(format!("{}.tar.gz", package_id.replace(':', ".")))
    }

    /// Ids and labels.
    pub(crate) fn list(&self) -> Vec<(String, String)> {
        self.installed().values().map(|package| (package.id.clone(), package.label.clone())).collect()
    }

    /// The process of an installed package, for a chaincode.
    pub(crate) fn process(&self, chaincode: &str, package_id: &str) -> Option<Arc<Process>> {
        let package = self.installed().get(package_id)?.clone();
        let key = (chaincode.to_owned(), package_id.to_owned());
        let mut processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        let process = processes.entry(key).or_insert_with(|| {
            let target = self.target(chaincode, package);
            Arc::new(Process::new(target, self.shutdown.clone()))
        });
        Some(Arc::clone(process))
    }

    fn target(&self, chaincode: &str, package: Package) -> Target {
        let Package { id, connection, .. } = package;
        let host = connection.address.rsplit_once(':').map_or("", |(host, _)| host).to_owned();
        let text = |text: String| Pem::Text(text.into_bytes());
        let tls = connection.tls_required.then(|| TargetTls {
            server_name: if connection.domain.is_empty() { host } else { connection.domain },
            ca: text(connection.root_cert),
            identity: connection
                .client_auth_required
                .then(|| (text(connection.client_cert), text(connection.client_key))),
        });
        Target {
            chaincode: chaincode.to_owned(),
            address: connection.address,
            package_id: Some(id),
            tls,
            execute_timeout: self.execute_timeout,
            features: self.features,
        }
    }

    fn installed(&self) -> MutexGuard<'_, BTreeMap<String, Package>> {
        self.installed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a package of a chaincode that runs as a service.
pub(crate) fn read(bytes: &[u8]) -> Result<Package, String> {
    let metadata = file(bytes, "metadata.json")?;
    let metadata: MetadataFile = serde_json::from_slice(&metadata)
        .map_err(|error| format!("could not parse as a chaincode install package: {error}"))?;
    if !metadata.kind.eq_ignore_ascii_case("ccaas") {
        return Err(format!(
            "hlf-devnet does not support chaincode of type {:?}, only ccaas: it builds and starts nothing",
            metadata.kind
        ));
    }
    let inner = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '+' | '-');
    let label = metadata.label;
    if !label.starts_with(|first: char| first.is_ascii_alphanumeric()) || !label.chars().all(inner) {
        return Err(format!(
            "invalid label '{label}'. Label must be non-empty, can only consist of alphanumerics, symbols from '.+-_', and can only begin with alphanumerics"
        ));
    }
    let code = file(bytes, "code.tar.gz")?;
    let connection = file(&code, "connection.json")?;
    let connection = serde_json::from_slice(&connection)
        .map_err(|error| format!("malformed connection.json in the package: {error}"))?;
    let id = format!("{label}:{}", hex::encode(Sha256::digest(bytes)));
    Ok(Package { id, label, connection })
}

/// One file of a gzipped archive.
fn file(archive: &[u8], name: &str) -> Result<Vec<u8>, String> {
    let malformed =
        |error: std::io::Error| format!("could not parse as a chaincode install package: {error}");
    let mut archive = tar::Archive::new(GzDecoder::new(archive).take(MAX_PACKAGE));
    for entry in archive.entries().map_err(malformed)? {
        let entry = entry.map_err(malformed)?;
        let path = entry.path().map_err(malformed)?.into_owned();
        if path.strip_prefix("./").unwrap_or(&path) == std::path::Path::new(name) {
            let mut bytes = Vec::new();
            entry.take(MAX_PACKAGE).read_to_end(&mut bytes).map_err(malformed)?;
            return Ok(bytes);
        }
    }
    Err(format!("did not find any package {name}"))
}
