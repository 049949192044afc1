//! Files that somebody else may have written.

use lockstep::bank::books::NewChannel;
use lockstep::bank::decision::SignedDecision;
use lockstep::fuzzing;
use lockstep::party::transcript::{self, write_heading};

use crate::Target;
use crate::property::json_returns;

/// Transcripts, profiles, the bank's log.
pub const FILES: Target = Target {
    name: "files",
    decoders: &[
        ("transcript", transcript),
        ("profile", profile),
        ("logged-opening", |bytes| {
            // The log is read back into the books; a line comes back as the same opening.
            serde_json::from_slice::<NewChannel>(bytes).is_ok_and(|logged| {
                let request = serde_json::to_vec(&logged.request).expect("what was read can be written");
                json_returns::<lockstep_protocol::opening::SignedRequest>(&request)
            })
        }),
        ("logged-decision", json_returns::<SignedDecision>),
    ],
};

/// A transcript that stands counts as many receipts as it has lines, and its heading comes back.
fn transcript(bytes: &[u8]) -> bool {
    let mut receipts = 0;
    let Ok(checked) = transcript::check(&mut &*bytes, |number| receipts = number) else { return false };
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(usize::try_from(receipts).ok(), lines.checked_sub(1), "a line is no receipt");
    assert_eq!(checked.transcript.number().as_index(), receipts);
    let mut heading = Vec::new();
    write_heading(&mut heading, &checked.opening).expect("a vector takes everything");
    let again = transcript::check(&mut heading.as_slice(), |_| ()).expect("a transcript without receipts");
    assert_eq!(again.opening, checked.opening);
    true
}

/// A profile that stands names organisations and channel, every file absolutely.
fn profile(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Ok(profile) = fuzzing::profile(text) else { return false };
    assert!(!profile.channel.is_empty() && !profile.chaincode.is_empty());
    for organization in &profile.organizations {
        assert!(!organization.msp_id.is_empty() && profile.organization(&organization.msp_id).is_ok());
        assert!(organization.peers.iter().all(|peer| peer.tls_ca.is_absolute()));
    }
    !profile.organizations.is_empty()
}
