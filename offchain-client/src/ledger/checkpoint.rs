//! An event checkpoint in a file of its own, for readers that have no database to store it in.
//!
//! A reader with a database stores [`EventCheckpoint`] there, in the transaction that applies the event. With this file an
//! event is applied at least once: save after applying it.

use std::io::Write as _;
use std::path::PathBuf;

use super::EventCheckpoint;
use crate::replacement::Replacement;

/// A file that holds the checkpoint of the last event applied, or does not exist yet.
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    path: PathBuf,
}

/// Why a checkpoint was not loaded or saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file is there and cannot be read.
    #[error("cannot read the event checkpoint {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("{} is not an event checkpoint; name another file, or remove it to start with the first event", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The file cannot be written; the checkpoint before stands.
    #[error("cannot save the event checkpoint {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl CheckpointFile {
    /// A checkpoint in this file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The checkpoint that was saved last, or `None` if there is no file.
    ///
    /// # Errors
    /// [`CheckpointError`] if there is a file that cannot be read or holds something else.
    pub fn load(&self) -> Result<Option<EventCheckpoint>, CheckpointError> {
        let path = || self.path.clone();
        match std::fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|source| CheckpointError::Malformed { path: path(), source }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(CheckpointError::Read { path: path(), source }),
        }
    }

    /// Replaces the checkpoint so that, whatever happens, either the old or the new one stands, whole.
    ///
    /// # Errors
    /// [`CheckpointError::Write`].
    pub fn save(&self, checkpoint: &EventCheckpoint) -> Result<(), CheckpointError> {
        self.replace(checkpoint).map_err(|source| CheckpointError::Write { path: self.path.clone(), source })
    }

    fn replace(&self, checkpoint: &EventCheckpoint) -> std::io::Result<()> {
        let mut file = Replacement::begin(&self.path, 0o600)?;
        file.write_all(&serde_json::to_vec(checkpoint)?)?;
        file.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::TransactionId;

    #[test]
    fn a_checkpoint_is_found_again_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = CheckpointFile::new(folder.path().join("events.json"));
        assert_eq!(file.load().unwrap(), None);
        for block in [7, 8] {
            let checkpoint = EventCheckpoint { block, tx_id: TransactionId::new("ab") };
            file.save(&checkpoint).unwrap();
            assert_eq!(file.load().unwrap(), Some(checkpoint));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file stayed behind");
    }

    #[test]
    fn something_else_in_the_file_is_an_error_and_not_a_fresh_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        std::fs::write(&path, "{\"block\":").unwrap();
        let error = CheckpointFile::new(&path).load().unwrap_err();
        assert!(matches!(error, CheckpointError::Malformed { .. }), "{error}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_said() {
        let error = CheckpointFile::new("/nowhere/at/all.json")
            .save(&EventCheckpoint { block: 1, tx_id: TransactionId::new("ab") })
            .unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all.json"), "{error}");
    }
}
