//! A disk of a few kilobytes: a folder that lies on one for the programs that are run on it, and for nobody else.
//!
//! A program is run in user, mount and process namespaces of its own, in which the folder is a tmpfs with little room. When the program
//! has ended, what the small disk holds is put back into the folder, as if the disk had been given room.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `$1` the folder, `$2` an empty folder, `$3` free kilobytes, then the program and its arguments.
const SCRIPT: &str = r#"
folder=$1 keep=$2 free=$3; shift 3
mount --bind "$folder" "$keep"
mount -t tmpfs -o mode=0700 tmpfs "$folder"
cp -a "$keep/." "$folder/"
used=$(df -k --output=used "$folder" | tail -n 1)
mount -o remount,size=$((used + free))k "$folder"
code=0
"$@" || code=$?
find "$keep" -mindepth 1 -delete
cp -a "$folder/." "$keep/"
exit "$code"
"#;

/// Whoever is killed takes everybody on the disk along.
const NAMESPACES: [&str; 6] = ["--map-root-user", "--mount", "--pid", "--fork", "--kill-child=KILL", "--"];

/// A folder on a disk with little room.
#[derive(Debug, Clone)]
pub struct SmallDisk {
    folder: PathBuf,
    keep: PathBuf,
    free_kilobytes: u32,
}

impl SmallDisk {
    /// Whether this machine lets its user have such a disk.
    #[must_use]
    pub fn is_permitted() -> bool {
        let mut command = Command::new("unshare");
        command.args(NAMESPACES).args(["sh", "-c", "mount -t tmpfs -o size=4k tmpfs /mnt"]);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    /// A disk for a folder, with so much room beside what lies in it; `keep` is an empty folder.
    #[must_use]
    pub fn new(folder: &Path, keep: &Path, free_kilobytes: u32) -> Self {
        Self { folder: folder.to_owned(), keep: keep.to_owned(), free_kilobytes }
    }

    /// The same command, run where the folder lies on this disk.
    #[must_use]
    pub fn run(&self, command: &Command) -> Command {
        let mut there = Command::new("unshare");
        there.args(NAMESPACES).args(["sh", "-euc", SCRIPT, "sh"]);
        there.arg(&self.folder).arg(&self.keep).arg(self.free_kilobytes.to_string());
        there.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => there.env(name, value),
                None => there.env_remove(name),
            };
        }
        there
    }
}
