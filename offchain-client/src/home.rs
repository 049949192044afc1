//! A role's home folder: its configuration, keys and stores, private to their owner.
//!
//! `init` makes it with mode 0700 and a commented `config.toml`; everything else opens it. A daemon holds the
//! folder's lock, so two daemons never write one store. Small files are replaced whole: written beside,
//! flushed, renamed, and the folder flushed, so a crash leaves the old file or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::replacement::Replacement;

/// Name of the configuration file in a home folder.
pub const CONFIG_FILE: &str = "config.toml";
const LOCK_FILE: &str = "lock";
/// Configurations and keys are small; a larger file is somebody's mistake, not read into memory.
const MAX_SMALL_FILE: u64 = 1 << 20;

/// Who may read a file that the home keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// 0600: the owner alone.
    Private,
    /// 0644: anybody, such as a certificate to hand out.
    Public,
}

impl Access {
    fn mode(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// A home folder.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
}

/// The lock of a home folder; dropping it, or the process's end, frees it.
#[derive(Debug)]
pub struct HomeLock {
    _file: File,
}

/// Why a home folder or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// There is no home folder.
    #[error("{} is no home folder: it has no {CONFIG_FILE}; `init` makes one", .0.display())]
    NotInitialised(PathBuf),
    /// `init` was called on a home folder that exists.
    #[error("{} is a home folder already", .0.display())]
    AlreadyInitialised(PathBuf),
    /// `init` was called on a folder that holds something else.
    #[error("{} is not empty; a home folder is made for one role alone", .0.display())]
    NotEmpty(PathBuf),
    /// Another daemon holds the folder.
    #[error("another process is using the home folder {}", .0.display())]
    Locked(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A file that must be small is not.
    #[error("{} is larger than a file of its kind can be", .0.display())]
    TooLarge(PathBuf),
    /// The configuration cannot be understood.
    #[error("{} is not a valid configuration", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// Where it is wrong.
        source: Box<toml::de::Error>,
    },
}

impl HomeError {
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

impl Home {
    /// Makes the folder (mode 0700, parents too). It becomes a home when its configuration is written, which a
    /// caller therefore does last.
    ///
    /// # Errors
    /// It is a home already, holds anything else, or cannot be made.
    pub fn create(root: &Path) -> Result<Self, HomeError> {
        if root.join(CONFIG_FILE).exists() {
            return Err(HomeError::AlreadyInitialised(root.to_owned()));
        }
        if !may_become_home(root).map_err(HomeError::io("open", root))? {
            return Err(HomeError::NotEmpty(root.to_owned()));
        }
        DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(HomeError::io("make", root))?;
        let absolute = root.canonicalize().map_err(HomeError::io("open", root))?;
        restrict(&absolute)?;
        Ok(Self { root: absolute })
    }

    /// Opens a folder that has been made a home.
    ///
    /// # Errors
    /// It is none.
    pub fn open(root: &Path) -> Result<Self, HomeError> {
        if !root.join(CONFIG_FILE).is_file() {
            return Err(HomeError::NotInitialised(root.to_owned()));
        }
        let absolute = root.canonicalize().map_err(HomeError::io("open", root))?;
        Ok(Self { root: absolute })
    }

    /// The folder, as an absolute path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file in the folder; an absolute `name` stays as it is.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    /// Takes the folder's lock, or fails at once if another process holds it.
    ///
    /// # Errors
    /// Another process holds it, or the lock file cannot be made.
    pub fn lock(&self) -> Result<HomeLock, HomeError> {
        let path = self.path(LOCK_FILE);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(HomeError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(HomeLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(HomeError::Locked(self.root.clone())),
            Err(TryLockError::Error(error)) => Err(HomeError::io("lock", path)(error)),
        }
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// It cannot be read or understood.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, HomeError> {
        let path = self.path(CONFIG_FILE);
        let text = read_small_text(&path)?;
        toml::from_str(&text).map_err(|error| HomeError::Config { path, source: Box::new(error) })
    }

    /// Writes the configuration: the last step of `init`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_config(&self, text: &str) -> Result<(), HomeError> {
        self.write(CONFIG_FILE, text.as_bytes(), Access::Private)
    }

