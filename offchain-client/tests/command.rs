//! The command as a person meets it: wrong input ends with a sentence and the documented exit code.

use std::path::Path;

use assert_cmd::Command;

fn lockstep(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("lockstep")
        .expect("the package builds the command")
        .env_remove("LOCKSTEP_HOME")
        .env_remove("LOCKSTEP_PASSPHRASE")
        .args(arguments)
        .output()
        .expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
}

fn profile(folder: &Path) -> String {
    let path = folder.join("profile.toml");
    let text = r#"
name = "test"
version = "1"
channel = "payments"
chaincode = "lockstep"
[[organizations]]
name = "Bank"
msp_id = "BankMSP"
[[organizations.peers]]
address = "127.0.0.1:1"
server_name = "peer"
tls_ca = "ca.crt"
"#;
    std::fs::write(&path, text).expect("the folder can be written");
    path.display().to_string()
}

#[test]
fn wrong_usage_ends_with_two() {
    for arguments in
        [&["bank", "fly"][..], &["bank", "audit"], &["bank", "account", "show", "nokey", "--home", "x"]]
    {
        let (code, out, err) = lockstep(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert!(err.contains("Usage:") || err.contains("--help"), "{err}");
    }
}

#[test]
fn a_missing_home_or_file_ends_with_three_and_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("bank").display().to_string();
    let (code, _, err) = lockstep(&["bank", "audit", "--home", &home]);
    assert_eq!(code, 3);
    assert!(err.contains("`init` makes one"), "{err}");
    let missing = folder.path().join("nothing.toml").display().to_string();
    let init = ["bank", "init", "--home", &home, "--organization", "BankMSP", "--listen", "127.0.0.1:0"];
    let (code, _, err) = lockstep(&[&init[..], &["--profile", &missing]].concat());
    assert_eq!(code, 3);
    assert!(err.contains("nothing.toml"), "{err}");
}

#[test]
fn a_bank_is_made_once_and_audits_at_zero() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("bank").display().to_string();
    let profile = profile(folder.path());
    let init =
        ["bank", "init", "--json", "--home", &home, "--profile", &profile, "--organization", "BankMSP"];
    let init = [&init[..], &["--listen", "127.0.0.1:0"]].concat();
    let (code, out, err) = lockstep(&init);
    assert_eq!(code, 0, "{err}");
    let made: serde_json::Value = serde_json::from_str(&out).expect("one JSON document");
    let key = made["bank_key"].as_str().expect("a key");
    let secret = std::fs::read_to_string(Path::new(&home).join("bank-key.pem")).expect("a key file");
    assert!(secret.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(
        !secret.lines().skip(1).any(|line| !line.is_empty() && (out.contains(line) || err.contains(line)))
    );

    let (code, _, err) = lockstep(&init);
    assert_eq!(code, 3);
    assert!(err.contains("is a home folder already"), "{err}");
    let (code, out, _) = lockstep(&["bank", "audit", "--home", &home, "--json"]);
    assert_eq!(code, 0);
    assert!(out.contains("\"deposits\":\"0\""), "{out}");
    let deposit = ["bank", "deposit", key, "0.01", "--reference", "r", "--home", &home, "--json"];
    let (code, out, err) = lockstep(&deposit);
    assert_eq!((code, out.as_str()), (1, ""));
    let error: serde_json::Value = serde_json::from_str(&err).expect("one JSON document");
    assert_eq!(error["error"]["refusal"], 604);
}

#[test]
fn wrong_usage_is_json_for_a_script_and_help_is_text_for_everybody() {
    let (code, out, err) = lockstep(&["bank", "audit", "--json"]);
    assert_eq!((code, out.as_str()), (2, ""));
    let error: serde_json::Value = serde_json::from_str(&err).expect("one JSON document");
    assert_eq!(error["error"]["exit"], 2);
    assert!(error["error"]["message"].as_str().is_some_and(|text| text.contains("--home")), "{err}");
    let (code, out, _) = lockstep(&["bank", "--json", "--help"]);
    assert_eq!(code, 0);
    assert!(out.contains("Usage:"), "{out}");
}

#[test]
fn a_result_that_cannot_be_printed_is_no_success_and_a_reader_that_went_away_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("bank").display().to_string();
    let profile = profile(folder.path());
    let init = ["bank", "init", "--home", &home, "--profile", &profile, "--organization", "BankMSP"];
    assert_eq!(lockstep(&[&init[..], &["--listen", "127.0.0.1:0"]].concat()).0, 0);
    let audit = |out: std::process::Stdio| {
        std::process::Command::new(assert_cmd::cargo::cargo_bin("lockstep"))
            .args(["bank", "audit", "--home", &home])
            .stdout(out)
            .output()
            .expect("the command runs")
    };
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let full = audit(full.into());
    assert_eq!(full.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&full.stderr).contains("cannot be printed"));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(audit(writer.into()).status.code(), Some(0));
}
