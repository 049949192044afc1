//! The command as a script runs it, small: what it writes, that it goes on, and that its report says nothing but its results.
#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

use lockstep_bench::report::{render, tables};
use lockstep_bench::results::Results;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockstep-bench")).args(arguments).output().unwrap()
}

fn tiny(folder: &Path) -> Results {
    let out = folder.display().to_string();
    let output =
        bench(&["--json", "paper", "--tiny", "--out", &out, "--skipped", "the networks: this is a test"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: Results = serde_json::from_slice(&output.stdout).unwrap();
    let written = std::fs::read_to_string(folder.join("results.json")).unwrap();
    assert_eq!(printed, serde_json::from_str(&written).unwrap());
    printed
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn a_tiny_run_measures_every_kind_and_its_report_is_that_of_its_results() {
    let folder = tempfile::tempdir().unwrap();
    let results = tiny(folder.path());
    for (phase, mode) in [
        ("setup", "paper"),
        ("release", "paper"),
        ("setup", "in_process"),
        ("transaction_signing", "in_process"),
        ("release_verified", "in_process"),
        ("setup", "tls"),
        ("transaction", "tls"),
        ("transaction_storing", "tls"),
        ("release_verified", "tls"),
    ] {
        let row = results.phase(phase, mode, 3, 1).unwrap_or_else(|| panic!("{phase} in {mode}"));
        assert!(row.spread.median_s > 0.0 && row.spread.q1_s <= row.spread.q3_s, "{row:?}");
    }
    assert!(results.phase("transaction", "tls", 3, 1).unwrap().bytes > 3 * 110);
    for ratio in ["release_over_permutations", "sign_lock_over_libsecp256k1"] {
        assert!(results.ratios[ratio] > 0.0);
    }
    assert_eq!(results.committee.len(), 2 * 5, "two schemes, five circumstances");
    for row in &results.committee {
        assert_eq!((row.client_lost, row.vendor_lost), (0, 0), "{row:?}");
        let cheated = row.attack.ends_with("token");
        assert_eq!(row.refused, u32::from(cheated), "{row:?}");
    }
    assert!(results.skipped.iter().any(|line| line.contains("this is a test")));

    let report = read(folder.path(), "report.md");
    assert_eq!(report, render(&results));
    for table in tables(&results) {
        assert!(report.contains(&table.markdown()), "the table {}", table.name);
        assert_eq!(read(folder.path(), &format!("{}.csv", table.name)), table.csv());
    }
    for figure in ["figure_4_setup.svg", "figure_5_transaction.svg", "figure_6_release.svg"] {
        assert!(read(folder.path(), figure).contains("<polyline"));
        assert!(report.contains(figure));
    }
}

#[test]
fn a_finished_run_is_not_measured_again_and_a_changed_figure_changes_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let first = tiny(folder.path());
    let again = tiny(folder.path());
    assert_eq!(
        (&first.phases, &first.ratio_details, &first.committee),
        (&again.phases, &again.ratio_details, &again.committee)
    );
    assert_eq!(again.environment.started.len(), 2);

    let (report, figure) = (read(folder.path(), "report.md"), read(folder.path(), "figure_6_release.svg"));
    let mut changed = again;
    let rows = changed.phases.iter_mut().filter(|row| row.phase == "release" && row.payments == 10);
    rows.for_each(|row| row.spread.median_s *= 3.0);
    let json = serde_json::to_string(&changed).unwrap();
    std::fs::write(folder.path().join("results.json"), json).unwrap();
    let output = bench(&["report", &folder.path().display().to_string()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(read(folder.path(), "report.md"), render(&changed));
    assert_ne!(read(folder.path(), "report.md"), report);
    assert_ne!(read(folder.path(), "figure_6_release.svg"), figure);
}

#[test]
fn a_larger_input_takes_longer_and_sends_more() {
    let folder = tempfile::tempdir().unwrap();
    let results = tiny(folder.path());
    let row = |payments| results.phase("release_verified", "in_process", payments, 1).unwrap();
    assert!(row(10).spread.q1_s > row(3).spread.q1_s);
    let bytes = |payments| results.phase("transaction", "in_process", payments, 1).unwrap().bytes;
    assert_eq!(bytes(10) - bytes(3), 7 * 110);
}

#[test]
fn wrong_usage_and_a_folder_without_results_have_their_exit_codes() {
    assert_eq!(bench(&["paper", "--slow"]).status.code(), Some(2));
    assert_eq!(bench(&["report", "/nowhere"]).status.code(), Some(3));
    let help = bench(&["paper", "--help"]);
    assert!(help.status.success());
    assert!(String::from_utf8_lossy(&help.stdout).contains("--quick"));
}
