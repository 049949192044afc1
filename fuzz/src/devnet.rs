//! What clients and chaincodes send to devnet.

use std::sync::OnceLock;

use hlf_devnet::core::policy::Policy;
use hlf_devnet::core::rwset::ReadWriteSet;
use hlf_devnet::fuzzing::{self, Bench};
use hlf_devnet::identity::signature::EcdsaSignature;
use hlf_proto::protos::TxValidationCode;
use tempfile::TempDir;

use crate::Target;
use crate::property::text_returns;

/// Proposals, envelopes, certificates, sets, policies.
pub const DEVNET: Target = Target {
    name: "devnet",
    decoders: &[
        ("proposal", fuzzing::proposal),
        ("certificate", fuzzing::certificate),
        ("envelope", envelope),
        ("signed-payload", |bytes| bench().judge_signed(bytes) == (true, TxValidationCode::Valid)),
        ("read-write-set", read_write_set),
        ("policy", text_returns::<Policy>),
        ("signature", signature),
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

/// A set that was read is read again from what was written of it, as the same set.
fn read_write_set(bytes: &[u8]) -> bool {
    let Ok(set) = ReadWriteSet::decode(bytes) else { return false };
    let written = set.encode();
    let again = ReadWriteSet::decode(&written).expect("what was written can be read");
    assert_eq!(again, set);
    true
}

/// A signature in DER comes back.
fn signature(bytes: &[u8]) -> bool {
    let Some(signature) = EcdsaSignature::from_der(bytes) else { return false };
    assert_eq!(EcdsaSignature::from_der(&signature.to_der()), Some(signature));
    true
}
