//! What a scenario saw of the network, normalised so that two networks can be compared: codes, messages, events, but no
//! hash, address, time or transaction id.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// One thing that a scenario saw, in the order in which it saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// What the scenario did.
    pub step: String,
    /// What came of it, normalised.
    pub outcome: Outcome,
}

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The call answered.
    Answer {
        /// The response's status.
        status: i32,
        /// The answer, normalised text.
        payload: String,
    },
    /// The transaction was committed.
    Committed {
        /// Its validation code, Fabric's name.
        code: String,
        /// The answer, normalised text.
        payload: String,
    },
    /// The call failed.
    Error {
        /// The stage: evaluate, endorse, submit, commit status.
        stage: String,
        /// gRPC status code by name.
        grpc: String,
        /// The messages of the error's details, sorted, normalised; of the status itself if it has none.
        details: Vec<String>,
    },
    /// A chaincode event arrived.
    Event {
        /// Its name.
        name: String,
        /// Its payload, normalised text.
        payload: String,
    },
}

/// All observations of a run, by scenario.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<BTreeMap<String, Vec<Observation>>>);

/// A recording in a file: `tests/recorded/fabric-<version>.json`.
pub type Recording = BTreeMap<String, Vec<Observation>>;

impl Recorder {
    /// Keeps one observation.
    pub fn note(&self, scenario: &str, step: &str, outcome: Outcome) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(scenario.to_owned())
            .or_default()
            .push(Observation { step: step.to_owned(), outcome });
    }

    /// What was seen so far.
    #[must_use]
    pub fn recording(&self) -> Recording {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads a recording.
///
/// # Errors
/// If the file cannot be read or is not a recording.
pub fn read(file: &Path) -> io::Result<Recording> {
    serde_json::from_str(&fs::read_to_string(file)?).map_err(io::Error::from)
}

/// Writes a recording, readable and stable.
///
/// # Errors
/// If the file cannot be written.
pub fn write(file: &Path, recording: &Recording) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, serde_json::to_string_pretty(recording)? + "\n")
}

/// The first difference of one scenario between what was recorded and what was seen, as a sentence; none if they agree.
#[must_use]
pub fn difference(recorded: &[Observation], seen: &[Observation]) -> Option<String> {
    let longest = recorded.len().max(seen.len());
    (0..longest).find_map(|i| match (recorded.get(i), seen.get(i)) {
        (Some(r), Some(s)) if r == s => None,
        (r, s) => Some(format!("step {}: recorded on Fabric {r:#?}, seen here {s:#?}", i + 1)),
    })
}

/// Replaces what differs from run to run: hexadecimal strings of 16 digits and more, integers of 11 digits and more
/// (times, heights of no interest), and addresses.
#[must_use]
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':') && !word.is_empty() {
            word.push(c);
            continue;
        }
        out.push_str(&normalised_word(&word));
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

fn normalised_word(word: &str) -> String {
    let trimmed = word.trim_end_matches(['.', ':', '-', '_']);
    let rest = word.strip_prefix(trimmed).unwrap_or_default();
    let kind = if trimmed.len() >= 16 && trimmed.bytes().all(|b| b.is_ascii_hexdigit()) {
        "<hex>"
    } else if trimmed.len() >= 11 && trimmed.bytes().all(|b| b.is_ascii_digit()) {
        "<number>"
    } else if is_address(trimmed) {
        "<address>"
    } else {
        trimmed
    };
    format!("{kind}{rest}")
}

fn is_address(word: &str) -> bool {
    word.rsplit_once(':').is_some_and(|(host, port)| host.contains('.') && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn what_differs_from_run_to_run_is_replaced_and_nothing_else() {
        let id = "a1".repeat(32);
        assert_eq!(normalise(&format!("channel {id}: unknown")), "channel <hex>: unknown");
        assert_eq!(normalise("peer0.bank.lockstep.test:17051 said 500"), "<address> said 500");
        assert_eq!(normalise("{\"ts\":1760871320432,\"n\":17}"), "{\"ts\":<number>,\"n\":17}");
        assert_eq!(normalise("LS201 unknown_channel: x."), "LS201 unknown_channel: x.");
    }
}
