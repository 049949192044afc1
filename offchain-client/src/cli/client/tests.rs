//! What every verb of the client has in common.

use clap::Parser;

use super::*;
use crate::cli::OutputArgs;

#[derive(Debug, Parser)]
struct Client {
    #[command(subcommand)]
    verb: Verb,
}

/// Runs a verb and gives its failure.
async fn failure(line: &str) -> CliError {
    let parsed = Client::try_parse_from(line.split_whitespace()).unwrap();
    let out = Output::from(OutputArgs::default());
    parsed.verb.run(&out).await.expect_err("this home has no wallet's configuration")
}

#[tokio::test]
async fn what_signs_is_refused_while_another_process_has_the_wallet() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::create(&folder.path().join("wallet")).unwrap();
    home.write_config("").unwrap();
    let (root, channel) = (home.root().display().to_string(), "11".repeat(32));
    let lines = [
        format!(
            "client open --home {root} --vendor https://v:1 --vendor-ca v.pem --unit-price 0.01 --count 1"
        ),
        format!("client pay {channel} --home {root}"),
        format!("client release {channel} --home {root}"),
        format!("client refund {channel} --home {root}"),
    ];
    let held = home.lock().unwrap();
    for line in &lines {
        let refused = failure(line).await;
        assert_eq!(refused.exit(), Exit::Setup, "{line}: {refused}");
        assert!(refused.to_string().contains("another process is using"), "{line}: {refused}");
    }
    drop(held);
    for line in &lines {
        let other = failure(line).await;
        assert!(other.to_string().contains("config.toml"), "{line}: {other}");
    }
}
