//! The storm: a bank, three vendors and eight clients open, pay, close and cheat, and are killed at random from a seed, they and the
//! network under them. When it is over every channel must have its ending, and the ledger, the bank's books and every vendor's and
//! every wallet's store must agree with a model, to the unit.
//!
//! The schedule of every actor follows from the seed ([`script`]); how their steps fall between each other's does not.

mod cheat;
mod client;
pub mod dice;
pub mod evidence;
mod floor;
pub mod model;
mod report;
mod reputation;
pub mod script;
pub mod tally;
pub mod town;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lockstep::ledger::Ledger;
use lockstep::ledger::fabric::{Caller, FabricLedger};
use lockstep::ledger::profile::Profile;
use serde_json::Value;

pub use self::report::Report;

use self::client::Client;
use self::evidence::{Booked, Evidence};
use self::script::CLIENTS;
use self::tally::{Fraud, Tally};
use self::town::{Times, Town};
use crate::network::NetworkProcesses;
use crate::observation::Recorder;
use crate::process;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure};

/// What every client has at first, in dollars.
const DEPOSIT: &str = "100000";

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(10);

/// How long the bank may take to post the last ending after the last channel has expired.
const LAST_POSTING: Duration = Duration::from_secs(120);

/// The longest that a channel may live beyond the vendor's safety margin: what [`script`] draws, and D for a refund.
const LIFE: Duration = Duration::from_secs(32);

/// How the storm runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// The network's profile.
    pub profile: PathBuf,
    /// How long clients go on opening.
    pub time: Duration,
    /// From which everything follows.
    pub seed: u64,
    /// Where the parties live; made anew.
    pub folder: PathBuf,
    /// The first of four ports for the daemons.
    pub ports: u16,
}

/// The storm as all actors share it.
#[derive(Debug)]
pub(crate) struct Storm {
    town: Town,
    ledgers: Ledgers,
    tally: Tally,
    seed: u64,
    /// When clients stop opening.
    ends: Instant,
    /// Whether it was called off: somebody failed, or a person interrupted it.
    off: Arc<AtomicBool>,
}

/// The ledger as each organisation's peer shows it.
#[derive(Debug)]
pub(crate) struct Ledgers {
    bank: FabricLedger,
    client: FabricLedger,
    vendor: FabricLedger,
}

impl Ledgers {
    fn connect(profile: &Profile) -> Result<Self, Failure> {
        // The connections live on the runtime.
        block_on(async {
            let connect = |msp_id| FabricLedger::connect(profile, msp_id, Caller::User);
            Ok(Self {
                bank: connect("BankMSP")?,
                client: connect("ClientMSP")?,
                vendor: connect("VendorMSP")?,
            })
        })
    }

    fn all(&self) -> [(&'static str, &dyn Ledger); 3] {
        [
            ("the bank's peer", &self.bank),
            ("the client's peer", &self.client),
            ("the vendor's peer", &self.vendor),
        ]
    }
}

impl Storm {
    fn rages(&self) -> bool {
        !self.is_off() && Instant::now() < self.ends
    }

    fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }

    /// When the last channel that can have been opened has surely expired.
    fn longest_life(&self) -> Instant {
        self.ends + self.town.times.margin() + LIFE + Duration::from_secs(30)
    }

    fn fail(&self, who: &str, failure: &Failure) {
        self.tally.fail(&format!("{who}: {failure}"));
        self.off.store(true, Ordering::Relaxed);
    }
}

/// Waits, at most until the storm is over.
fn rest(storm: &Storm, time: Duration) {
    let end = Instant::now() + time;
    while storm.rages() && Instant::now() < end {
        thread::park_timeout(Duration::from_millis(100).min(end.saturating_duration_since(Instant::now())));
    }
}

/// Runs the storm on a network that is up and has the contract deployed. `off` calls it off.
///
/// # Errors
/// The first thing that went wrong, or the first disagreement.
pub fn run(options: &Options, off: Arc<AtomicBool>, say: &(dyn Fn(&str) + Sync)) -> Result<Report, Failure> {
    let began = Instant::now();
    let profile = Arc::new(Profile::read(&options.profile)?);
    let programs = std::env::current_exe()?;
    let programs =
        programs.parent().ok_or_else(|| Failure::new("this program lies in no folder"))?.to_owned();
    let context = Context {
        profile: Arc::clone(&profile),
        profile_file: std::path::absolute(&options.profile)?,
        programs: programs.clone(),
        recorder: Arc::new(Recorder::default()),
    };
    let network = NetworkProcesses::of(&profile, &options.profile, &programs)?;
    // Longer than a process of the network stays away: an orderer that is started finds its leader within seconds.
    let commit_bound = Duration::from_secs(if network.is_fabric() { 8 } else { 4 });
    let times = Times { commit_bound, release_wait: Duration::from_secs(3) };
    say("a bank, three vendors and eight clients open their accounts");
    let town = Town::found(&context, &options.folder, options.ports, times, DEPOSIT)?;
    let storm = Storm {
        town,
        ledgers: Ledgers::connect(&profile)?,
        tally: Tally::new(&options.folder.join("storm.log"))?,
        seed: options.seed,
        ends: Instant::now() + options.time,
        off,
    };
    rage(&storm, &network, say);
    let outcome = reckon(&storm, say);
    let stopped = storm.town.daemons().filter(|seat| !seat.stop()).count();
    if let Some(failure) = storm.tally.failure() {
        return Err(Failure::new(failure));
    }
    let reckoning = outcome?;
    if stopped > 0 {
        return Err(Failure::new(format!("{stopped} daemons did not stop when they were asked to")));
    }
    let notes = storm.tally.notes();
    floor::check(options.time, &notes, &reckoning)?;
    Ok(Report::new(&profile, options, &reckoning, &notes, began.elapsed()))
}

