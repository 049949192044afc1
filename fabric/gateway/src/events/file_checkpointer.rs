//! Remembering a position over restarts.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;

use super::checkpoint::{Checkpoint, Checkpointer};

/// Remembers a position in a file. Each record replaces the file as a whole and is on the disk when the call returns,
/// so that a crash at any time leaves one position or the other, never half of one.
///
/// The file is like that of the official Go client. One process at a time may use it. Recording waits for the disk.
#[derive(Debug)]
pub struct FileCheckpointer {
    path: PathBuf,
    checkpoint: Checkpoint,
    /// Has the disk take up what a folder holds.
    sync: fn(&Path) -> io::Result<()>,
}

impl FileCheckpointer {
    /// Takes up the position in the file at `path`; without a file there is no position yet.
    ///
    /// # Errors
    /// [`CheckpointError`] when there is a file but it cannot be read or holds something else.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, CheckpointError> {
        let path = path.into();
        let checkpoint = match fs::read(&path) {
            // The Go client makes the file before it has something to write.
            Ok(content) if content.is_empty() => Checkpoint::default(),
            Ok(content) => serde_json::from_slice(&content)
                .map_err(|source| CheckpointError::Malformed { path: path.clone(), source })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Checkpoint::default(),
            Err(source) => return Err(CheckpointError::Unreadable { path, source }),
        };
        Ok(Self { path, checkpoint, sync })
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// Puts a new file in the place of the old one. If it fails, the old one is there.
    fn replace(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(self.folder())?;
        file.write_all(&serde_json::to_vec(checkpoint)?)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}

/// The new name of a file is on the disk only when its folder is. Elsewhere than on Unix, folders cannot be opened, and
/// the file system sees to it by itself.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_folder: &Path) -> io::Result<()> {
    Ok(())
}

impl Checkpointer for FileCheckpointer {
    type Error = CheckpointError;

    fn checkpoint(&self) -> Checkpoint {
        self.checkpoint.clone()
    }

    fn record(&mut self, checkpoint: Checkpoint) -> Result<(), CheckpointError> {
        self.replace(&checkpoint)
            .map_err(|source| CheckpointError::Unwritable { path: self.path.clone(), source })?;
        // From here on it is what the file says, though perhaps not after a crash.
        self.checkpoint = checkpoint;
        (self.sync)(self.folder())
            .map_err(|source| CheckpointError::Unsynced { path: self.path.clone(), source })
    }
}

/// A position could not be read from a file or stored in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("cannot read the checkpoint {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} is not a checkpoint", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The file was replaced and holds the new position, but a crash of the machine may bring the one before back. The
    /// position can be recorded again.
    #[error("cannot tell whether the checkpoint {} would outlive a crash of the machine", path.display())]
    Unsynced {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be replaced. The position before still stands in it.
    #[error("cannot write the checkpoint {}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.json");
        let mut first = FileCheckpointer::open(&path).unwrap();
        assert!(first.checkpoint().is_unset());
        first.record(Checkpoint::after_transaction(12, "abc")).unwrap();
        first.record(Checkpoint::after_transaction(13, "def")).unwrap();

        let second = FileCheckpointer::open(&path).unwrap();
        assert_eq!(second.checkpoint(), Checkpoint::after_transaction(13, "def"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left behind");
    }

    #[test]
    fn the_file_is_that_of_the_go_client() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.json");
        fs::write(&path, r#"{"blockNumber":5,"transactionId":"abc"}"#).unwrap();
        let mut checkpointer = FileCheckpointer::open(&path).unwrap();
        assert_eq!(checkpointer.checkpoint(), Checkpoint::after_transaction(5, "abc"));
        checkpointer.record_block(5).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"blockNumber":6,"transactionId":""}"#);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_a_start_from_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.json");
        fs::write(&path, r#"{"blockNumber":5,"#).unwrap();
        assert!(matches!(FileCheckpointer::open(&path), Err(CheckpointError::Malformed { .. })));
        assert!(matches!(FileCheckpointer::open(folder.path()), Err(CheckpointError::Unreadable { .. })));
    }

    #[test]
    fn a_position_that_was_stored_holds_though_it_may_not_outlive_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.json");
        let mut checkpointer = FileCheckpointer::open(&path).unwrap();
        checkpointer.sync = |_| Err(io::Error::other("the disk is gone"));
        let recorded = checkpointer.record(Checkpoint::after_block(1));
        assert!(matches!(recorded, Err(CheckpointError::Unsynced { .. })), "{recorded:?}");
        assert_eq!(checkpointer.checkpoint(), Checkpoint::after_block(1));
        assert_eq!(FileCheckpointer::open(&path).unwrap().checkpoint(), checkpointer.checkpoint());
    }

    #[test]
    fn a_position_that_cannot_be_stored_does_not_hold() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpointer = FileCheckpointer::open(folder.path().join("missing/checkpoint.json")).unwrap();
        let refusal = checkpointer.record(Checkpoint::after_block(1));
        assert!(matches!(refusal, Err(CheckpointError::Unwritable { .. })));
        assert!(checkpointer.checkpoint().is_unset());
    }
}
