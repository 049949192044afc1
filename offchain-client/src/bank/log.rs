//! The append-only log of openings and decisions [Spec §4, §9]: it lies outside the backup cycle of the books, so that
//! books restored from yesterday learn what the bank has signed and decided since.
//!
//! One JSON document a line, flushed to the disk before the bank acts on it: before a signature leaves the bank, or a
//! vendor is told that its client is convicted. A line that a crash cut short was never acted on; it is cut off when
//! the log is opened. A line may stand twice; readers go by what the books have.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::books::NewChannel;
use super::decision::SignedDecision;

/// A longer line is damage. The longest is a decision with the operator's words: one argument of a command, which has
/// 128 KiB at most, with up to six bytes in JSON for each.
const MAX_LINE: u64 = 1024 * 1024;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LogLine {
    /// An opening that was signed. It has no name of its own: for a time the log had openings alone.
    Opening(Box<NewChannel>),
    /// What was decided about a channel.
    Decision(SignedDecision),
}

/// The log, open for appending.
#[derive(Clone, Debug)]
pub struct BankLog {
    path: Arc<Path>,
    file: Arc<Mutex<Appending>>,
}

#[derive(Debug)]
struct Appending {
    file: File,
    /// Whether the file may end with a piece of a line that could not be taken back: a line after it would be lost
    /// with it.
    torn: bool,
}

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// It cannot be read or written.
    #[error("cannot use the bank's log {}", path.display())]
    Io {
        /// The log.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// An earlier line could be neither written nor taken back; the bank starts again when there is room.
    #[error("the bank's log {} ends with a piece of a line; make room and start the bank again", path.display())]
    Torn {
        /// The log.
        path: PathBuf,
    },
    /// A line is neither an opening nor a decision.
    #[error("line {line} of the bank's log {} is damaged", path.display())]
    Damaged {
        /// The log.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
    },
}

impl BankLog {
    /// Opens the log, makes it if there is none, and cuts off a last line that a crash cut short.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let failed = |source| LogError::Io { path: path.to_owned(), source };
        let mut file =
            OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path).map_err(failed)?;
        let whole = end_of_last_line(&mut file).map_err(failed)?;
        file.set_len(whole).and_then(|()| file.sync_all()).map_err(failed)?;
        // The name of a new file must be as durable as what is written into it.
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(Self { path: path.into(), file: Arc::new(Mutex::new(Appending { file, torn: false })) })
    }

    /// A log on which every write fails.
    #[cfg(test)]
    pub(super) fn open_read_only(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        Self { path: path.into(), file: Arc::new(Mutex::new(Appending { file, torn: false })) }
    }

    /// Appends an opening; when this returns it is on the disk.
    ///
    /// # Errors
    /// It cannot be written; then the signature must not leave the bank.
    pub async fn append_opening(&self, channel: &NewChannel) -> Result<(), LogError> {
        self.append(channel).await
    }

    /// Appends a decision; when this returns it is on the disk.
    ///
    /// # Errors
    /// It cannot be written; then the bank must not act on it.
    pub async fn append_decision(&self, decision: &SignedDecision) -> Result<(), LogError> {
        self.append(decision).await
    }

    async fn append(&self, line: &impl Serialize) -> Result<(), LogError> {
        let mut line = serde_json::to_vec(line).map_err(|error| self.failed(error.into()))?;
        line.push(b'\n');
        let file = Arc::clone(&self.file);
        let write = move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if file.torn { None } else { Some(file.append(&line)) }
        };
        let written =
            tokio::task::spawn_blocking(write).await.map_err(|error| self.failed(io::Error::other(error)))?;
        let written = written.ok_or_else(|| LogError::Torn { path: self.path.to_path_buf() })?;
        written.map_err(|source| self.failed(source))
    }

    /// That something of the log's cannot be written.
    pub(super) fn failed(&self, source: io::Error) -> LogError {
        LogError::Io { path: self.path.to_path_buf(), source }
    }

    /// Reads the log from its start.
    ///
    /// # Errors
    /// It cannot be read, or a line is damaged.
    pub fn read(&self) -> Result<LogReader, LogError> {
        let file = File::open(&self.path).map_err(|source| self.failed(source))?;
        Ok(LogReader { path: self.path.to_path_buf(), lines: BufReader::new(file), line: 0 })
    }
}

/// The lines of the log, in the order in which they were written.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    lines: BufReader<File>,
    line: u64,
}

impl Iterator for LogReader {
    type Item = Result<LogLine, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        self.line += 1;
        match (&mut self.lines).take(MAX_LINE).read_until(b'\n', &mut bytes) {
            Err(source) => Some(Err(LogError::Io { path: self.path.clone(), source })),
            Ok(0) => None,
            Ok(_) => {
                let damaged = LogError::Damaged { path: self.path.clone(), line: self.line };
                Some(serde_json::from_slice(&bytes).map_err(|_| damaged))
            }
        }
    }
}

impl Appending {
    /// A write that fails half-way (a full disk) is taken back, so that the next line does not join its rest.
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(line).and_then(|()| self.file.sync_all());
        if written.is_err() {
            let taken_back = self.file.set_len(before).and_then(|()| self.file.sync_all());
            self.torn = taken_back.is_err();
        }
        written
    }
}

fn end_of_last_line(file: &mut File) -> io::Result<u64> {
    const CHUNK: u64 = 4096;
    let mut end = file.metadata()?.len();
    let mut chunk = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        file.seek(SeekFrom::Start(start))?;
        chunk.clear();
        (&mut *file).take(end - start).read_to_end(&mut chunk)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start.saturating_add(u64::try_from(at).unwrap_or(0)).saturating_add(1));
        }
        end = start;
    }
    Ok(0)
}
