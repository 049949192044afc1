//! The network's configuration file, `devnet.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::core::definition::Definition;
use crate::core::policy::{MAX_ORGANISATIONS, Policy};

mod collection;
mod sketch;

pub use crate::core::policy::PolicyError;
pub use collection::{Collection, CollectionsError, read_collections};
pub use sketch::Sketch;

/// Name of the configuration file in the network's folder.
pub const FILE: &str = "devnet.toml";

/// How far the time of a request may be from a peer's, as Fabric's sample configuration has it.
pub(crate) const DEFAULT_TIME_WINDOW: Duration = Duration::from_secs(15 * 60);

/// What runs: the channel, its organisations and its chaincodes. Paths are relative to the network's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Name of the channel.
    pub channel: String,
    /// Longest time from the first transaction of a block to the block, like `100ms`.
    #[serde(with = "duration_text", default = "default_block_time")]
    pub block_time: Duration,
    /// Most transactions in a block.
    #[serde(default = "default_block_size")]
    pub block_size: usize,
    /// How far the time of a proposal or of a request for blocks may be from the network's, like `15m`. `0s` turns the
    /// check of proposals off, as before 3.0; for requests it stands for `15m`.
    #[serde(with = "duration_text", default = "default_time_window")]
    pub time_window: Duration,
    /// Longest time for one transaction in a chaincode, like `30s`.
    #[serde(with = "duration_text", default = "default_execute_timeout")]
    pub execute_timeout: Duration,
    /// True to offer chaincodes write batches and reads of several keys, as peers since 3.1 do.
    #[serde(default = "default_batches")]
    pub batches: bool,
    /// The state database whose abilities the network has.
    #[serde(default)]
    pub state_database: StateDatabase,
    /// True if clients must show a TLS certificate of an organisation: mutual TLS.
    #[serde(default)]
    pub mutual_tls: bool,
    /// The organisations.
    pub organizations: Vec<Organization>,
    /// The chaincodes.
    #[serde(default)]
    pub chaincodes: Vec<Chaincode>,
}

/// What a peer's state database can do. The state itself is always kept in one file of the network's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StateDatabase {
    /// Rich queries over JSON values.
    #[default]
    CouchDb,
    /// No rich queries.
    LevelDb,
}

/// An organisation with one peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Organization {
    /// Its name, like `Bank`.
    pub name: String,
    /// Its MSP id, like `BankMSP`.
    pub msp_id: String,
    /// Its domain, like `bank.lockstep.test`; the name of its folder of identities.
    pub domain: String,
    /// Where its gateway listens, `host:port`.
    pub gateway: String,
}

/// A chaincode of the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Chaincode {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default = "default_version")]
    pub version: String,
    /// Who must endorse, like `OutOf(2, 'BankMSP.peer', 'ClientMSP.peer', 'VendorMSP.peer')` or
    /// `MAJORITY Endorsement`, which it is unless something else is said.
    #[serde(default = "default_policy")]
    pub policy: String,
    /// True if it must be initialised before anything else.
    #[serde(default)]
    pub init_required: bool,
    /// Its private collections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<Collection>,
    /// The organisations that run it, and where.
    pub processes: Vec<Process>,
}

/// One organisation's process of a chaincode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Process {
    /// The organisation.
    pub msp_id: String,
    /// Where the process listens, `host:port`.
    pub address: String,
    /// The id that the process must give when it registers; any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_id: Option<String>,
    /// TLS to the process; plain text, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ProcessTls>,
}

/// TLS to a chaincode process. The network shows the peer's own TLS certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ProcessTls {
    /// Name in the process's certificate.
    pub server_name: String,
    /// Authority of the process's certificate.
    pub ca: PathBuf,
}

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a configuration.
    #[error("{path} is not a configuration")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// The configuration cannot be written as TOML.
    #[error("the configuration cannot be written")]
    Serialize(#[from] toml::ser::Error),
    /// No organisation.
    #[error("the network has no organisations")]
    NoOrganizations,
    /// More organisations than it can find sets of endorsers among.
    #[error(
        "a network has at most {MAX_ORGANISATIONS} organisations; leave out {}",
        .0.join(", ")
    )]
    TooManyOrganizations(Vec<String>),
    /// Two organisations or chaincodes of one name, or two listeners of one address.
    #[error("{0} is there twice")]
    Twice(String),
    /// A process of an organisation that does not exist.
    #[error("chaincode {chaincode} names the unknown organisation {msp_id}")]
    UnknownOrganization {
        /// The chaincode.
        chaincode: String,
        /// The organisation.
        msp_id: String,
    },
    /// A policy does not read.
    #[error("the policy of chaincode {chaincode} is wrong")]
    Policy {
        /// The chaincode.
        chaincode: String,
        /// Why.
        #[source]
        source: PolicyError,
    },
    /// A collection is not right.
    #[error("the collection {collection} of chaincode {chaincode} is wrong")]
    Collection {
        /// The chaincode.
        chaincode: String,
        /// The collection.
        collection: String,
        /// Why.
        #[source]
        source: PolicyError,
    },
    /// Collections of a chaincode that is not there.
    #[error("there is no chaincode {0} to have collections")]
    NoChaincode(String),
    /// The majority of the organisations is no policy.
    #[error("the organisations have no majority")]
    Majority(#[source] PolicyError),
    /// A block without room.
    #[error("block_size must be at least 1")]
    BlockSize,
    /// A port above 65535.
    #[error("the port base {0} is too high")]
    PortBase(u16),
    /// A name that cannot be part of a host name.
    #[error("{0:?} is no organisation name: letters, digits and hyphens only")]
    OrganizationName(String),
}

