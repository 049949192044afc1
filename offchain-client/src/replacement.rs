//! A file that is replaced whole: written beside, flushed, renamed, and the folder flushed, so that a crash leaves the old file or
//! the new one.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

/// What will stand under a name once it is whole; gone if it is dropped before.
#[derive(Debug)]
pub(crate) struct Replacement<'a> {
    path: &'a Path,
    temporary: NamedTempFile,
}

impl<'a> Replacement<'a> {
    /// Begins a file with these permissions (such as 0o600) beside `path`.
    pub(crate) fn begin(path: &'a Path, mode: u32) -> io::Result<Self> {
        let permissions = Permissions::from_mode(mode);
        let temporary =
            tempfile::Builder::new().prefix(".new-").permissions(permissions).tempfile_in(folder(path))?;
        Ok(Self { path, temporary })
    }

    /// Puts it into its place. If that fails, the old file, if any, is as it was.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.temporary.as_file().sync_all()?;
        self.temporary.persist(self.path).map_err(|error| error.error)?;
        // The rename itself is durable only once the folder is.
        File::open(folder(self.path))?.sync_all()
    }
}

impl Write for Replacement<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stands_under_its_name_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for text in ["one", "two"] {
            let before = std::fs::read(&path).ok();
            let mut replacement = Replacement::begin(&path, 0o640).unwrap();
            replacement.write_all(text.as_bytes()).unwrap();
            assert_eq!(std::fs::read(&path).ok(), before);
            replacement.finish().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), text.as_bytes());
        }
        drop(Replacement::begin(&path, 0o600).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
