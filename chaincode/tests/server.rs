//! The program `lockstep-chaincode`: what it says without its environment, and how it stops.
#![cfg(test)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use assert_cmd::cargo::CommandCargoExt as _;

/// No test waits longer than this for the program.
const DEADLINE: Duration = Duration::from_secs(20);

fn program() -> Command {
    let mut command = Command::cargo_bin("lockstep-chaincode").unwrap();
    command.env_clear().stdin(Stdio::null());
    command
}

fn output(mut command: Command) -> (bool, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_names_every_variable_and_version_the_version() {
    let mut help = program();
    help.arg("--help");
    let (success, stdout, _) = output(help);
    assert!(success);
    for name in [
        "CHAINCODE_SERVER_ADDRESS",
        "CORE_CHAINCODE_ID_NAME",
        "CORE_PEER_TLS_ENABLED",
        "CHAINCODE_TLS_DISABLED",
    ] {
        assert!(stdout.contains(name), "{stdout}");
    }
    let mut version = program();
    version.arg("--version");
    assert_eq!(output(version).1, concat!("lockstep-chaincode ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn what_is_missing_or_wrong_is_said_in_a_sentence() {
    let address = ("CHAINCODE_SERVER_ADDRESS", "127.0.0.1:0");
    let id = ("CORE_CHAINCODE_ID_NAME", "lockstep:1");
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[], "CHAINCODE_SERVER_ADDRESS"),
        (&[address], "CORE_CHAINCODE_ID_NAME"),
        (&[("CHAINCODE_SERVER_ADDRESS", "nowhere"), id], "CHAINCODE_SERVER_ADDRESS"),
        (&[address, id, ("CORE_PEER_TLS_ENABLED", "true")], "CORE_TLS_CLIENT_KEY_FILE"),
        (
            &[address, id, ("CORE_PEER_TLS_ENABLED", "true"), ("CORE_TLS_CLIENT_KEY_FILE", "/nowhere")],
            "/nowhere",
        ),
    ];
    for (variables, named) in cases {
        let mut command = program();
        command.envs(variables.iter().copied());
        let (success, stdout, stderr) = output(command);
        assert!(!success && stdout.is_empty(), "{variables:?}");
        assert!(stderr.contains(named), "{named}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn a_signal_stops_it_cleanly() {
    for signal in ["TERM", "INT"] {
        let mut command = program();
        command.env("CHAINCODE_SERVER_ADDRESS", "127.0.0.1:0").env("CORE_CHAINCODE_ID_NAME", "lockstep:1");
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let (lines, seen) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        wait_for(&seen, "waiting for peers", &mut child);
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        wait_for(&seen, "stopped", &mut child);
        assert!(child.wait().unwrap().success(), "{signal}");
    }
}

fn wait_for(lines: &mpsc::Receiver<String>, text: &str, child: &mut Child) {
    loop {
        match lines.recv_timeout(DEADLINE) {
            Ok(line) if line.contains(text) => return,
            Ok(_) => {}
            Err(error) => {
                let _ = child.kill();
                panic!("{text:?} never came: {error}");
            }
        }
    }
}
