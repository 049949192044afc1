//! The run's journal: a line of JSON for every cell that was measured, so that an interrupted run goes on.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::BenchError;

const FILE: &str = "journal.jsonl";

/// Which run this is: times of two machines or two programs are not mixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) plan: String,
    pub(crate) commit: String,
    pub(crate) processor: String,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the plan \"{}\" at commit {} on {}", self.plan, self.commit, self.processor)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Run { identity: Identity, started: u64 },
    Cell { key: String, value: Value },
}

/// The journal of one output folder.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    cells: BTreeMap<String, Value>,
    started: Vec<u64>,
}

impl Journal {
    /// Opens the folder's journal, or begins one.
    pub(crate) fn open(folder: &Path, identity: &Identity) -> Result<Self, BenchError> {
        let path = folder.join(FILE);
        let failed = |source| BenchError::Output { path: path.clone(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed)?;
        let (mut cells, mut started) = (BTreeMap::new(), Vec::new());
        for line in BufReader::new(&file).lines() {
            // The last line of an interrupted run may be cut: its cell is measured again.
            match serde_json::from_str(&line.map_err(failed)?) {
                Ok(Line::Run { identity: found, .. }) if found != *identity => {
                    let (found, wanted) = (found.to_string(), identity.to_string());
                    return Err(BenchError::OtherRun { path, found, wanted });
                }
                Ok(Line::Run { started: at, .. }) => started.push(at),
                Ok(Line::Cell { key, value }) => drop(cells.insert(key, value)),
                Err(_) => {}
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        started.push(now);
        // Begins on a line of its own, whatever the interrupted run left.
        file.write_all(b"\n").map_err(failed)?;
        let mut journal = Self { path, file, cells, started };
        journal.append(&Line::Run { identity: identity.clone(), started: now })?;
        Ok(journal)
    }

    /// When the run was begun, and gone on with.
    pub(crate) fn started(&self) -> &[u64] {
        &self.started
    }

    /// What was measured of a cell.
    pub(crate) fn find<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, BenchError> {
        let Some(value) = self.cells.get(key) else { return Ok(None) };
        let read = serde_json::from_value(value.clone());
        read.map(Some).map_err(|source| BenchError::Document {
            what: format!("{} ({key})", self.path.display()),
            source,
        })
    }

    /// Keeps a cell.
    pub(crate) fn keep<T: Serialize>(&mut self, key: &str, cell: &T) -> Result<(), BenchError> {
        let value = serde_json::to_value(cell)
            .map_err(|source| BenchError::Document { what: key.to_owned(), source })?;
        self.append(&Line::Cell { key: key.to_owned(), value: value.clone() })?;
        self.cells.insert(key.to_owned(), value);
        Ok(())
    }

    fn append(&mut self, line: &Line) -> Result<(), BenchError> {
        let mut bytes = serde_json::to_vec(line)
            .map_err(|source| BenchError::Document { what: self.path.display().to_string(), source })?;
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        written.map_err(|source| BenchError::Output { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(commit: &str) -> Identity {
        Identity { plan: "tiny".to_owned(), commit: commit.to_owned(), processor: "none".to_owned() }
    }

    #[test]
    fn an_interrupted_run_goes_on_and_another_one_does_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), &identity("a")).unwrap();
        journal.keep("one", &vec![1, 2]).unwrap();
        drop(journal);
        // Killed while it wrote the second cell.
        let mut file = OpenOptions::new().append(true).open(folder.path().join(FILE)).unwrap();
        file.write_all(br#"{"cell":{"key":"two","val"#).unwrap();
        let mut journal = Journal::open(folder.path(), &identity("a")).unwrap();
        assert_eq!(journal.find::<Vec<u32>>("one").unwrap(), Some(vec![1, 2]));
        assert_eq!(journal.find::<u32>("two").unwrap(), None);
        assert_eq!(journal.started().len(), 2);
        journal.keep("two", &3).unwrap();
        let journal = Journal::open(folder.path(), &identity("a")).unwrap();
        assert_eq!(journal.find::<u32>("two").unwrap(), Some(3));
        let other = Journal::open(folder.path(), &identity("b")).unwrap_err();
        assert!(matches!(other, BenchError::OtherRun { .. }));
    }
}
