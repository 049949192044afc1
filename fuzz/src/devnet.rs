//! What clients and chaincodes send to devnet.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use hlf_devnet::fuzzing::{self, Bench};
use hlf_proto::protos::TxValidationCode;
use tempfile::TempDir;

use crate::Target;
use crate::property::{messages, written_returns};

/// Proposals, envelopes, certificates, sets, policies, what a chaincode says, packages, requests for blocks, rich queries.
pub const DEVNET: Target = Target {
    name: "devnet",
    decoders: &[
        ("proposal", fuzzing::proposal),
        ("certificate", fuzzing::certificate),
        ("envelope", envelope),
        ("signed-payload", |bytes| bench().judge_signed(bytes) == (true, TxValidationCode::Valid)),
        ("read-write-set", read_write_set),
        ("policy", policy),
        ("signature", signature),
        ("chaincode", chaincode),
        ("package", |bytes| fuzzing::package(bytes).is_some()),
        ("seek", fuzzing::seek),
        ("rich-query", |bytes| {
            str::from_utf8(bytes).is_ok_and(|text| fuzzing::rich_query(text).is_some_and(|found| found > 0))
        }),
    ],
};

/// One channel for all inputs: judging changes nothing.
fn bench() -> &'static Bench {
    static BENCH: OnceLock<(Bench, TempDir)> = OnceLock::new();
    let (bench, _) = BENCH.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        (Bench::new(folder.path()), folder)
    });
    bench
}

/// Nobody without a member's key gets an envelope past the orderer or the committer.
fn envelope(bytes: &[u8]) -> bool {
    let (ordered, code) = bench().judge(bytes);
    assert!(!ordered && code != TxValidationCode::Valid, "a stranger's envelope was taken");
    false
}

/// A chaincode is answered at most what it asked, and what it asked of its own transaction.
fn chaincode(bytes: &[u8]) -> bool {
    let messages = messages(bytes);
    let (asked, known) =
        (messages.len(), messages.iter().map(|message| message.txid.clone()).collect::<BTreeSet<_>>());
    let (answers, ended) = fuzzing::chaincode(messages);
    // The registration is answered with two messages.
    assert!(answers.len() <= asked + 1, "{} answers to {asked} messages", answers.len());
    assert!(answers.iter().all(|answer| answer.txid.is_empty() || known.contains(&answer.txid)));
    ended
}

fn policy(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| written_returns(text.to_owned(), |text| fuzzing::policy(text)))
}

fn read_write_set(bytes: &[u8]) -> bool {
    written_returns(bytes.to_vec(), |bytes| fuzzing::read_write_set(bytes))
}

fn signature(bytes: &[u8]) -> bool {
    written_returns(bytes.to_vec(), |bytes| fuzzing::signature(bytes))
}