impl Organization {
    /// An organisation whose MSP id is its name with `MSP` after it.
    #[must_use]
    pub fn new(name: impl Into<String>, domain: impl Into<String>, gateway: impl Into<String>) -> Self {
        let name = name.into();
        Self { msp_id: format!("{name}MSP"), name, domain: domain.into(), gateway: gateway.into() }
    }
}

impl Chaincode {
    /// A chaincode that a majority must endorse.
    #[must_use]
    pub fn new(name: impl Into<String>, processes: Vec<Process>) -> Self {
        Self {
            name: name.into(),
            version: default_version(),
            policy: default_policy(),
            init_required: false,
            collections: Vec::new(),
            processes,
        }
    }
}

impl Process {
    /// A process without TLS, whatever its package.
    #[must_use]
    pub fn new(msp_id: impl Into<String>, address: impl Into<String>) -> Self {
        Self { msp_id: msp_id.into(), address: address.into(), package_id: None, tls: None }
    }
}

impl ProcessTls {
    /// TLS to a process with this name in its certificate, by this authority.
    #[must_use]
    pub fn new(server_name: impl Into<String>, ca: impl Into<PathBuf>) -> Self {
        Self { server_name: server_name.into(), ca: ca.into() }
    }
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// When it cannot be read or makes no sense.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })?;
        config.check()?;
        Ok(config)
    }

    /// Writes the configuration file of the network in `folder`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), ConfigError> {
        let path = folder.join(FILE);
        let text = format!(
            "# Configuration of this devnet. `hlf-devnet up --config FILE` takes a changed one.\n{}",
            toml::to_string(self)?
        );
        std::fs::write(&path, text).map_err(|source| ConfigError::Write { path, source })
    }

    /// The organisation with this MSP id.
    #[must_use]
    pub fn organization(&self, msp_id: &str) -> Option<&Organization> {
        self.organizations.iter().find(|organization| organization.msp_id == msp_id)
    }

    /// MSP ids of the organisations.
    #[must_use]
    pub fn msp_ids(&self) -> Vec<String> {
        self.organizations.iter().map(|organization| organization.msp_id.clone()).collect()
    }

    /// A chaincode's definition, with its policies read.
    ///
    /// # Errors
    /// When a policy does not read.
    pub(crate) fn definition(&self, chaincode: &Chaincode) -> Result<Definition, ConfigError> {
        let msp_ids = self.msp_ids();
        let name = || chaincode.name.clone();
        let policy = Policy::read(&chaincode.policy, &msp_ids)
            .map_err(|source| ConfigError::Policy { chaincode: name(), source })?;
        let mut collections = BTreeMap::new();
        for collection in &chaincode.collections {
            let read = collection.read(&msp_ids).map_err(|source| ConfigError::Collection {
                chaincode: name(),
                collection: collection.name.clone(),
                source,
            })?;
            if collections.insert(collection.name.clone(), read).is_some() {
                return Err(ConfigError::Twice(format!("collection {}", collection.name)));
            }
        }
        let (version, init_required) = (chaincode.version.clone(), chaincode.init_required);
        Ok(Definition { version, sequence: 1, policy, init_required, collections, terms: None })
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.organizations.is_empty() {
            return Err(ConfigError::NoOrganizations);
        }
        if let Some(surplus) =
            self.organizations.get(MAX_ORGANISATIONS..).filter(|surplus| !surplus.is_empty())
        {
            let names = surplus.iter().map(|organization| organization.name.clone()).collect();
            return Err(ConfigError::TooManyOrganizations(names));
        }
        if self.block_size == 0 {
            return Err(ConfigError::BlockSize);
        }
        let mut names = BTreeSet::new();
        let mut once = |name: String| {
            if names.insert(name.clone()) { Ok(()) } else { Err(ConfigError::Twice(name)) }
        };
        for Organization { msp_id, domain, gateway, .. } in &self.organizations {
            once(format!("organisation {msp_id}"))?;
            once(format!("domain {domain}"))?;
            // Port 0 stands for any free port.
            if !gateway.ends_with(":0") {
                once(format!("address {gateway}"))?;
            }
        }
        for chaincode in &self.chaincodes {
            once(format!("chaincode {}", chaincode.name))?;
            self.check_chaincode(chaincode)?;
            for process in &chaincode.processes {
                once(format!("address {}", process.address))?;
                once(format!("process of {} for {}", chaincode.name, process.msp_id))?;
            }
        }
        Ok(())
    }

    fn check_chaincode(&self, chaincode: &Chaincode) -> Result<(), ConfigError> {
        let name = || chaincode.name.clone();
        self.definition(chaincode)?;
        let unknown = |process: &&Process| self.organization(&process.msp_id).is_none();
        match chaincode.processes.iter().find(unknown) {
            None => Ok(()),
            Some(process) => {
                Err(ConfigError::UnknownOrganization { chaincode: name(), msp_id: process.msp_id.clone() })
            }
        }
    }
}

fn default_block_time() -> Duration {
    Duration::from_millis(100)
}

fn default_block_size() -> usize {
    500
}

fn default_time_window() -> Duration {
    DEFAULT_TIME_WINDOW
}

fn default_execute_timeout() -> Duration {
    Duration::from_secs(30)
}

fn default_batches() -> bool {
    true
}

fn default_policy() -> String {
    "MAJORITY Endorsement".to_owned()
}

fn default_version() -> String {
    "1.0".to_owned()
}

/// Durations as text: `100ms`, `30s`, `15m`.
mod duration_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*duration))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
