//! The bank's configuration file.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockstep_protocol::hash::{LedgerId, ShortText};
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::MaxDrift;
use serde::{Deserialize, Deserializer, de};

use super::{Settings, keeper};
use crate::home::Home;

/// File of the bank's master key in its home folder.
pub const KEY_FILE: &str = "bank-key.pem";
const BOOKS_FILE: &str = "books.db";

/// `config.toml` of a bank's home folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankConfig {
    /// The network profile; a path in the home folder, or absolute.
    pub profile: PathBuf,
    /// The MSP id of the bank's organisation.
    pub organization: ShortText,
    /// The bank's key; its secret lies in [`KEY_FILE`].
    pub bank_key: PublicKey,
    /// The ledger that the bank works on.
    pub ledger: LedgerId,
    /// Where the HTTP interface listens.
    pub listen: String,
    /// D of the bank's registration; it cannot change once the bank is registered.
    #[serde(deserialize_with = "drift")]
    pub max_drift: MaxDrift,
    /// Longest time from an opening to its expiry.
    #[serde(deserialize_with = "duration")]
    pub max_life: Duration,
    /// How long a credential is valid.
    #[serde(deserialize_with = "duration")]
    pub credential_life: Duration,
    /// How often the bank looks for channels that it has to cancel, refund, freeze or resolve.
    #[serde(default = "keeper_period", deserialize_with = "duration")]
    pub keeper_period: Duration,
    /// The books: `sqlite://…`, `postgres://…`, or '' for a file in the home folder.
    #[serde(default)]
    pub database: String,
    /// The log of openings and decisions; a path in the home folder, or absolute.
    pub opening_log: PathBuf,
}

impl BankConfig {
    /// What the operator has decided.
    pub fn settings(&self) -> Settings {
        Settings {
            organization: self.organization.clone(),
            max_drift: self.max_drift,
            max_life: self.max_life,
            credential_life: self.credential_life,
        }
    }

    /// Whether one loss, or one restore, takes both the books and the log that is there to make up for it.
    pub fn log_lies_with_books(&self, home: &Home) -> bool {
        let canonical = |folder: &Path| folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let log = home.path(&self.opening_log);
        let log = log.parent().map(canonical);
        log.is_some() && log == sqlite_folder(&self.database_url(home)).as_deref().map(canonical)
    }

    /// The address of the books' database.
    pub fn database_url(&self, home: &Home) -> String {
        if self.database.is_empty() { sqlite_url(&home.path(BOOKS_FILE)) } else { self.database.clone() }
    }
}

/// The folder of an SQLite database; `None` for a database on a server.
fn sqlite_folder(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let decoded = percent_decoded(path);
    Path::new(&decoded).parent().map(Path::to_owned)
}

fn percent_decoded(text: &str) -> OsString {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| hex::decode(digits).ok());
        match escaped {
            Some(byte) => {
                bytes.extend(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(bytes)
}

/// The address of an SQLite file, made if there is none.
pub fn sqlite_url(path: &Path) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut url = String::from("sqlite://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' => url.push(char::from(*byte)),
            _ if byte.is_ascii_alphanumeric() => url.push(char::from(*byte)),
            // Writing into a String does not fail.
            _ => write!(url, "%{byte:02X}").unwrap_or_default(),
        }
    }
    url.push_str("?mode=rwc");
    url
}

/// What `init` writes: every setting with its meaning.
#[derive(Clone, Debug)]
pub struct ConfigText<'a> {
    /// The network profile, absolute.
    pub profile: &'a Path,
    /// The MSP id.
    pub organization: &'a str,
    /// The bank's key.
    pub bank_key: PublicKey,
    /// The ledger.
    pub ledger: LedgerId,
    /// Where to listen.
    pub listen: &'a str,
    /// D.
    pub max_drift: Duration,
    /// Longest life of a channel.
    pub max_life: Duration,
    /// The books' address, or ''.
    pub database: &'a str,
    /// The log of openings and decisions, absolute or in the home folder.
    pub opening_log: &'a Path,
}