fn rage(storm: &Storm, network: &NetworkProcesses, say: &(dyn Fn(&str) + Sync)) {
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            scope.spawn(move || {
                if let Err(failure) = Client::new(storm, number).live() {
                    storm.fail(&format!("client {number}"), &failure);
                }
            });
        }
        scope.spawn(|| {
            if let Err(failure) = trouble::make(storm, network) {
                storm.fail("the trouble", &failure);
            }
        });
        let mut told = Instant::now();
        while storm.rages() {
            thread::park_timeout(Duration::from_millis(200));
            if told.elapsed() >= PROGRESS {
                say(&report::progress(&storm.tally.notes(), storm.ends));
                told = Instant::now();
            }
        }
        say("the storm is over; its last channels come to their endings");
    });
}

/// Waits until the bank has posted an ending for every channel, then compares.
fn reckon(storm: &Storm, say: &(dyn Fn(&str) + Sync)) -> Result<model::Reckoning, Failure> {
    let give_up = storm.longest_life() + LAST_POSTING;
    let mut told = Instant::now();
    loop {
        if storm.is_off() {
            return Err(Failure::new("the storm was called off"));
        }
        let open = process::json(storm.town.command(&storm.town.bank, &["channels"], &[]))?;
        let open = open.as_array().map_or(usize::MAX, Vec::len);
        let (closing, unheard) = (unsettled(storm)?, unconvicted(storm)?);
        if open + closing + unheard == 0 {
            break;
        }
        let left = format!(
            "{open} channels without an ending, {closing} not closed at their vendor, {unheard} proofs of fraud on their way"
        );
        if Instant::now() >= give_up {
            return Err(Failure::new(format!("at the deadline: {left}")));
        }
        if told.elapsed() >= PROGRESS {
            say(&left);
            told = Instant::now();
        }
        thread::park_timeout(Duration::from_secs(1));
    }
    for seat in storm.town.daemons() {
        if seat.has_died() {
            return Err(Failure::new(format!("{} died by itself; see {}", seat.name, seat.log().display())));
        }
        no_panic(&seat.log())?;
    }
    say("ledger, books and stores are compared with the model");
    let evidence = Evidence::gather(storm)?;
    model::reckon(&evidence, &storm.tally.notes())
}

/// How many channels the vendors have not written off.
fn unsettled(storm: &Storm) -> Result<usize, Failure> {
    let mut count = 0;
    for vendor in &storm.town.vendors {
        let channels = process::json(storm.town.command(vendor, &["channels"], &[]))?;
        let closed = |channel: &&Value| channel.get("phase").and_then(Value::as_str) != Some("closed");
        count += channels.as_array().map_or(0, |channels| channels.iter().filter(closed).count());
    }
    Ok(count)
}

/// How many cheats that can be proven the bank has not heard of.
fn unconvicted(storm: &Storm) -> Result<usize, Failure> {
    let channels = process::json(storm.town.command(&storm.town.bank, &["channels"], &["--all"]))?;
    let channels: Vec<Booked> = serde_json::from_value(channels)?;
    let notes = storm.tally.notes();
    let mut count = 0;
    for Booked { channel_id, .. } in channels.iter().filter(|booked| !booked.fraud) {
        let Some(note) = notes.channels.get(channel_id).filter(|note| note.fraud != Fraud::None) else {
            continue;
        };
        let record = block_on(storm.ledgers.bank.channel(*channel_id))?;
        let is_released = record.is_some_and(|record| record.release().is_some());
        count += usize::from(reputation::is_provable(note, is_released));
    }
    Ok(count)
}

fn no_panic(log: &Path) -> Result<(), Failure> {
    let text = std::fs::read_to_string(log)?;
    match text.lines().find(|line| line.contains("panicked at")) {
        Some(line) => Err(Failure::new(format!("{}: {line}", log.display()))),
        None => Ok(()),
    }
}

/// Calls the storm off at Ctrl-C and SIGTERM, so that nothing is left running.
pub fn call_off_when_interrupted(off: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    thread::spawn(move || {
        block_on(async {
            let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            off.store(true, Ordering::Relaxed);
        });
    });
}
