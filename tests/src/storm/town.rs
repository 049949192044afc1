//! A bank, three vendors and eight clients, each with a home of its own, as processes that may be killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::script::{CLIENTS, VENDORS};
use crate::process::{self, Daemon, ProcessError};
use crate::scenario::{Context, Failure};
use crate::world::text;

/// How long a daemon may fail to start: its peer may be away just then.
const START: Duration = Duration::from_secs(60);

/// How long the parties have: what their processes are told.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// L of the vendors: longer than anything of the network stays away.
    pub commit_bound: Duration,
    /// R of the vendors.
    pub release_wait: Duration,
}

impl Times {
    /// D of the bank.
    pub const DRIFT: Duration = Duration::from_secs(1);

    /// D + 3 L + R [Spec §6].
    #[must_use]
    pub fn margin(&self) -> Duration {
        Self::DRIFT + self.commit_bound * 3 + self.release_wait
    }
}

/// A party's place: its home, and its daemon if it has one and that runs.
#[derive(Debug)]
pub struct Seat {
    /// Its name in messages and of its folder.
    pub name: String,
    /// Its home.
    pub home: PathBuf,
    /// Its account key; a bank's own key.
    pub key: String,
    /// Where it is reached; empty for a client.
    pub url: String,
    role: &'static str,
    daemon: Mutex<Option<Daemon>>,
}

/// All of them.
#[derive(Debug)]
pub struct Town {
    /// The network and the programs.
    pub context: Context,
    /// Where everybody lives.
    pub folder: PathBuf,
    /// What they were told of time.
    pub times: Times,
    /// The bank.
    pub bank: Seat,
    /// The vendors.
    pub vendors: Vec<Seat>,
    /// The clients.
    pub clients: Vec<Seat>,
}

impl Seat {
    fn new(folder: &Path, role: &'static str, name: String, url: String) -> Self {
        Self { home: folder.join(&name), name, key: String::new(), url, role, daemon: Mutex::new(None) }
    }

    /// The certificate of its daemon.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.home.join("tls-cert.pem")
    }

    /// What its daemon logs.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.home.with_extension("log")
    }

    /// Kills the daemon; true if there was one.
    pub fn kill(&self) -> bool {
        let daemon = self.daemon.lock().map_or(None, |mut daemon| daemon.take());
        daemon.map(Daemon::kill).is_some()
    }

    /// Whether the daemon has ended by itself, which none should.
    #[must_use]
    pub fn has_died(&self) -> bool {
        let Ok(mut daemon) = self.daemon.lock() else { return true };
        daemon.as_mut().is_some_and(Daemon::has_ended)
    }

    /// Asks the daemon to stop; true if it did by itself, or did not run.
    pub fn stop(&self) -> bool {
        let daemon = self.daemon.lock().map_or(None, |mut daemon| daemon.take());
        daemon.is_none_or(Daemon::stop)
    }
}

impl Town {
    /// Makes the homes, the accounts and the deposits, and starts the daemons. `ports` is the first of four.
    ///
    /// # Errors
    /// If a program fails.
    pub fn found(
        context: &Context,
        folder: &Path,
        ports: u16,
        times: Times,
        dollars: &str,
    ) -> Result<Self, Failure> {
        fs::create_dir_all(folder)?;
        let seat = |role, name: String, port: Option<u16>| {
            let url = port.map_or_else(String::new, |port| format!("https://127.0.0.1:{port}"));
            Seat::new(folder, role, name, url)
        };
        let port = |number: usize| Some(ports + u16::try_from(number).unwrap_or(0));
        let vendors = (0..VENDORS).map(|n| seat("vendor", format!("vendor-{n}"), port(n + 1)));
        let clients = (0..CLIENTS).map(|n| seat("client", format!("client-{n}"), None));
        let mut town = Self {
            context: context.clone(),
            folder: folder.to_owned(),
            times,
            bank: seat("bank", "bank".to_owned(), port(0)),
            vendors: vendors.collect(),
            clients: clients.collect(),
        };
        town.found_bank()?;
        for number in 0..CLIENTS {
            town.found_client(number, dollars)?;
        }
        for number in 0..VENDORS {
            town.found_vendor(number)?;
        }
        Ok(town)
    }

