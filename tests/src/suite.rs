//! The suite: runs the scenarios on a network, holds devnet against what was recorded on Fabric, writes the result.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use libtest_mimic::{Arguments, Completion, Conclusion, Trial};
use lockstep::ledger::profile::Profile;
use serde::Serialize;

use crate::observation::{self, Recorder, Recording};
use crate::scenario::{Context, Failure, Scenario};
use crate::scenarios;

/// How the suite runs.
#[derive(Debug)]
pub struct Options {
    /// The network's profile.
    pub profile: PathBuf,
    /// Where the result is written.
    pub out: PathBuf,
    /// Only scenarios whose name has this text.
    pub filter: Option<String>,
    /// Whether to keep what was observed as the reference.
    pub record: bool,
    /// Where recordings are kept.
    pub recorded: PathBuf,
}

/// One run of the suite: `target/e2e/<network>.json`.
#[derive(Debug, Serialize)]
struct Run {
    commit: String,
    clean: bool,
    network: String,
    network_version: String,
    passed: u64,
    failed: u64,
    skipped: u64,
    seconds: f64,
}

/// Runs the suite; true if nothing failed.
///
/// # Errors
/// If the profile or a recording cannot be read, or a result not be written.
pub fn run(options: Options) -> Result<bool, Failure> {
    let profile = Arc::new(Profile::read(&options.profile)?);
    if options.record && profile.name != "fabric" {
        return Err(Failure::new("--record keeps what Fabric does: run it on Fabric"));
    }
    let reference = if profile.name == "devnet" { newest_recording(&options.recorded)? } else { None };
    let context = Context {
        profile: Arc::clone(&profile),
        profile_file: options.profile.clone(),
        programs: programs()?,
        recorder: Arc::new(Recorder::default()),
    };

    let started = Instant::now();
    let conclusion = conclude(&context, reference.map(Arc::new), options.filter.clone());
    let filtered = options.filter.is_some();
    if !filtered {
        let run = result(&profile, &conclusion, started);
        fs::create_dir_all(&options.out)?;
        fs::write(
            options.out.join(format!("{}.json", profile.name)),
            serde_json::to_string_pretty(&run)? + "\n",
        )?;
    }
    if options.record && !conclusion.has_failed() {
        let file = options.recorded.join(format!("fabric-{}.json", profile.version));
        let mut recording = Recording::default();
        // Scenarios that did not run keep what was recorded of them.
        if filtered && file.exists() {
            recording = observation::read(&file)?;
        }
        recording.extend(context.recorder.recording());
        observation::write(&file, &recording)?;
    }
    Ok(!conclusion.has_failed())
}

fn conclude(context: &Context, reference: Option<Arc<Recording>>, filter: Option<String>) -> Conclusion {
    // One scenario at a time: they share two cores, and some measure.
    let arguments = Arguments { filter, test_threads: Some(1), ..Arguments::default() };
    let trials = scenarios::all()
        .into_iter()
        .map(|scenario| {
            let (context, reference) = (context.clone(), reference.clone());
            Trial::ignorable_test(scenario.name, move || {
                play(scenario, &context, reference.as_deref()).map_err(Into::into)
            })
        })
        .collect();
    libtest_mimic::run(&arguments, trials)
}

fn play(scenario: Scenario, context: &Context, reference: Option<&Recording>) -> Result<Completion, String> {
    match completed((scenario.run)(context), &context.profile.name)? {
        Completion::Completed => compare(scenario, context, reference).map(|()| Completion::Completed),
        skipped => Ok(skipped),
    }
}

/// What a scenario's end counts as on a network: passed, skipped or failed.
fn completed(end: Result<(), Failure>, network: &str) -> Result<Completion, String> {
    match end {
        Ok(()) => Ok(Completion::Completed),
        Err(failure) if failure.is_skipped_on(network) => Ok(Completion::ignored_with(failure.to_string())),
        Err(failure) => Err(failure.to_string()),
    }
}

fn compare(scenario: Scenario, context: &Context, reference: Option<&Recording>) -> Result<(), String> {
    let Some(reference) = reference else { return Ok(()) };
    let seen = context.recorder.recording().remove(scenario.name).unwrap_or_default();
    let recorded = reference.get(scenario.name).map(Vec::as_slice);
    match recorded {
        None if seen.is_empty() => Ok(()),
        None => Err("it was never recorded on Fabric: scripts/test --record".to_owned()),
        Some(recorded) => observation::difference(recorded, &seen)
            .map_or(Ok(()), |difference| Err(format!("devnet differs from Fabric: {difference}"))),
    }
}

fn newest_recording(folder: &Path) -> Result<Option<Recording>, Failure> {
    let mut files: Vec<_> = match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(Result::ok).map(|e| e.path()).collect(),
        Err(_none) => Vec::new(),
    };
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    files.sort_unstable();
    let Some(file) = files.last() else { return Ok(None) };
    Ok(Some(observation::read(file)?))
}

fn result(profile: &Profile, conclusion: &Conclusion, started: Instant) -> Run {
    Run {
        commit: git(&["rev-parse", "HEAD"]).unwrap_or_default(),
        clean: git(&["status", "--porcelain"]).is_some_and(|changes| changes.is_empty()),
        network: profile.name.clone(),
        network_version: profile.version.clone(),
        passed: conclusion.num_passed,
        failed: conclusion.num_failed,
        skipped: conclusion.num_ignored,
        seconds: started.elapsed().as_secs_f64(),
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The programs under test lie beside this one.
fn programs() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    own.parent().map(Path::to_path_buf).ok_or_else(|| Failure::new("this program lies in no folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs one scenario as the suite does, on a network of this name: passed, skipped, failed.
    fn counted(end: fn() -> Result<(), Failure>, network: &'static str) -> (u64, u64, u64) {
        let trial =
            Trial::ignorable_test("a scenario", move || completed(end(), network).map_err(Into::into));
        let arguments = Arguments { test_threads: Some(1), quiet: true, ..Arguments::default() };
        let conclusion = libtest_mimic::run(&arguments, vec![trial]);
        (conclusion.num_passed, conclusion.num_ignored, conclusion.num_failed)
    }

    #[test]
    fn what_cannot_be_played_counts_as_skipped_where_it_cannot_and_never_as_passed() {
        for network in ["devnet", "fabric"] {
            let skipped = counted(|| Err(Failure::not_possible_here("no file system")), network);
            assert_eq!(skipped, (0, 1, 0), "{network}");
            assert_eq!(counted(|| Ok(()), network), (1, 0, 0), "{network}");
            assert_eq!(counted(|| Err(Failure::new("wrong")), network), (0, 0, 1), "{network}");
        }
        assert_eq!(counted(|| Err(Failure::not_applicable("no processes")), "devnet"), (0, 1, 0));
        assert_eq!(counted(|| Err(Failure::not_applicable("no processes")), "fabric"), (0, 0, 1));
    }
}