impl ConfigText<'_> {
    /// The text of the file.
    pub fn to_toml(&self) -> String {
        let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
        let time = |value: Duration| text(&humantime::format_duration(value).to_string());
        format!(
            "# A lockstep bank. Paths are in this folder unless they are absolute.\n\n\
             # The network, and the bank's organisation in it.\n\
             profile = {}\n\
             organization = {}\n\n\
             # The bank's key, whose secret is bank-key.pem, and the ledger that it works on. Both stay as they are.\n\
             bank_key = \"{}\"\n\
             ledger = \"{}\"\n\n\
             # Where the HTTP interface listens. Clients and vendors pin tls-cert.pem.\n\
             listen = {}\n\n\
             # D: how far clocks may be off each other, 1s to 10m. It is registered on the ledger for ever.\n\
             max_drift = {}\n\
             # Longest time from a channel's opening to its expiry.\n\
             max_life = {}\n\
             # How long a credential is valid.\n\
             credential_life = \"90days\"\n\
             # How often the bank looks for channels that it has to cancel, refund, freeze or resolve.\n\
             keeper_period = \"5s\"\n\n\
             # The books: sqlite://FILE or postgres://USER@HOST/NAME; empty: books.db in this folder.\n\
             database = {}\n\
             # Every opening that was signed. Keep it on another disk than the books, outside their backup: after a\n\
             # restore it tells what was signed since.\n\
             opening_log = {}\n",
            text(&self.profile.to_string_lossy()),
            text(self.organization),
            self.bank_key,
            self.ledger,
            text(self.listen),
            time(self.max_drift),
            time(self.max_life),
            text(self.database),
            text(&self.opening_log.to_string_lossy()),
        )
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(de::Error::custom)
}

fn keeper_period() -> Duration {
    keeper::PERIOD
}

fn drift<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MaxDrift, D::Error> {
    let duration = duration(deserializer)?;
    let millis = u64::try_from(duration.as_millis()).map_err(de::Error::custom)?;
    MaxDrift::from_millis(millis).map_err(|_| de::Error::custom("max_drift is 1s to 10m"))
}

#[cfg(test)]
mod tests {
    use lockstep_protocol::key::SecretKey;

    use super::*;

    #[test]
    fn the_file_that_init_writes_reads_back() {
        let text = ConfigText {
            profile: Path::new("/net/\"odd\" name/profile.toml"),
            organization: "BankMSP",
            bank_key: *SecretKey::from_bytes(&[7; 32]).unwrap().public_key(),
            ledger: LedgerId::from_bytes([9; 32]),
            listen: "127.0.0.1:7800",
            max_drift: Duration::from_secs(30),
            max_life: Duration::from_secs(7 * 24 * 3600),
            database: "",
            opening_log: Path::new("openings.jsonl"),
        };
        let config: BankConfig = toml::from_str(&text.to_toml()).unwrap();
        assert_eq!(config.profile, Path::new("/net/\"odd\" name/profile.toml"));
        assert_eq!(config.max_drift, MaxDrift::DEFAULT);
        assert_eq!(config.max_life, Duration::from_secs(7 * 24 * 3600));
        assert_eq!(config.organization.as_str(), "BankMSP");
        assert_eq!(config.keeper_period, keeper::PERIOD);
    }

    #[test]
    fn a_log_beside_the_books_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(&folder.path().join("a bank")).unwrap();
        let other = folder.path().join("log/openings.jsonl");
        for (database, log, beside) in [
            ("", Path::new("openings.jsonl"), true),
            ("", &other, false),
            ("postgres://bank@localhost/books", Path::new("openings.jsonl"), false),
            (&sqlite_url(&home.path("other.db")), Path::new("openings.jsonl"), true),
        ] {
            let text = ConfigText {
                profile: Path::new("p"),
                organization: "BankMSP",
                bank_key: *SecretKey::from_bytes(&[7; 32]).unwrap().public_key(),
                ledger: LedgerId::from_bytes([9; 32]),
                listen: "127.0.0.1:0",
                max_drift: Duration::from_secs(30),
                max_life: Duration::from_secs(60),
                database,
                opening_log: log,
            };
            let config: BankConfig = toml::from_str(&text.to_toml()).unwrap();
            assert_eq!(config.log_lies_with_books(&home), beside, "{database} {}", log.display());
        }
    }

    #[test]
    fn a_path_with_odd_bytes_becomes_an_address() {
        let url = sqlite_url(Path::new("/a b/ü?#%/books.db"));
        assert_eq!(url, "sqlite:///a%20b/%C3%BC%3F%23%25/books.db?mode=rwc");
    }
}