    /// Replaces a file of the folder whole and durably.
    ///
    /// # Errors
    /// It cannot be written; the old file, if any, is as it was.
    pub fn write(&self, name: impl AsRef<Path>, bytes: &[u8], access: Access) -> Result<(), HomeError> {
        write_atomic(&self.path(name), bytes, access)
    }
}

/// Replaces the file at `path` whole.
///
/// # Errors
/// It cannot be written; the old file, if any, is as it was.
pub fn write_atomic(path: &Path, bytes: &[u8], access: Access) -> Result<(), HomeError> {
    let replace = || {
        let mut replacement = Replacement::begin(path, access.mode())?;
        replacement.write_all(bytes)?;
        replacement.finish()
    };
    replace().map_err(HomeError::io("write", path))
}

/// Reads a text file that is at most 1 MiB.
///
/// # Errors
/// It cannot be read, or is larger.
pub fn read_small_text(path: &Path) -> Result<String, HomeError> {
    let file = File::open(path).map_err(HomeError::io("read", path))?;
    let mut text = String::new();
    let read =
        file.take(MAX_SMALL_FILE + 1).read_to_string(&mut text).map_err(HomeError::io("read", path))?;
    if u64::try_from(read).is_ok_and(|read| read <= MAX_SMALL_FILE) {
        Ok(text)
    } else {
        Err(HomeError::TooLarge(path.to_owned()))
    }
}

/// Whether nothing is there, or an empty folder, or one in which `init` did not come to its end.
fn may_become_home(root: &Path) -> io::Result<bool> {
    let mut names = match fs::read_dir(root) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    match names.next() {
        None => Ok(true),
        Some(_) => Ok(root.join(LOCK_FILE).is_file()),
    }
}

/// A folder that existed before `init` may be open to others; a home is not.
fn restrict(root: &Path) -> Result<(), HomeError> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(root, mode).map_err(HomeError::io("restrict", root))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[derive(Debug, serde::Deserialize, PartialEq)]
    struct Sample {
        answer: u32,
    }

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(&folder.path().join("bank")).unwrap();
        (folder, home)
    }

    #[test]
    fn a_folder_is_a_home_once_its_configuration_stands() {
        let (_folder, home) = home();
        assert!(matches!(Home::open(home.root()), Err(HomeError::NotInitialised(_))));
        home.write_config("answer = 42").unwrap();
        let opened = Home::open(home.root()).unwrap();
        assert_eq!(opened.config::<Sample>().unwrap(), Sample { answer: 42 });
        assert!(matches!(Home::create(home.root()), Err(HomeError::AlreadyInitialised(_))));
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("thesis.txt"), "years").unwrap();
        assert!(matches!(Home::create(folder.path()), Err(HomeError::NotEmpty(_))));
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o755);
        // What an `init` has left that failed half-way is no obstacle to the next one.
        let begun = Home::create(&folder.path().join("bank")).unwrap();
        drop(begun.lock().unwrap());
        begun.write("key", b"k", Access::Private).unwrap();
        assert!(Home::create(begun.root()).is_ok());
    }

    #[test]
    fn everything_is_private_unless_said_otherwise() {
        let (_folder, home) = home();
        home.write("secret", b"s", Access::Private).unwrap();
        home.write("certificate", b"c", Access::Public).unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(home.root().to_owned()), 0o700);
        assert_eq!(mode(home.path("secret")), 0o600);
        assert_eq!(mode(home.path("certificate")), 0o644);
    }

    #[test]
    fn a_second_lock_is_refused_until_the_first_is_dropped() {
        let (_folder, home) = home();
        let first = home.lock().unwrap();
        assert!(matches!(home.lock(), Err(HomeError::Locked(_))));
        drop(first);
        assert!(home.lock().is_ok());
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let (_folder, home) = home();
        home.write("state", b"a long first text", Access::Private).unwrap();
        home.write("state", b"short", Access::Private).unwrap();
        assert_eq!(fs::read(home.path("state")).unwrap(), b"short");
        assert_eq!(fs::read_dir(home.root()).unwrap().count(), 1);
    }

    #[test]
    fn a_configuration_that_makes_no_sense_is_named() {
        let (_folder, home) = home();
        home.write_config("answer = \"many\"").unwrap();
        let error = home.config::<Sample>().unwrap_err();
        assert!(error.to_string().contains(CONFIG_FILE), "{error}");
    }
}
