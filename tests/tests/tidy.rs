//! The project's structure, held against `ARCHITECTURE.md`: which crate may know which, what the protocol crate must
//! never know, that every crate takes the workspace's lints, and that no file outgrows its noun.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Code lines after which a file is split.
const LONGEST_FILE: usize = 500;

/// Lines of `ARCHITECTURE.md`: a map that is read in one go.
const LONGEST_MAP: usize = 150;

/// The arrows of `ARCHITECTURE.md`, normal dependencies: who may know whom.
const ARROWS: [(&str, &[&str]); 18] = [
    ("asset-transfer-basic", &["hlf-shim"]),
    ("asset-transfer-private-data", &["hlf-shim"]),
    ("asset-transfer-sbe", &["hlf-shim"]),
    ("events", &["hlf-shim"]),
    ("hlf-devnet", &["hlf-proto", "hlf-selector"]),
    ("hlf-gateway", &["hlf-proto"]),
    ("hlf-proto", &[]),
    ("hlf-selector", &[]),
    ("hlf-shim", &["hlf-proto", "hlf-selector", "hlf-shim-macros"]),
    ("hlf-shim-macros", &[]),
    ("lockstep", &["hlf-gateway", "lockstep-protocol"]),
    ("lockstep-bench", &["lockstep", "lockstep-protocol"]),
    ("lockstep-chaincode", &["hlf-shim", "lockstep-protocol"]),
    (
        "lockstep-fuzz",
        &[
            "hlf-devnet",
            "hlf-gateway",
            "hlf-proto",
            "hlf-shim",
            "lockstep",
            "lockstep-chaincode",
            "lockstep-protocol",
        ],
    ),
    ("lockstep-protocol", &[]),
    ("lockstep-simulation", &["lockstep", "lockstep-protocol"]),
    (
        "lockstep-tests",
        &[
            "hlf-devnet",
            "hlf-gateway",
            "hlf-proto",
            "hlf-shim",
            "lockstep",
            "lockstep-chaincode",
            "lockstep-protocol",
        ],
    ),
    ("protocol", &["hlf-shim"]),
];

/// Input, output, clocks, runtimes and sources of randomness: nothing for the protocol crate, however indirectly.
const IMPURE: [&str; 9] =
    ["async-std", "getrandom", "hyper", "mio", "rand", "reqwest", "socket2", "tokio", "tonic"];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(vec!["--locked".into()])
        .exec()
        .expect("cargo metadata answers in this workspace")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the project's folder").into()
}

#[test]
fn crates_know_only_whom_the_architecture_allows() {
    let metadata = metadata();
    let ours: BTreeSet<&str> = metadata.workspace_packages().iter().map(|p| p.name.as_str()).collect();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let known: BTreeSet<&str> = allowed.keys().copied().collect();
    assert_eq!(
        ours, known,
        "a crate appeared or vanished: say in ARROWS and ARCHITECTURE.md whom it may know"
    );

    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            let forbidden = ours.contains(dependency.name.as_str())
                && dependency.kind == DependencyKind::Normal
                && !allowed[package.name.as_str()].contains(&dependency.name.as_str());
            if forbidden {
                wrong.push(format!("{} -> {}", package.name, dependency.name));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that ARCHITECTURE.md does not allow: {wrong:?}");
}

#[test]
fn the_protocol_crate_is_pure() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("metadata was asked with dependencies");
    let names: BTreeMap<_, _> = metadata.packages.iter().map(|p| (&p.id, p.name.as_str())).collect();
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|n| (&n.id, n)).collect();
    let start = metadata
        .packages
        .iter()
        .find(|p| p.name.as_str() == "lockstep-protocol")
        .expect("the protocol crate is a member");

    let mut seen = BTreeSet::new();
    let mut todo = vec![&start.id];
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        let normal = |d: &&cargo_metadata::NodeDep| {
            d.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal && k.target.is_none())
        };
        todo.extend(nodes[id].deps.iter().filter(normal).map(|d| &d.pkg));
    }
    let impure: Vec<_> = seen.iter().map(|id| names[*id]).filter(|name| IMPURE.contains(name)).collect();
    assert!(impure.is_empty(), "the protocol crate reaches {impure:?}");
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    for package in metadata().workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path).expect("a member's manifest is readable");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{}: [lints] workspace = true is missing",
            package.name
        );
    }
}

#[test]
fn every_direct_dependency_comes_from_the_workspace_table() {
    for package in metadata().workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path).expect("a member's manifest is readable");
        let table: toml::Table = manifest.parse().expect("cargo parsed it before");
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in table.get(kind).and_then(toml::Value::as_table).into_iter().flatten() {
                let inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(inherited, "{}: {name} names its own version", package.name);
            }
        }
    }
}

#[test]
fn no_file_outgrows_its_noun() {
    let mut long = Vec::new();
    for member in metadata().workspace_packages() {
        let folder = member.manifest_path.parent().expect("a manifest lies in a folder");
        for file in rust_files(folder.as_std_path()) {
            let text = fs::read_to_string(&file).expect("sources are UTF-8");
            let code =
                text.lines().filter(|l| !l.trim().is_empty() && !l.trim_start().starts_with("//")).count();
            if code > LONGEST_FILE {
                long.push(format!("{}: {code}", file.display()));
            }
        }
    }
    assert!(long.is_empty(), "files over {LONGEST_FILE} lines of code, split them by noun: {long:#?}");
}

#[test]
fn the_map_fits_in_one_reading() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md exists");
    assert!(text.lines().count() <= LONGEST_MAP, "ARCHITECTURE.md has {} lines", text.lines().count());
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a member's folder is readable") {
        let path = entry.expect("a folder's entry is readable").path();
        if path.is_dir() && path.file_name().is_some_and(|n| n != "target") {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}
