//! Every document of an experiment, made of its results and of nothing else.

mod figures;
mod markdown;
mod table;
mod tables;

use std::path::Path;

use crate::error::BenchError;
use crate::results::Results;

pub use markdown::render;
pub use table::{Cell, Table};
pub use tables::all as tables;

/// Writes `report.md`, `results.json`, one CSV for each table, and the figures.
///
/// # Errors
/// [`BenchError::Output`], [`BenchError::Figure`].
pub fn write(results: &Results, folder: &Path) -> Result<(), BenchError> {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|source| BenchError::Output { path, source })
    };
    let document = |source| BenchError::Document { what: "results.json".to_owned(), source };
    let json = serde_json::to_string_pretty(results).map_err(document)?;
    // What stands in the file is what a reader has: a number that is read back may differ in its last bit.
    let results: &Results = &serde_json::from_str(&json).map_err(document)?;
    write("results.json", json + "\n")?;
    for table in tables::all(results) {
        write(&format!("{}.csv", table.name), table.csv())?;
    }
    for (name, svg) in figures::draw(results)? {
        write(&name, svg)?;
    }
    write("report.md", render(results))
}
