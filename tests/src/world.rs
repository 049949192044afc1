//! A bank, a vendor and a client as their users run them: the `lockstep` command, a process each, in folders of their own.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{self, Daemon, ProcessError};
use crate::scenario::{Context, Failure, expect_eq};
use crate::small_disk::SmallDisk;

/// How long a scenario waits for something to become so.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it waits before it asks again.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(50);

/// The three parties. What runs is killed when this is dropped, and the folders are deleted.
#[derive(Debug)]
pub struct World {
    context: Context,
    folder: TempDir,
    bank: Option<Daemon>,
    vendor: Option<Daemon>,
    small_disks: Vec<(Party, SmallDisk)>,
    bank_url: String,
    vendor_url: String,
    client_key: String,
    vendor_key: String,
}

/// One of the parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The bank.
    Bank,
    /// The vendor.
    Vendor,
    /// The client.
    Client,
}

impl Party {
    const fn name(self) -> &'static str {
        match self {
            Self::Bank => "bank",
            Self::Vendor => "vendor",
            Self::Client => "client",
        }
    }
}

/// An account at the bank, in micro-units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Balance {
    /// At the holder's disposal.
    pub balance: u64,
    /// Set aside for open channels.
    pub reserved: u64,
    /// Set aside for frozen channels.
    pub withheld: u64,
}

impl World {
    /// Makes the three homes, registers the bank, opens the accounts, deposits for the client, and serves.
    ///
    /// # Errors
    /// If any program fails.
    pub fn found(context: &Context, dollars: &str) -> Result<Self, Failure> {
        Self::found_with(context, dollars, &[], &[])
    }

    /// The same with a D of one second and a vendor in a hurry: channels may expire within half a minute.
    ///
    /// # Errors
    /// If any program fails.
    pub fn found_in_a_hurry(context: &Context, dollars: &str) -> Result<Self, Failure> {
        Self::found_in_a_hurry_with_drift(context, dollars, "1s")
    }

    /// The same with this D.
    ///
    /// # Errors
    /// If any program fails.
    pub fn found_in_a_hurry_with_drift(
        context: &Context,
        dollars: &str,
        drift: &str,
    ) -> Result<Self, Failure> {
        let vendor =
            ["--max-drift", drift, "--commit-bound", "1s", "--release-wait", "2s", "--min-life", "1s"];
        Self::found_with(context, dollars, &["--max-drift", drift], &vendor)
    }

    /// The same with a log of openings in a folder of its own.
    ///
    /// # Errors
    /// If any program fails.
    pub fn found_with_log_in(context: &Context, dollars: &str, log: &Path) -> Result<Self, Failure> {
        let log = log.join("openings.jsonl").display().to_string();
        Self::found_with(context, dollars, &["--opening-log", &log], &[])
    }

    fn found_with(context: &Context, dollars: &str, bank: &[&str], vendor: &[&str]) -> Result<Self, Failure> {
        let mut world = Self {
            context: context.clone(),
            folder: tempfile::Builder::new().prefix("lockstep-world-").tempdir()?,
            bank: None,
            vendor: None,
            small_disks: Vec::new(),
            bank_url: String::new(),
            vendor_url: String::new(),
            client_key: String::new(),
            vendor_key: String::new(),
        };
        world.found_bank(bank)?;
        world.found_client(dollars)?;
        world.found_vendor(vendor)?;
        Ok(world)
    }

    fn found_bank(&mut self, rest: &[&str]) -> Result<(), Failure> {
        let listen = free_address()?;
        self.init(Party::Bank, "BankMSP", &[&["--listen", listen.as_str()], rest].concat())?;
        self.json(Party::Bank, &["register"])?;
        self.serve_bank()
    }

    /// Starts the bank, again perhaps.
    ///
    /// # Errors
    /// If it does not start.
    pub fn serve_bank(&mut self) -> Result<(), Failure> {
        self.serve_bank_with(&[])
    }

    /// As [`World::serve_bank`], with more arguments.
    ///
    /// # Errors
    /// If it does not start.
    pub fn serve_bank_with(&mut self, rest: &[&str]) -> Result<(), Failure> {
        let bank = self.serve(Party::Bank, rest)?;
        self.bank_url = format!("https://{}", address(&bank)?);
        self.bank = Some(bank);
        Ok(())
    }

    fn found_client(&mut self, dollars: &str) -> Result<(), Failure> {
        let ca = self.certificate(Party::Bank);
        let bank = self.bank_url.clone();
        self.init(Party::Client, "ClientMSP", &["--bank", &bank, "--bank-ca", &ca])?;
        self.client_key = account_key(&self.json(Party::Client, &["account"])?)?;
        let key = self.client_key.clone();
        self.json(Party::Bank, &["deposit", &key, dollars, "--reference", "the first deposit"])?;
        Ok(())
    }

