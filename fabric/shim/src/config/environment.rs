//! The two families of environment variables that chaincode images are given.

use std::path::PathBuf;

use super::{ConfigError, ServerConfig, TlsConfig};

/// Where to listen and how to serve, as the environment says.
///
/// | says | variables |
/// | --- | --- |
/// | address to listen on, `host:port` or `:port` | `CHAINCODE_SERVER_ADDRESS` |
/// | MSP id of the peer's organisation, optional | `CORE_PEER_LOCALMSPID` |
/// | package id | `CORE_CHAINCODE_ID_NAME` or `CHAINCODE_ID` |
/// | TLS, as Fabric's Go contract API reads it | `CORE_PEER_TLS_ENABLED` (`true`), `CORE_TLS_CLIENT_KEY_FILE`, `CORE_TLS_CLIENT_CERT_FILE`, `CORE_PEER_TLS_ROOTCERT_FILE` (the peers' CA, optional) |
/// | TLS, as Fabric's samples read it | `CHAINCODE_TLS_DISABLED` (`false`), `CHAINCODE_TLS_KEY`, `CHAINCODE_TLS_CERT`, `CHAINCODE_CLIENT_CA_CERT` (optional) |
///
/// TLS is on if either family turns it on; the first one wins. An empty variable counts as missing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Environment {
    /// Address to listen on.
    pub address: String,
    /// How to serve.
    pub config: ServerConfig,
}

/// Names of the variables of one family.
struct Family {
    key: &'static str,
    certificate: &'static str,
    client_ca: &'static str,
}

const CORE: Family = Family {
    key: "CORE_TLS_CLIENT_KEY_FILE",
    certificate: "CORE_TLS_CLIENT_CERT_FILE",
    client_ca: "CORE_PEER_TLS_ROOTCERT_FILE",
};
const SAMPLES: Family = Family {
    key: "CHAINCODE_TLS_KEY",
    certificate: "CHAINCODE_TLS_CERT",
    client_ca: "CHAINCODE_CLIENT_CA_CERT",
};

impl Environment {
    /// Reads this process's environment and the files that it names.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable that is missing or wrong.
    pub fn read() -> Result<Self, ConfigError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// As [`read`](Self::read), from any source of variables.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let address = variable("CHAINCODE_SERVER_ADDRESS").ok_or(ConfigError::Missing {
            names: "CHAINCODE_SERVER_ADDRESS",
            meaning: "the address to listen on, like 0.0.0.0:9999",
        })?;
        let package_id = variable("CORE_CHAINCODE_ID_NAME").or_else(|| variable("CHAINCODE_ID"));
        let package_id = package_id.ok_or(ConfigError::Missing {
            names: "CORE_CHAINCODE_ID_NAME or CHAINCODE_ID",
            meaning: "the package id that the peer printed on installation",
        })?;
        let core = flag(&variable, "CORE_PEER_TLS_ENABLED")?.unwrap_or(false);
        let samples = !flag(&variable, "CHAINCODE_TLS_DISABLED")?.unwrap_or(true);
        let family = if core { Some(CORE) } else { samples.then_some(SAMPLES) };
        let tls = family.map(|family| family.read(&variable)).transpose()?;

        // Go programs take ":port" for every interface.
        let address = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address };
        let local_msp_id = variable("CORE_PEER_LOCALMSPID");
        Ok(Self { address, config: ServerConfig { tls, local_msp_id, ..ServerConfig::new(package_id) } })
    }
}

impl Family {
    fn read(&self, variable: &impl Fn(&str) -> Option<String>) -> Result<TlsConfig, ConfigError> {
        let required =
            |name, meaning| file(variable, name)?.ok_or(ConfigError::Missing { names: name, meaning });
        Ok(TlsConfig {
            key: required(self.key, "the file with the server's private key")?,
            certificate: required(self.certificate, "the file with the server's certificate")?,
            client_ca: file(variable, self.client_ca)?,
        })
    }
}

pub(super) fn flag(
    variable: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<bool>, ConfigError> {
    let Some(value) = variable(name) else { return Ok(None) };
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" => Ok(Some(true)),
        "false" | "0" | "f" => Ok(Some(false)),
        _ => Err(ConfigError::Invalid { name, value, expected: "true or false" }),
    }
}

pub(super) fn file(
    variable: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<Vec<u8>>, ConfigError> {
    let Some(path) = variable(name).map(PathBuf::from) else { return Ok(None) };
    std::fs::read(&path).map(Some).map_err(|source| ConfigError::File { name, path, source })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::error::Error;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, ConfigError> {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        Environment::from_variables(|name| variables.get(name).map(ToString::to_string))
    }

    const ADDRESS: (&str, &str) = ("CHAINCODE_SERVER_ADDRESS", ":9999");

    #[test]
    fn both_names_of_the_package_id_do() {
        for name in ["CORE_CHAINCODE_ID_NAME", "CHAINCODE_ID"] {
            let environment = read(&[ADDRESS, (name, "basic:ab")]).unwrap();
            assert_eq!(environment.address, "0.0.0.0:9999");
            assert_eq!(environment.config.package_id, "basic:ab");
            assert!(environment.config.tls.is_none());
        }
        let error = read(&[ADDRESS, ("CHAINCODE_ID", "")]).unwrap_err();
        assert!(error.to_string().contains("CORE_CHAINCODE_ID_NAME or CHAINCODE_ID"));
    }

    #[test]
    fn both_families_turn_tls_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, name).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (key, certificate, client_ca) = (path("key"), path("certificate"), path("ca"));
        for (switch, family) in
            [(("CORE_PEER_TLS_ENABLED", "true"), CORE), (("CHAINCODE_TLS_DISABLED", "FALSE"), SAMPLES)]
        {
            let id = ("CHAINCODE_ID", "basic:ab");
            let mut variables =
                vec![ADDRESS, id, switch, (family.key, &key), (family.certificate, &certificate)];
            let tls = read(&variables).unwrap().config.tls.unwrap();
            assert_eq!((tls.key.as_slice(), tls.certificate.as_slice()), (&b"key"[..], &b"certificate"[..]));
            assert!(tls.client_ca.is_none());

            variables.push((family.client_ca, &client_ca));
            assert_eq!(read(&variables).unwrap().config.tls.unwrap().client_ca.unwrap(), b"ca");

            variables.retain(|(name, _)| *name != family.key);
            assert!(read(&variables).unwrap_err().to_string().contains(family.key));

            variables.push((family.key, "/nowhere/key"));
            assert!(read(&variables).unwrap_err().source().is_some());
        }
    }

    #[test]
    fn a_switch_that_is_neither_on_nor_off_is_refused() {
        let error = read(&[ADDRESS, ("CHAINCODE_ID", "i"), ("CORE_PEER_TLS_ENABLED", "yes")]).unwrap_err();
        assert_eq!(error.to_string(), "CORE_PEER_TLS_ENABLED is \"yes\", not true or false");
    }
}
