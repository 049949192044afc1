//! The hash H, its domain tags [Spec §1], and one type for every kind of 32-byte value.

use rand_core::CryptoRng;
use sha3::{Digest as _, Sha3_256};

use crate::codec::{DecodeError, fixed_bytes};

/// Prefix of every domain tag; its number is the version of all byte layouts.
const TAG_PREFIX: &[u8] = b"lockstep/1/";

/// The tag of `name`: one byte with the count of the text, then the text `lockstep/1/name`.
pub(crate) fn tag(name: &str) -> Vec<u8> {
    let count = u8::try_from(TAG_PREFIX.len() + name.len()).expect("tag names are short literals");
    [&[count], TAG_PREFIX, name.as_bytes()].concat()
}

/// H = SHA3-256 over a tag and fixed-width big-endian fields.
#[derive(Debug)]
pub(crate) struct Hasher(Sha3_256);

impl Hasher {
    pub(crate) fn new(name: &str) -> Self {
        let count = u8::try_from(TAG_PREFIX.len() + name.len()).expect("tag names are short literals");
        let mut hash = Sha3_256::new();
        hash.update([count]);
        hash.update(TAG_PREFIX);
        hash.update(name);
        Self(hash)
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    pub(crate) fn u16(self, value: u16) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// `str`: a `u16` length and that many bytes.
    pub(crate) fn text(self, text: &ShortText) -> Self {
        self.u16(text.length()).bytes(text.as_str().as_bytes())
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// UTF-8 of at most 65 535 bytes: what fits the encoding `str` of [Spec §1].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ShortText(String);

impl ShortText {
    /// Takes a text.
    ///
    /// # Errors
    /// [`DecodeError::Text`] above 65 535 bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, DecodeError> {
        let text = text.into();
        match u16::try_from(text.len()) {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err(DecodeError::Text(u16::MAX.into())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn length(&self) -> u16 {
        u16::try_from(self.0.len()).expect("the constructor bounds the length")
    }
}

impl From<ShortText> for String {
    fn from(text: ShortText) -> Self {
        text.0
    }
}

impl TryFrom<String> for ShortText {
    type Error = DecodeError;

    fn try_from(text: String) -> Result<Self, DecodeError> {
        Self::new(text)
    }
}

impl std::fmt::Display for ShortText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fixed_bytes! {
    /// A 32-byte prehash that is signed [Spec §1].
    Digest, 32
}
fixed_bytes! {
    /// Names one Fabric channel and one chaincode on it [Spec §1].
    LedgerId, 32
}
fixed_bytes! {
    /// Names one payment channel; equal to Tx₀ [Spec §4].
    ChannelId, 32
}
fixed_bytes! {
    /// Txᵢ, the hash of payment i's fields; Tx₀ is the channel id [Spec §6].
    TxHash, 32
}
fixed_bytes! {
    /// f_c, one link of a token chain; proves that c units were released [Spec §5].
    Token, 32
}
fixed_bytes! {
    /// The client's fresh number for one channel [Spec §4].
    Nonce, 32
}
fixed_bytes! {
    /// H(tag "memo" ‖ memo) [Spec §4].
    MemoHash, 32
}
fixed_bytes! {
    /// 𝕆, a party's partial identity: the attribute root of a credential [Spec §3].
    IdentityRoot, 32
}
fixed_bytes! {
    /// H(tag "evidence" ‖ fraud proof), or the hash of other evidence for a freeze [Spec §7, §8].
    EvidenceHash, 32
}
fixed_bytes! {
    /// Blinds one attribute of a credential [Spec §3].
    Salt, 32
}
fixed_bytes! {
    /// The bank's fresh challenge for a proof of an account key [Spec §3].
    Challenge, 32
}
fixed_bytes! {
    /// The hash of one salted attribute [Spec §3].
    AttributeLeaf, 32
}

impl LedgerId {
    /// H(tag "ledger" ‖ str Fabric channel name ‖ str chaincode name).
    #[must_use]
    pub fn of(fabric_channel: &ShortText, chaincode: &ShortText) -> Self {
        Self(Hasher::new("ledger").text(fabric_channel).text(chaincode).finish())
    }
}

impl ChannelId {
    /// The same 32 bytes as Tx₀, to which payment 1 is chained.
    #[must_use]
    pub const fn as_tx(&self) -> TxHash {
        TxHash(self.0)
    }
}

impl TxHash {
    /// The same 32 bytes as the prehash that is signed.
    #[must_use]
    pub const fn as_digest(&self) -> Digest {
        Digest(self.0)
    }
}

/// Fresh values come from a generator that the caller passes in.
macro_rules! random {
    ($($name:ident),*) => {$(
        impl $name {
            /// Draws a fresh value.
            pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
                let mut bytes = [0; 32];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }
        }
    )*};
}
random!(Nonce, Salt, Challenge);
