//! What the documents say of the project's files, held against the files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Endings of files that are written by hand. Others that a document names may be made when something runs.
const WRITTEN: [&str; 7] = ["js", "md", "proto", "py", "rs", "sh", "ts"];

/// Folders of the project: what begins with one is a path, whatever it ends with.
const FOLDERS: [&str; 10] = [
    "bench",
    "chaincode",
    "docs",
    "fabric",
    "fuzz",
    "network",
    "offchain-client",
    "protocol",
    "scripts",
    "tests",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the project's folder").into()
}

/// A document may name a file by the end of its path, as is clear from what is written around it.
#[test]
fn files_that_documents_name_are_there() {
    let mut paths = BTreeSet::new();
    walk(&root(), "", &mut paths);
    let mut missing = Vec::new();
    for document in paths.iter().filter(|path| path.starts_with("docs/") && path.ends_with(".md")) {
        let text = fs::read_to_string(root().join(document)).expect("documents are UTF-8");
        for name in text.lines().flat_map(quoted).filter(|text| is_file_name(text)) {
            let end = format!("/{}", name.trim_end_matches('/'));
            if !paths.iter().any(|path| format!("/{path}").ends_with(&end)) {
                missing.push(format!("{document}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "files that are not there, correct the documents: {missing:#?}");
}

/// What stands between backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_file_name(text: &str) -> bool {
    let plain = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./".contains(letter));
    let written =
        Path::new(text).extension().is_some_and(|ending| WRITTEN.iter().any(|known| ending == *known));
    let in_folder =
        text.split_once('/').is_some_and(|(first, rest)| FOLDERS.contains(&first) && !rest.is_empty());
    plain && (written || in_folder)
}

/// All files and folders below one, by their path from the root; not what is built or fetched.
fn walk(folder: &Path, prefix: &str, paths: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the project's folders are readable") {
        let entry = entry.expect("a folder's entry is readable");
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), &path, paths);
        }
        paths.insert(path);
    }
}

#[test]
fn names_of_files_are_told_from_other_words() {
    for file in ["src/core/validation/tests.rs", "protocol.test.js", "tests/recorded/", "scripts/test"] {
        assert!(is_file_name(file), "{file}");
    }
    for other in
        ["tests/node/*.test.js", "profile.toml", "--port-base", "grpc.health.v1", "a.rs b.rs", "tests/"]
    {
        assert!(!is_file_name(other), "{other}");
    }
    assert_eq!(quoted("see `a.rs` and `b.rs`.").collect::<Vec<_>>(), ["a.rs", "b.rs"]);
}
