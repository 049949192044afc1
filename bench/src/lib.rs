//! The paper's experiment (section 6), measured again with real cryptography and a real ledger: `lockstep bench paper`.
//!
//! A run is made of cells. Each cell is measured whole, appended to a journal in the output folder, and not measured again: an
//! interrupted run goes on with the next cell. [`results::Results`] is what all cells come to; [`report`] makes every document of it
//! and of nothing else, so no figure in the report can come from elsewhere.

pub mod cli;
mod committee;
mod durable;
mod environment;
mod error;
mod growth;
mod in_process;
mod journal;
mod ledger;
mod link;
mod mock;
mod parties;
mod plan;
mod progress;
mod python;
mod ratios;
mod relay;
pub mod report;
pub mod results;
mod run;
mod samples;
mod scene;
mod sizes;
mod uploads;

pub use error::BenchError;
pub use plan::{Grid, Plan};
pub use run::{Options, run};
