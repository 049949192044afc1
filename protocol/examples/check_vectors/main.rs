//! Recomputes every field of vectors files with this crate: `check_vectors FILE…`. Exits with 1 and names the first field that
//! differs, as a JSON path; with 2 when a file cannot be read.

mod checker;
mod draw;
mod inputs;
mod leaves;
mod payments;

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    if files.is_empty() {
        // Nothing better can be done where even the error stream is closed.
        let _ = writeln!(stderr(), "usage: check_vectors FILE…");
        return ExitCode::from(2);
    }
    let mut code = 0;
    for file in files {
        let name = file.to_string_lossy().into_owned();
        let (line, found) = match std::fs::read_to_string(&file) {
            Err(error) => (format!("{name}: cannot be read: {error}"), 2),
            Ok(text) => match checker::check(&text) {
                Ok(found) => {
                    let inputs =
                        if found.drawn { "drawn from its seed" } else { "its own; its seed is a name only" };
                    (format!("{name}: all {} fields agree; inputs {inputs}", found.fields), 0)
                }
                Err(difference) => (format!("{name}: {difference}"), 1),
            },
        };
        let _ = if found == 0 { writeln!(stdout(), "{line}") } else { writeln!(stderr(), "{line}") };
        code = code.max(found);
    }
    ExitCode::from(code)
}
