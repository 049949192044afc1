//! The baseline in Python, `scripts/baseline/paper.py`, run in between as a program of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::error::BenchError;
use crate::results::PhaseRow;
use crate::samples::spread;

/// The modes' names in the results.
pub(crate) const MODES: [&str; 2] = ["python_paper", "python"];

/// The longest time for one cell.
const LONGEST: Duration = Duration::from_secs(600);

/// A line of its output.
#[derive(Debug, Deserialize)]
struct Line {
    phase: String,
    mode: String,
    payments: u32,
    amount: u32,
    samples: Vec<f64>,
    bytes: u64,
}

/// The baseline's script in the project's folder.
fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/baseline/paper.py")
}

/// Measures one cell in one mode.
pub(crate) async fn measure(
    python: &Path,
    mode: &str,
    (count, amount): (u32, u32),
    runs: u32,
) -> Result<Vec<PhaseRow>, BenchError> {
    let failed = |reason: String| BenchError::Program { program: python.display().to_string(), reason };
    let mut command = Command::new(python);
    command.arg(script()).args(["--mode", mode]).kill_on_drop(true);
    for (flag, value) in [("--payments", count), ("--amount", amount), ("--runs", runs)] {
        command.arg(flag).arg(value.to_string());
    }
    let output = tokio::time::timeout(LONGEST, command.output()).await;
    let output = output.map_err(|_| failed("it took too long".to_owned()))?;
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let row = |line: &str| {
        let line: Line = serde_json::from_str(line)
            .map_err(|source| BenchError::Document { what: "the baseline's output".to_owned(), source })?;
        let Line { phase, mode, payments, amount, samples, bytes } = line;
        Ok(PhaseRow { phase, mode, payments, amount, spread: spread(&samples), bytes })
    };
    String::from_utf8_lossy(&output.stdout).lines().map(row).collect()
}

/// Its version, and that of the library that signs.
pub(crate) async fn versions(python: &Path) -> Option<String> {
    let program = "import platform, importlib.metadata as m; print(platform.python_version() + ', coincurve ' + m.version('coincurve'))";
    let output = Command::new(python).args(["-c", program]).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