    fn found_vendor(&mut self, rest: &[&str]) -> Result<(), Failure> {
        let ca = self.certificate(Party::Bank);
        let bank = self.bank_url.clone();
        let listen = free_address()?;
        let arguments = ["--bank", &bank, "--bank-ca", &ca, "--listen", &listen];
        self.init(Party::Vendor, "VendorMSP", &[&arguments[..], rest].concat())?;
        self.vendor_key = account_key(&self.json(Party::Vendor, &["account"])?)?;
        self.serve_vendor()
    }

    /// Starts the vendor, again perhaps.
    ///
    /// # Errors
    /// If it does not start.
    pub fn serve_vendor(&mut self) -> Result<(), Failure> {
        let vendor = self.serve(Party::Vendor, &[])?;
        self.vendor_url = format!("https://{}", address(&vendor)?);
        self.vendor = Some(vendor);
        Ok(())
    }

    /// Opens a channel and gives what `client open` printed.
    ///
    /// # Errors
    /// If it is refused.
    pub fn open(&self, unit_price: &str, count: u32) -> Result<Value, ProcessError> {
        self.open_for(unit_price, count, "1h")
    }

    /// As [`World::open`], with the channel's life.
    ///
    /// # Errors
    /// If it is refused.
    pub fn open_for(&self, unit_price: &str, count: u32, life: &str) -> Result<Value, ProcessError> {
        let (ca, count) = (self.certificate(Party::Vendor), count.to_string());
        let arguments = [
            "open",
            "--vendor",
            &self.vendor_url,
            "--vendor-ca",
            &ca,
            "--unit-price",
            unit_price,
            "--count",
            &count,
            "--life",
            life,
        ];
        self.json(Party::Client, &arguments)
    }

    /// Runs a verb of a party and gives the JSON that it prints.
    ///
    /// # Errors
    /// If it ends with another exit code than 0, or prints no JSON.
    pub fn json(&self, party: Party, arguments: &[&str]) -> Result<Value, ProcessError> {
        process::json(self.command(party, arguments))
    }

    /// A verb of a party, to be run with `--json`.
    #[must_use]
    pub fn command(&self, party: Party, arguments: &[&str]) -> Command {
        let mut command = self.lockstep();
        let (verb, rest) = arguments.split_first().unwrap_or((&"--help", &[]));
        command.arg(party.name()).arg(verb);
        if matches!(*verb, "account") && party == Party::Bank {
            command.args(rest).arg("--home").arg(self.home(party));
        } else {
            command.arg("--home").arg(self.home(party)).args(rest);
        }
        command
    }

    /// The `lockstep` command with `--json`.
    #[must_use]
    pub fn lockstep(&self) -> Command {
        let mut command = Command::new(self.context.programs.join("lockstep"));
        command.arg("--json").env_remove("LOCKSTEP_PASSPHRASE").env_remove("LOCKSTEP_HOME");
        command
    }

    /// A party's home folder.
    #[must_use]
    pub fn home(&self, party: Party) -> PathBuf {
        self.folder.path().join(party.name())
    }

    /// The PEM file of a daemon's certificate.
    #[must_use]
    pub fn certificate(&self, party: Party) -> String {
        self.home(party).join("tls-cert.pem").display().to_string()
    }

    /// What the scenario was given.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The bank's address for its customers.
    #[must_use]
    pub fn bank_url(&self) -> &str {
        &self.bank_url
    }

    /// The vendor's address for clients.
    #[must_use]
    pub fn vendor_url(&self) -> &str {
        &self.vendor_url
    }

    /// The client's account key.
    #[must_use]
    pub fn client_key(&self) -> &str {
        &self.client_key
    }

    /// The vendor's account key, which is its payment key.
    #[must_use]
    pub fn vendor_key(&self) -> &str {
        &self.vendor_key
    }

    /// What the bank says of an account.
    ///
    /// # Errors
    /// If there is no such account.
    pub fn balance(&self, key: &str) -> Result<Balance, Failure> {
        let account = self.json(Party::Bank, &["account", "show", key])?;
        let account = account.get("account").unwrap_or(&account);
        let field = |name: &str| micros(account, name);
        Ok(Balance { balance: field("balance")?, reserved: field("reserved")?, withheld: field("withheld")? })
    }

    /// Checks that the bank's books are balanced and raise no alarm.
    ///
    /// # Errors
    /// If they are not.
    pub fn audit(&self) -> Result<Value, Failure> {
        let audit = self.json(Party::Bank, &["audit"])?;
        for list in ["findings", "alarms"] {
            expect_eq(list, audit.get(list).and_then(Value::as_array).map(Vec::len), Some(0))?;
        }
        Ok(audit)
    }

