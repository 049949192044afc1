//! A copy of the books that is whole, made while they are in use.
//!
//! A copy of the file alone is not one: what was committed last may stand in the write-ahead log beside it, and stays
//! there when the bank is killed.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::{Backend, Books, StoreError};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The books are on a server, which has its own means.
    #[error("the books are in a PostgreSQL database")]
    OnServer,
    /// A file is there already.
    #[error("{} is there already; a copy replaces nothing", .0.display())]
    Exists(PathBuf),
    /// SQLite cannot be told the file's name.
    #[error("{} is not a name in UTF-8", .0.display())]
    NotText(PathBuf),
    /// The copy cannot be written.
    #[error("cannot write the copy {}", path.display())]
    Io {
        /// The copy.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

impl Books {
    /// Writes a copy of SQLite books as they stand, also while the bank serves. It is on the disk when this returns, and
    /// stands under its name once it is whole. Books that are put into place from it pay nobody out before the bank has
    /// caught up with the ledger.
    ///
    /// # Errors
    /// [`BackupError`]; then there is no such file.
    pub async fn backup(&self, to: &Path) -> Result<(), BackupError> {
        let failed = |source| BackupError::Io { path: to.to_owned(), source };
        if self.backend == Backend::Postgres {
            return Err(BackupError::OnServer);
        }
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let copy = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder)
            .map_err(failed)?;
        let name = copy.path().to_str().ok_or_else(|| BackupError::NotText(to.to_owned()))?;
        let vacuum = sqlx::query("VACUUM INTO $1").bind(name).execute(&self.pool);
        vacuum.await.map_err(StoreError::from)?;
        let mark = mark_behind(copy.path()).await;
        mark.map_err(StoreError::from)?;
        copy.as_file().sync_all().map_err(failed)?;
        copy.persist_noclobber(to).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(to.to_owned()),
            _ => failed(error.error),
        })?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

/// Whoever uses the copy has lost what came after it.
async fn mark_behind(copy: &Path) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnectOptions::new().filename(copy).connect().await?;
    sqlx::query("UPDATE owner SET catching_up = 1").execute(&mut connection).await?;
    connection.close().await
}
