//! Bank, vendor and client as their users run them: the `lockstep` command, a process each, on a network that is up.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::error::{BenchError, Step as _};
use crate::uploads::NetworkUp;

/// How long a daemon may take until it says that it is ready.
const READY: Duration = Duration::from_secs(60);
/// How often a process's memory is looked at: its peak only grows.
const LOOK: Duration = Duration::from_millis(20);

/// The three parties. What runs is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Parties {
    program: PathBuf,
    folder: TempDir,
    profile: PathBuf,
    bank: Option<Daemon>,
    vendor: Option<Daemon>,
}

#[derive(Debug)]
struct Daemon {
    child: Child,
    address: String,
}

/// What a command printed, and the most memory that it had.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) printed: Value,
    pub(crate) peak_bytes: u64,
}

impl Parties {
    /// Makes three homes, registers the bank, opens the accounts, deposits, and serves.
    pub(crate) async fn found(network: &NetworkUp, dollars: &str) -> Result<Self, BenchError> {
        let failed = |reason: String| BenchError::Program { program: "lockstep".to_owned(), reason };
        let own = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let mut parties = Self {
            program: own.with_file_name("lockstep"),
            folder: TempDir::new().map_err(|error| failed(error.to_string()))?,
            profile: std::path::absolute(&network.file).map_err(|error| failed(error.to_string()))?,
            bank: None,
            vendor: None,
        };
        parties.init("bank", "BankMSP", &["--listen", "127.0.0.1:0"]).await?;
        parties.run("bank", &["register"]).await?;
        let bank = parties.serve("bank").await?;
        let (url, ca) = (format!("https://{}", bank.address), parties.certificate("bank"));
        parties.bank = Some(bank);
        parties.init("client", "ClientMSP", &["--bank", &url, "--bank-ca", &ca]).await?;
        let account = parties.run("client", &["account"]).await?.printed;
        let key = text(&account, "account_key")?;
        parties.run("bank", &["deposit", &key, dollars, "--reference", "the first deposit"]).await?;
        let listen = ["--bank", &url, "--bank-ca", &ca, "--listen", "127.0.0.1:0"];
        parties.init("vendor", "VendorMSP", &listen).await?;
        parties.run("vendor", &["account"]).await?;
        parties.vendor = Some(parties.serve("vendor").await?);
        Ok(parties)
    }

    /// Opens a channel of `count` units of one cent; its id.
    pub(crate) async fn open(&self, count: u32) -> Result<String, BenchError> {
        let vendor =
            self.vendor.as_ref().map_or_else(String::new, |daemon| format!("https://{}", daemon.address));
        let (ca, count) = (self.certificate("vendor"), count.to_string());
        let arguments = [
            "open",
            "--vendor",
            &vendor,
            "--vendor-ca",
            &ca,
            "--unit-price",
            "0.01",
            "--count",
            &count,
            "--life",
            "2h",
        ];
        text(&self.run("client", &arguments).await?.printed, "channel_id")
    }

    /// Runs a verb of a party to its end.
    pub(crate) async fn run(&self, party: &str, arguments: &[&str]) -> Result<Ran, BenchError> {
        let (verb, rest) = arguments.split_first().unwrap_or((&"--help", &[]));
        let mut command = self.command();
        command.args([party, verb]).arg("--home").arg(self.home(party)).args(rest);
        self.finish(command).await
    }

    /// The ledger's record of a channel, as it is printed.
    pub(crate) async fn record(&self, channel: &str) -> Result<Value, BenchError> {
        let mut command = self.command();
        command
            .args(["ledger", "channel", channel, "--organization", "ClientMSP", "--profile"])
            .arg(&self.profile);
        Ok(self.finish(command).await?.printed)
    }

    /// The most memory that the vendor's process has had.
    pub(crate) fn vendor_peak(&self) -> u64 {
        self.vendor.as_ref().and_then(|daemon| daemon.child.id()).and_then(peak_of).unwrap_or_default()
    }

    /// The bytes of a party's store: the pages of the database, wherever they lie. The files say less, since the log keeps its size
    /// and is emptied now and then.
    pub(crate) async fn store_bytes(&self, party: &str) -> Result<u64, BenchError> {
        let file = self.home(party).join("journal.db");
        if !file.exists() {
            return Ok(0);
        }
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = options.connect().await.step("a journal")?;
        let bytes: i64 =
            sqlx::query_scalar("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
                .fetch_one(&mut connection)
                .await
                .step("a journal")?;
        u64::try_from(bytes).map_err(|_| BenchError::WrongResult("the size of a journal"))
    }

    fn home(&self, party: &str) -> PathBuf {
        self.folder.path().join(party)
    }

    fn certificate(&self, party: &str) -> String {
        self.home(party).join("tls-cert.pem").display().to_string()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--json").env_remove("LOCKSTEP_PASSPHRASE").env_remove("LOCKSTEP_HOME");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn init(&self, party: &str, msp_id: &str, rest: &[&str]) -> Result<Ran, BenchError> {
        let profile = self.profile.display().to_string();
        let arguments = [&["init", "--profile", &profile, "--organization", msp_id], rest].concat();
        self.run(party, &arguments).await
    }

    /// Runs a command and watches its memory.
    async fn finish(&self, mut command: Command) -> Result<Ran, BenchError> {
        let failed = |reason: String| BenchError::Program { program: format!("{:?}", self.program), reason };
        let child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let id = child.id();
        let ended = child.wait_with_output();
        tokio::pin!(ended);
        let mut peak_bytes = 0;
        let output = loop {
            tokio::select! {
                output = &mut ended => break output.map_err(|error| failed(error.to_string()))?,
                () = tokio::time::sleep(LOOK) => {
                    peak_bytes = id.and_then(peak_of).unwrap_or_default().max(peak_bytes);
                }
            }
        };
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let printed = serde_json::from_slice(&output.stdout)
            .map_err(|source| BenchError::Document { what: "the output of lockstep".to_owned(), source })?;
        Ok(Ran { printed, peak_bytes })
    }

    /// Starts a daemon and waits for its line.
    async fn serve(&self, party: &str) -> Result<Daemon, BenchError> {
        let failed = |reason: &str| BenchError::Program {
            program: format!("lockstep {party} serve"),
            reason: reason.to_owned(),
        };
        let log = std::fs::File::create(self.folder.path().join(format!("{party}.log")));
        let mut command = self.command();
        command.args([party, "serve"]).arg("--home").arg(self.home(party));
        command.stderr(log.map_or_else(|_| Stdio::null(), Stdio::from));
        let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
        let stdout = child.stdout.take().ok_or_else(|| failed("it has no output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(READY, lines.next_line()).await;
        let line = line.ok().and_then(Result::ok).flatten();
        let log =
            || std::fs::read_to_string(self.folder.path().join(format!("{party}.log"))).unwrap_or_default();
        let line = line.ok_or_else(|| failed(&log()))?;
        let ready: Value = serde_json::from_str(&line).map_err(|error| failed(&error.to_string()))?;
        Ok(Daemon { child, address: text(&ready, "address")? })
    }
}

/// The most memory that a process has had, in bytes.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// A text field of what a command printed.
pub(crate) fn text(value: &Value, field: &str) -> Result<String, BenchError> {
    let found = value.get(field).and_then(Value::as_str).map(ToOwned::to_owned);
    found.ok_or(BenchError::WrongResult("the output of lockstep"))
}

/// A number.
pub(crate) fn number(value: &Value, field: &str) -> Result<f64, BenchError> {
    value.get(field).and_then(Value::as_f64).ok_or(BenchError::WrongResult("the output of lockstep"))
}
