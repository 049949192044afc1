//! The processes of the network under test: stopped, killed and started again, by the records that `scripts/network` keeps of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use lockstep::ledger::profile::Profile;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::process::{self, ProcessError};
use crate::scenario::Failure;

/// How long a process may take to end.
const END: Duration = Duration::from_secs(20);

/// A network that `scripts/network` brought up.
#[derive(Debug, Clone)]
pub struct NetworkProcesses {
    state: PathBuf,
    profile: PathBuf,
    programs: PathBuf,
    is_fabric: bool,
}

impl NetworkProcesses {
    /// The processes behind a profile.
    ///
    /// # Errors
    /// If no script of ours brought this network up: its processes are somebody else's then.
    pub fn of(profile: &Profile, profile_file: &Path, programs: &Path) -> Result<Self, Failure> {
        let state = profile.folder.clone();
        if !state.join("network.conf").is_file() {
            return Err(Failure::new(format!("{} was not made by scripts/network", state.display())));
        }
        let profile_file = std::path::absolute(profile_file)?;
        let is_fabric = profile.name != "devnet";
        Ok(Self { state, profile: profile_file, programs: programs.to_owned(), is_fabric })
    }

    /// Whether every organisation's peer, and the orderer, is a process of its own: not on devnet.
    #[must_use]
    pub const fn is_fabric(&self) -> bool {
        self.is_fabric
    }

    /// Asks a process to end, as an operator would, and waits until it has.
    ///
    /// # Errors
    /// If there is no such process, or it does not end.
    pub fn stop(&self, name: &str) -> Result<(), Failure> {
        self.end(name, Signal::TERM)
    }

    /// Kills a process at once, as a crash would.
    ///
    /// # Errors
    /// If there is no such process.
    pub fn kill(&self, name: &str) -> Result<(), Failure> {
        self.end(name, Signal::KILL)
    }

    /// Stops a process in its tracks (SIGSTOP): its connections stand, and nobody answers, until the guard is dropped.
    ///
    /// # Errors
    /// If there is no such process.
    pub fn hang(&self, name: &str) -> Result<Hanging, Failure> {
        let pid = self.pid(name)?;
        kill_process(pid, Signal::STOP)?;
        Ok(Hanging(pid))
    }

    /// Starts what of the network does not run, and waits until it serves.
    ///
    /// # Errors
    /// If the script fails.
    pub fn start(&self) -> Result<(), ProcessError> {
        let mut command = Command::new(script("network"));
        command.arg("up").arg("--dir").arg(&self.state);
        if !self.is_fabric {
            command.arg("--binary").arg(self.programs.join("hlf-devnet"));
        }
        process::run(command).map(drop)
    }

    /// Starts the chaincode processes that do not run.
    ///
    /// # Errors
    /// If the script fails.
    pub fn start_chaincodes(&self) -> Result<(), ProcessError> {
        let mut command = Command::new(script("deploy"));
        command.arg("--profile").arg(&self.profile);
        command.arg("--binary").arg(self.programs.join("lockstep-chaincode"));
        // Nothing is built while a network waits for its chaincode.
        command.env("LOCKSTEP_BIN", self.programs.join("lockstep"));
        process::run(command).map(drop)
    }

    fn end(&self, name: &str, signal: Signal) -> Result<(), Failure> {
        let pid = self.pid(name)?;
        kill_process(pid, signal)?;
        let give_up = Instant::now() + END;
        while is_running(pid) {
            if Instant::now() >= give_up {
                return Err(Failure::new(format!("{name} did not end within {} s", END.as_secs())));
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The process in the record, if it is that very process: the record names the moment of its start as well.
    fn pid(&self, name: &str) -> Result<Pid, Failure> {
        let record = fs::read_to_string(self.state.join(format!("run/{name}.process")))
            .map_err(|_none| Failure::new(format!("the network has no process {name}")))?;
        let field = |key: &str| record.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let number = field("pid").and_then(|pid| pid.parse::<i32>().ok());
        let pid = number.and_then(Pid::from_raw).filter(|pid| {
            let stamp = started(*pid);
            stamp.is_none() || stamp.as_deref() == field("stamp")
        });
        pid.filter(|pid| is_running(*pid)).ok_or_else(|| Failure::new(format!("{name} does not run")))
    }
}

/// A process that hangs; goes on when this is dropped.
#[derive(Debug)]
pub struct Hanging(Pid);

impl Drop for Hanging {
    fn drop(&mut self) {
        // One that was killed meanwhile goes on no more.
        let _gone = kill_process(self.0, Signal::CONT);
    }
}

/// When a process started, as scripts/lib/process.sh writes it; `None` where the system has no `/proc`.
fn started(pid: Pid) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // Behind the name, which may hold anything: the state, then 19th the start in ticks since boot.
    let ticks = stat.rsplit_once(") ")?.1.split_whitespace().nth(19)?.to_owned();
    Some(format!("{}-{ticks}", boot.trim_end()))
}

/// Whether a process runs; one that has ended and that nobody has waited for does not.
fn is_running(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    match stat.ok().as_deref().and_then(|stat| stat.rsplit_once(") ")) {
        Some((_, rest)) => !rest.starts_with(['Z', 'X']),
        None => test_kill_process(pid).is_ok(),
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts").join(name)
}
