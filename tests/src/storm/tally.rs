//! What was done and seen while it stormed: notes on every channel, counts, the log, and the first thing that went wrong.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use lockstep_protocol::ChannelId;

use super::script::Plan;
use crate::scenario::Failure;

/// What the storm knows of a channel that no party's store says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Which client's it is.
    pub client: usize,
    /// What it was opened for.
    pub plan: Plan,
    /// Units that the vendor has acknowledged, at least.
    pub acknowledged: u32,
    /// Units that were signed behind the wallet's back.
    pub signed: u32,
    /// Units that a release has closed it with, as the client was told.
    pub released: Option<u32>,
    /// Whether the vendor must hold a proof of fraud against it.
    pub fraud: Fraud,
    /// Whether the operator found its vendor at fault.
    pub at_fault: bool,
}

/// What a badly locked channel must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fraud {
    /// No proof can exist.
    None,
    /// The release may have come through before the line broke.
    Possible,
    /// The vendor has said that the walk failed.
    Proven,
}

impl Note {
    /// A note on a channel of a client.
    #[must_use]
    pub const fn new(client: usize, plan: Plan) -> Self {
        Self { client, plan, acknowledged: 0, signed: 0, released: None, fraud: Fraud::None, at_fault: false }
    }
}

/// Everything that was noted.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// By channel.
    pub channels: BTreeMap<ChannelId, Note>,
    /// How often what was done.
    pub counts: BTreeMap<String, u64>,
    /// How often the operator restored the reputation of which account.
    pub pardons: BTreeMap<String, u64>,
    /// The first thing that went wrong.
    pub failure: Option<String>,
}

/// Notes that all actors write.
#[derive(Debug)]
pub struct Tally {
    notes: Mutex<Notes>,
    log: Mutex<File>,
    began: Instant,
}

impl Tally {
    /// Starts the log.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(log: &Path) -> Result<Self, Failure> {
        let log = Mutex::new(File::create(log)?);
        Ok(Self { notes: Mutex::default(), log, began: Instant::now() })
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        // Notes are whole after every change, so a panic elsewhere has not spoiled them.
        self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Notes a channel, or changes what is noted of it.
    pub fn channel(&self, id: ChannelId, new: Note, change: impl FnOnce(&mut Note)) {
        change(self.lock().channels.entry(id).or_insert(new));
    }

    /// Changes what is noted of a channel.
    pub fn amend(&self, id: ChannelId, change: impl FnOnce(&mut Note)) {
        if let Some(note) = self.lock().channels.get_mut(&id) {
            change(note);
        }
    }

    /// Counts.
    pub fn count(&self, what: impl Into<String>) {
        *self.lock().counts.entry(what.into()).or_default() += 1;
    }

    /// Notes that the operator is about to restore a reputation.
    pub fn pardon(&self, key: &str) {
        *self.lock().pardons.entry(key.to_owned()).or_default() += 1;
    }

    /// Notes what went wrong, if it is the first thing.
    pub fn fail(&self, what: &str) {
        self.log("FAILURE", what);
        self.lock().failure.get_or_insert_with(|| what.to_owned());
    }

    /// Writes a line of the log: when, who, what.
    pub fn log(&self, who: &str, what: &str) {
        let line = format!("{:9.3} {who:<12} {}\n", self.began.elapsed().as_secs_f64(), what.trim_end());
        if let Ok(mut log) = self.log.lock() {
            // A log that cannot be written fails no storm.
            let _lost = log.write_all(line.as_bytes());
        }
    }

    /// All that was noted so far.
    #[must_use]
    pub fn notes(&self) -> Notes {
        self.lock().clone()
    }

    /// The first thing that went wrong.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }
}
