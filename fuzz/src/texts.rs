//! Values as text: arguments, command lines, configurations, messages [Spec §1, §10, §11].

use lockstep::party::{Dollars, Span};
use lockstep_protocol::{
    Amount, ChannelId, Lock, MaxDrift, Memo, PublicKey, Refusal, ShortText, Signature, Timestamp,
};

use crate::Target;
use crate::property::{json_returns, spelling_returns, text_returns};

/// Keys, hashes, money, time, refusals.
pub const TEXTS: Target = Target {
    name: "texts",
    decoders: &[
        ("public-key", public_key),
        ("signature", spelling_returns::<Signature>),
        ("hash", spelling_returns::<ChannelId>),
        ("lock", spelling_returns::<Lock>),
        ("memo", spelling_returns::<Memo>),
        ("dollars", text_returns::<Dollars>),
        ("span", text_returns::<Span>),
        ("amount", json_returns::<Amount>),
        ("timestamp", json_returns::<Timestamp>),
        ("drift", json_returns::<MaxDrift>),
        ("short-text", json_returns::<ShortText>),
        ("refusal-number", json_returns::<Refusal>),
        ("refusal", refusal),
    ],
};

/// A key has one spelling in text, and one in bytes.
fn public_key(bytes: &[u8]) -> bool {
    if let Ok(key) = PublicKey::try_from(bytes) {
        assert_eq!(key.as_bytes(), bytes);
        return true;
    }
    spelling_returns::<PublicKey>(bytes)
}

/// A refusal that is found in a text stands there in the contract's form.
fn refusal(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Ok(refusal) = Refusal::find_in(&text) else { return false };
    assert!(text.contains(&format!("LS{} {}:", refusal.number(), refusal.name())), "{refusal}");
    true
}
