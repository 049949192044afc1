//! A configuration from a few words.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Chaincode, Collection, Config, ConfigError, Organization, Process, ProcessTls, StateDatabase,
    default_batches, default_block_size, default_block_time, default_execute_timeout, default_time_window,
};

/// What `hlf-devnet up` makes a configuration from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Sketch {
    /// Names of the organisations, like `Bank`.
    pub organizations: Vec<String>,
    /// Name of the channel.
    pub channel: String,
    /// Names of the chaincodes.
    pub chaincodes: Vec<String>,
    /// Their private collections, by name of the chaincode.
    pub collections: BTreeMap<String, Vec<Collection>>,
    /// The domain below which the organisations' domains are.
    pub domain: String,
    /// Gateways listen on the ports above this one, chaincodes are dialled on those from 11 above it.
    pub port_base: u16,
    /// Longest time from the first transaction of a block to the block.
    pub block_time: Duration,
    /// Most transactions in a block.
    pub block_size: usize,
    /// True if clients must show a TLS certificate of an organisation.
    pub mutual_tls: bool,
}

/// What `hlf-devnet up` makes without any options.
impl Default for Sketch {
    fn default() -> Self {
        Self {
            organizations: ["Org1", "Org2", "Org3"].map(str::to_owned).to_vec(),
            channel: "mychannel".to_owned(),
            chaincodes: Vec::new(),
            collections: BTreeMap::new(),
            domain: "lockstep.test".to_owned(),
            port_base: 18050,
            block_time: default_block_time(),
            block_size: default_block_size(),
            mutual_tls: false,
        }
    }
}

impl Sketch {
    /// A network of organisations with these names, and otherwise as by [`default`](Self::default).
    pub fn new<I>(organizations: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self { organizations: organizations.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The full configuration: one gateway per organisation on base+1, base+2, …; the processes of the first
    /// chaincode on base+11, base+12, …, of the second on base+21, …; a majority must endorse.
    ///
    /// # Errors
    /// When the sketch makes no sense.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let address = |offset: usize| {
            let port = u16::try_from(offset).ok().and_then(|offset| self.port_base.checked_add(offset));
            port.map(|port| format!("127.0.0.1:{port}")).ok_or(ConfigError::PortBase(self.port_base))
        };
        let mut organizations = Vec::new();
        for (index, name) in self.organizations.iter().enumerate() {
            let usable = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
            if name.is_empty() || !usable {
                return Err(ConfigError::OrganizationName(name.clone()));
            }
            let domain = format!("{}.{}", name.to_ascii_lowercase(), self.domain);
            organizations.push(Organization::new(name, domain, address(1 + index)?));
        }
        if let Some(name) = self.collections.keys().find(|name| !self.chaincodes.contains(name)) {
            return Err(ConfigError::NoChaincode(name.clone()));
        }
        let mut chaincodes = Vec::new();
        for (number, name) in self.chaincodes.iter().enumerate() {
            let mut processes = Vec::new();
            for (index, Organization { msp_id, domain, .. }) in organizations.iter().enumerate() {
                let ca = format!("organizations/peerOrganizations/{domain}/tlsca/tlsca.{domain}-cert.pem");
                let tls = Some(ProcessTls::new(format!("chaincode.{domain}"), ca));
                let address = address(11 + 10 * number + index)?;
                processes.push(Process { tls, ..Process::new(msp_id, address) });
            }
            let collections = self.collections.get(name).cloned().unwrap_or_default();
            chaincodes.push(Chaincode { collections, ..Chaincode::new(name, processes) });
        }
        let config = Config {
            channel: self.channel.clone(),
            block_time: self.block_time,
            block_size: self.block_size,
            time_window: default_time_window(),
            execute_timeout: default_execute_timeout(),
            batches: default_batches(),
            state_database: StateDatabase::default(),
            mutual_tls: self.mutual_tls,
            organizations,
            chaincodes,
        };
        config.check()?;
        Ok(config)
    }
}