    fn found_bank(&mut self) -> Result<(), Failure> {
        let listen = listen(&self.bank);
        let drift = span(Times::DRIFT);
        let rest = ["--organization", "BankMSP", "--listen", &listen, "--max-drift", &drift];
        let made = self.json(self.init(&self.bank, &rest))?;
        text(&made, "bank_key")?.clone_into(&mut self.bank.key);
        self.json(self.command(&self.bank, &["register"], &[]))?;
        self.start(&self.bank)
    }

    fn found_client(&mut self, number: usize, dollars: &str) -> Result<(), Failure> {
        let client = self.clients.get(number).ok_or_else(|| Failure::new("no such client"))?;
        self.json(self.init(client, &self.party(&["--organization", "ClientMSP"])))?;
        let made = self.json(self.command(client, &["account"], &[]))?;
        let key = text(&made, "account_key")?.to_owned();
        let deposit = [key.as_str(), dollars, "--reference", "the first deposit"];
        self.json(self.command(&self.bank, &["deposit"], &deposit))?;
        if let Some(client) = self.clients.get_mut(number) {
            client.key = key;
        }
        Ok(())
    }

    fn found_vendor(&mut self, number: usize) -> Result<(), Failure> {
        let vendor = self.vendors.get(number).ok_or_else(|| Failure::new("no such vendor"))?;
        let (listen, drift) = (listen(vendor), span(Times::DRIFT));
        let (bound, wait) = (span(self.times.commit_bound), span(self.times.release_wait));
        let rest = [
            "--organization",
            "VendorMSP",
            "--listen",
            &listen,
            "--max-drift",
            &drift,
            "--commit-bound",
            &bound,
            "--release-wait",
            &wait,
            "--min-life",
            "1s",
        ];
        self.json(self.init(vendor, &self.party(&rest)))?;
        let made = self.json(self.command(vendor, &["account"], &[]))?;
        let key = text(&made, "account_key")?.to_owned();
        self.start(vendor)?;
        if let Some(vendor) = self.vendors.get_mut(number) {
            vendor.key = key;
        }
        Ok(())
    }

    /// Flags of a party that has an account at the bank.
    fn party(&self, rest: &[&str]) -> Vec<String> {
        let certificate = self.bank.certificate().display().to_string();
        let bank = ["--bank", &self.bank.url, "--bank-ca", &certificate];
        rest.iter().chain(&bank).map(|&word| word.to_owned()).collect()
    }

    fn init<S: AsRef<std::ffi::OsStr>>(&self, seat: &Seat, rest: &[S]) -> Command {
        let mut command = self.command(seat, &["init"], &[]);
        command.arg("--profile").arg(&self.context.profile_file).args(rest);
        command
    }

    /// A verb of a party, with `--json`.
    #[must_use]
    pub fn command(&self, seat: &Seat, verb: &[&str], rest: &[&str]) -> Command {
        let mut command = Command::new(self.context.programs.join("lockstep"));
        command.env_remove("LOCKSTEP_PASSPHRASE").env_remove("LOCKSTEP_HOME");
        command.arg("--json").arg(seat.role).args(verb).arg("--home").arg(&seat.home).args(rest);
        command
    }

    /// Runs a command to its end and gives its one document.
    ///
    /// # Errors
    /// If it fails.
    pub fn json(&self, command: Command) -> Result<Value, ProcessError> {
        process::json(command)
    }

    /// Starts a daemon; again and again for a while, because the network may be in trouble.
    ///
    /// # Errors
    /// If it does not start at all.
    pub fn start(&self, seat: &Seat) -> Result<(), Failure> {
        let give_up = Instant::now() + START;
        loop {
            match Daemon::start(&seat.name, self.command(seat, &["serve"], &[]), seat.log()) {
                Ok(daemon) => {
                    let mut place =
                        seat.daemon.lock().map_err(|_| Failure::new("another thread has panicked"))?;
                    *place = Some(daemon);
                    return Ok(());
                }
                Err(error) if Instant::now() >= give_up => return Err(error.into()),
                Err(_away) => thread::park_timeout(Duration::from_millis(500)),
            }
        }
    }

    /// Everybody with a daemon.
    pub fn daemons(&self) -> impl Iterator<Item = &Seat> {
        std::iter::once(&self.bank).chain(&self.vendors)
    }
}

fn listen(seat: &Seat) -> String {
    seat.url.trim_start_matches("https://").to_owned()
}

fn span(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}
