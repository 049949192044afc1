//! Where and of what an experiment is made.

use std::process::Command;

use crate::results::Environment;

/// What this machine and this build are.
pub(crate) fn look() -> Environment {
    Environment {
        processor: proc_field("/proc/cpuinfo", "model name")
            .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cores: std::thread::available_parallelism()
            .ok()
            .and_then(|cores| u32::try_from(cores.get()).ok())
            .unwrap_or(1),
        memory_bytes: proc_field("/proc/meminfo", "MemTotal")
            .and_then(|text| text.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()))
            .map_or(0, |kib| kib * 1024),
        system: system(),
        commit: commit(),
        versions: versions(),
        durability: durability(),
        started: Vec::new(),
    }
}

/// A field of a file in /proc, as in `name : value`.
fn proc_field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

fn system() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = name.map_or(std::env::consts::OS, |name| name.trim_matches('"'));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{name}, kernel {}", kernel.trim())
}

/// The first line that a program prints.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(ToOwned::to_owned)
}

fn commit() -> String {
    let folder = env!("CARGO_MANIFEST_DIR");
    let head = first_line("git", &["-C", folder, "rev-parse", "--short=12", "HEAD"]);
    let changed = first_line("git", &["-C", folder, "status", "--porcelain", "--untracked-files=no", ".."]);
    let mark = if changed.is_some() { "+" } else { "" };
    head.map_or_else(|| "unknown".to_owned(), |head| format!("{head}{mark}"))
}

fn versions() -> Vec<(String, String)> {
    let mut versions = vec![
        ("lockstep".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("libsecp256k1, in process".to_owned(), "as bundled with the crate secp256k1 0.31".to_owned()),
    ];
    if let Some(rustc) = first_line("rustc", &["--version"]) {
        versions.push(("rustc".to_owned(), rustc));
    }
    versions
}

/// How each store is opened; see `offchain-client/src/store/sqlite.rs` and `bank/books/mod.rs`.
fn durability() -> Vec<(String, String)> {
    let wal = "SQLite, write-ahead log, synchronous = FULL: a commit is flushed before it is acknowledged";
    [
        ("journal of the wallet", wal),
        ("journal of the vendor", wal),
        ("books of the bank", wal),
        ("in process", "nothing is stored: storing is the encoding of the journal's bytes"),
    ]
    .map(|(store, how)| (store.to_owned(), how.to_owned()))
    .to_vec()
}
