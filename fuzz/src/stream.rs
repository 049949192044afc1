//! The messages of the payment stream [Spec §11].

use lockstep::stream::{BatchBounds, Terms, ToClient, ToVendor, wire};
use lockstep_protocol::payment::Batch;
use prost::Message as _;

use crate::Target;
use crate::property::message_returns;

/// Longest sentence of the other party that is shown, in bytes.
const SENTENCE_BYTES: usize = 512;

/// What wallet and vendor say to each other.
pub const STREAM: Target = Target {
    name: "stream",
    decoders: &[("to-vendor", to_vendor), ("to-client", to_client), ("terms", terms)],
};

fn to_vendor(bytes: &[u8]) -> bool {
    let Some(message) = message_returns::<wire::ToVendor, ToVendor>(bytes) else { return false };
    if let ToVendor::Batch(bytes) = message {
        let most = usize::try_from(BatchBounds::DEFAULT.payments).expect("a few thousand");
        return Batch::decode(&bytes, most).is_ok_and(|batch| batch.encode() == bytes);
    }
    true
}

fn to_client(bytes: &[u8]) -> bool {
    let Some(message) = message_returns::<wire::ToClient, ToClient>(bytes) else { return false };
    if let ToClient::Refused(refused) = message {
        assert!(refused.sentence.len() <= SENTENCE_BYTES && !refused.sentence.chars().any(char::is_control));
    }
    true
}

fn terms(bytes: &[u8]) -> bool {
    let read = |bytes: &[u8]| Terms::try_from(wire::TermsReply::decode(bytes).ok()?).ok();
    let Some(terms) = read(bytes) else { return false };
    let again = read(&wire::TermsReply::from(&terms).encode_to_vec());
    assert_eq!(again, Some(terms), "another value came back");
    true
}
