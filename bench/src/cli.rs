//! `lockstep bench VERB`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use lockstep::cli::{CliError, Exit, Output, OutputArgs, stop_requested};
use tokio_util::sync::CancellationToken;

use crate::error::BenchError;
use crate::plan::Plan;
use crate::results::Results;
use crate::run::{Options, run};

/// The shell's number for a process that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
/// Time for the parties' processes to be stopped after an interrupt.
const GOODBYE: Duration = Duration::from_secs(5);

/// Measure.
#[derive(Debug, Parser)]
#[command(name = "lockstep bench", bin_name = "lockstep bench", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: as in `lockstep --help`; 130 if interrupted: the same command goes on.")]
struct Cli {
    #[command(flatten)]
    output: OutputArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Rerun the experiment of the paper's section 6 and write a report
    #[command(
        after_help = "Writes report.md, results.json, one CSV for each table and the figures into the output folder, and a journal of what is \
measured: an interrupted run goes on. `scripts/bench paper` starts the networks and installs the Python baseline for it."
    )]
    Paper(Paper),
    /// Write the report of a results.json again
    Report {
        /// The folder with results.json
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(Args, Debug)]
struct Paper {
    /// A smaller experiment, in two minutes (default: the whole one, twenty minutes)
    #[arg(long)]
    quick: bool,
    /// A few seconds: for the project's tests
    #[arg(long, hide = true, conflicts_with = "quick")]
    tiny: bool,
    /// Folder of the journal and of the documents
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Profile of a network that is up, with the contract deployed; may be given several times, growth is measured on the first
    #[arg(long = "profile", value_name = "FILE")]
    profiles: Vec<PathBuf>,
    /// A Python with what scripts/baseline/requirements.txt names
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// Say in the report that something was skipped, and why
    #[arg(long, value_name = "TEXT", hide = true)]
    skipped: Vec<String>,
}

/// Runs the command that the process's arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::from(cli.output);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&CliError::from_error(Exit::Failed, error));
            return Exit::Failed.into();
        }
    };
    let done = runtime.block_on(work(cli.verb, &output));
    // A cell that is being measured does not look up; its thread ends with the process.
    runtime.shutdown_background();
    let interrupted = matches!(done, Err(BenchError::Interrupted));
    let shown = done.map_err(CliError::from).and_then(|results| {
        output.result(&results, summary);
        output.check()
    });
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            if interrupted { ExitCode::from(INTERRUPTED) } else { error.exit().into() }
        }
    }
}

async fn work(verb: Verb, output: &Output) -> Result<Results, BenchError> {
    match verb {
        Verb::Paper(paper) => until_stopped(paper.options(output)).await,
        Verb::Report { folder } => {
            let results = read(&folder)?;
            crate::report::write(&results, &folder)?;
            Ok(results)
        }
    }
}

/// Measures on a thread of its own, so that an interrupt is seen while a cell is measured.
async fn until_stopped(options: Options) -> Result<Results, BenchError> {
    let stop = CancellationToken::new();
    let (handle, stopped) = (tokio::runtime::Handle::current(), stop.clone());
    let mut run = tokio::task::spawn_blocking(move || handle.block_on(run(&options, &stopped)));
    tokio::select! {
        done = &mut run => return done.unwrap_or(Err(BenchError::WrongResult("the measuring thread"))),
        _ = stop_requested() => {}
    }
    stop.cancel();
    // What it has started is stopped; what only computes is left behind.
    let _ = tokio::time::timeout(GOODBYE, run).await;
    Err(BenchError::Interrupted)
}

impl Paper {
    fn options(self, output: &Output) -> Options {
        let plan = match (self.quick, self.tiny) {
            (true, _) => Plan::quick(),
            (_, true) => Plan::tiny(),
            _ => Plan::full(),
        };
        let out = self.out.unwrap_or_else(|| PathBuf::from(format!("target/bench/paper-{}", plan.name)));
        Options {
            plan,
            out,
            output: output.clone(),
            profiles: self.profiles,
            python: self.python,
            skipped: self.skipped,
        }
    }
}

/// Reads `results.json` of a folder.
fn read(folder: &std::path::Path) -> Result<Results, BenchError> {
    let path = folder.join("results.json");
    let text =
        std::fs::read_to_string(&path).map_err(|source| BenchError::Output { path: path.clone(), source })?;
    serde_json::from_str(&text)
        .map_err(|source| BenchError::Document { what: path.display().to_string(), source })
}

fn summary(results: &Results) -> String {
    let mut lines =
        vec![format!("{} phases measured, {} uploads", results.phases.len(), results.uploads.len())];
    for row in &results.ratio_details {
        let limit = row.limit.map_or_else(String::new, |limit| format!(", to reach at most {limit}"));
        lines.push(format!("{}: {:.3} ({:.3}–{:.3}){limit}", row.name, row.median, row.q1, row.q3));
    }
    lines.extend(results.skipped.iter().map(|line| format!("skipped: {line}")));
    lines.join("\n")
}

impl From<BenchError> for CliError {
    fn from(error: BenchError) -> Self {
        let exit = match &error {
            BenchError::Output { source, .. } => Exit::of_io(source),
            BenchError::OtherRun { .. } => Exit::Setup,
            BenchError::Document { .. } | BenchError::WrongResult(_) | BenchError::Protocol { .. } => {
                Exit::Mismatch
            }
            BenchError::Network { .. } => Exit::Unreachable,
            _ => Exit::Failed,
        };
        let hint = match &error {
            BenchError::OtherRun { .. } => Some("choose another --out, or delete the journal"),
            _ => None,
        };
        let error = Self::from_error(exit, error);
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}