    /// Asks again until something is so.
    ///
    /// # Errors
    /// If it is not so in time, or cannot be asked.
    pub fn until(&self, what: &str, mut so: impl FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
        let give_up = Instant::now() + PATIENCE;
        while !so()? {
            if Instant::now() >= give_up {
                return Err(Failure::new(format!("{what}: not within {} s", PATIENCE.as_secs())));
            }
            thread::park_timeout(BETWEEN_QUESTIONS);
        }
        Ok(())
    }

    /// Stops the daemons as an operator would.
    ///
    /// # Errors
    /// If one of them does not stop by itself.
    pub fn stop(mut self) -> Result<(), Failure> {
        for daemon in [self.vendor.take(), self.bank.take()].into_iter().flatten() {
            let name = daemon.name().to_owned();
            expect_eq(&format!("the {name} stops when asked to"), daemon.stop(), true)?;
        }
        Ok(())
    }

    /// Starts a daemon again, where it was before: clients know it by its address.
    ///
    /// # Errors
    /// If it does not start.
    pub fn restart(&mut self, party: Party) -> Result<(), Failure> {
        match party {
            Party::Bank => self.serve_bank(),
            Party::Vendor => self.serve_vendor(),
            Party::Client => Err(Failure::new("a client is no daemon")),
        }
    }

    /// Kills a daemon at once.
    pub fn kill(&mut self, party: Party) {
        let daemon = match party {
            Party::Bank => self.bank.take(),
            Party::Vendor => self.vendor.take(),
            Party::Client => None,
        };
        if let Some(daemon) = daemon {
            daemon.kill();
        }
    }

    fn init(&self, party: Party, msp_id: &str, rest: &[&str]) -> Result<Value, Failure> {
        let mut command = self.command(party, &["init"]);
        command.arg("--profile").arg(&self.context.profile_file).args(["--organization", msp_id]).args(rest);
        Ok(process::json(command)?)
    }

    fn serve(&self, party: Party, rest: &[&str]) -> Result<Daemon, Failure> {
        let log = self.folder.path().join(format!("{}.log", party.name()));
        let mut command = self.command(party, &[&["serve"], rest].concat());
        if let Some((_, disk)) = self.small_disks.iter().find(|(owner, _)| *owner == party) {
            command = disk.run(&command);
        }
        Ok(Daemon::start(party.name(), command, log)?)
    }

    /// From now on a daemon's folder, in its home or another one, lies on a disk with little room while it serves; or no more.
    ///
    /// # Errors
    /// If a folder cannot be made.
    pub fn lay_on_small_disk(&mut self, party: Party, disk: Option<(&Path, u32)>) -> Result<(), Failure> {
        self.small_disks.retain(|(owner, _)| *owner != party);
        if let Some((folder, kilobytes)) = disk {
            let disk = SmallDisk::new(folder, &self.empty_folder("under-a-small-disk")?, kilobytes);
            self.small_disks.push((party, disk));
        }
        Ok(())
    }

    /// A new folder beside the parties'.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn empty_folder(&self, name: &str) -> Result<PathBuf, Failure> {
        Ok(tempfile::Builder::new().prefix(name).tempdir_in(self.folder.path())?.keep())
    }

    /// Waits until a daemon ends by itself and gives its exit code.
    ///
    /// # Errors
    /// If it does not run, or does not end.
    pub fn ended(&mut self, party: Party) -> Result<i32, Failure> {
        let daemon = match party {
            Party::Bank => self.bank.take(),
            Party::Vendor => self.vendor.take(),
            Party::Client => None,
        };
        let code = daemon.and_then(|daemon| daemon.end_within(PATIENCE));
        code.ok_or_else(|| Failure::new(format!("the {} did not end by itself", party.name())))
    }

    /// What a daemon logged so far.
    #[must_use]
    pub fn log(&self, party: Party) -> String {
        fs::read_to_string(self.folder.path().join(format!("{}.log", party.name()))).unwrap_or_default()
    }

    /// A file in the parties' common folder.
    #[must_use]
    pub fn file(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.folder.path().join(Path::new(name.as_ref()))
    }
}

/// An amount in JSON: a decimal string of micro-units [Spec §11].
///
/// # Errors
/// If the field is missing or no amount.
pub fn micros(value: &Value, field: &str) -> Result<u64, Failure> {
    let text = value.get(field).and_then(Value::as_str);
    text.and_then(|t| t.parse().ok()).ok_or_else(|| Failure::new(format!("no amount {field} in {value}")))
}

/// A text field.
///
/// # Errors
/// If it is missing.
pub fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, Failure> {
    value
        .get(field)
        .and_then(Value::as_str)
        .ok_or_else(|| Failure::new(format!("no text {field} in {value}")))
}

/// An address that is free now, and the daemon's for its life: clients find it there after a restart.
fn free_address() -> Result<String, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.to_string())
}

fn address(daemon: &Daemon) -> Result<&str, Failure> {
    text(daemon.ready(), "address")
}

fn account_key(printed: &Value) -> Result<String, Failure> {
    text(printed, "account_key").map(ToOwned::to_owned)
}
