//! The fields of Tx₀ and the rules over them [Spec §4].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::amount::{Amount, PAYMENT_LIMIT};
use crate::codec::{DecodeError, Reader};
use crate::hash::{ChannelId, Hasher, IdentityRoot, LedgerId, MemoHash, Nonce, Token};
use crate::key::{PublicKey, SecretKey};
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::time::{MaxDrift, Timestamp};
use crate::units::{Reputation, Units};

/// The most tokens that a channel may have [Spec §4].
pub const MAX_TOKEN_COUNT: Units = Units::from_count(1_048_576);

/// The longest time from the making of an opening to its open-by [Spec §4].
const MAX_OPENING_WAIT: Duration = Duration::from_secs(3600);

/// The version byte of the layout.
const VERSION: u8 = 1;

/// The fields of Tx₀ by name, without the version. Plain data: [`Opening`] gives them an encoding and an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningTerms {
    /// The ledger on which the channel opens.
    pub ledger: LedgerId,
    /// The client's fresh number.
    pub nonce: Nonce,
    /// B's master key.
    pub bank_key: PublicKey,
    /// C's payment key, fresh for this channel.
    pub client_key: PublicKey,
    /// V's payment key, which is its account key.
    pub vendor_key: PublicKey,
    /// C's partial identity.
    pub client_identity: IdentityRoot,
    /// V's partial identity.
    pub vendor_identity: IdentityRoot,
    /// F, reserved by the bank.
    pub total: Amount,
    /// u, what one unit is worth.
    pub unit_price: Amount,
    /// N, the units in the channel.
    pub token_count: Units,
    /// f₀.
    pub token_root: Token,
    /// C's reputation when the bank signed.
    pub client_reputation: Reputation,
    /// V's reputation when the bank signed.
    pub vendor_reputation: Reputation,
    /// ts₀, when the bank signed.
    pub opened: Timestamp,
    /// The latest time for `Open`.
    pub open_by: Timestamp,
    /// From when the client may be refunded.
    pub expiry: Timestamp,
    /// Hash of the channel's memo.
    pub memo_hash: MemoHash,
}

/// The fields of Tx₀ with their id. Reading one checks the layout alone; [`Opening::check_rules`] checks the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "OpeningDocument", try_from = "OpeningDocument")]
pub struct Opening {
    terms: OpeningTerms,
    channel_id: ChannelId,
}

impl Opening {
    /// Length of the encoding in bytes.
    pub const ENCODED_BYTES: usize = 1 + 2 * 32 + 3 * 33 + 2 * 32 + 8 + 8 + 4 + 32 + 1 + 1 + 3 * 8 + 32;

    /// Gives fields their id, channel_id = Tx₀ = H(tag "open" ‖ fields).
    #[must_use]
    pub fn new(terms: OpeningTerms) -> Self {
        let channel_id = ChannelId::from_bytes(Hasher::new("open").bytes(&encode(&terms)).finish());
        Self { terms, channel_id }
    }

    /// The fields by name.
    #[must_use]
    pub const fn terms(&self) -> &OpeningTerms {
        &self.terms
    }

    /// channel_id = Tx₀.
    #[must_use]
    pub const fn channel_id(&self) -> ChannelId {
        self.channel_id
    }

    /// The fields in the order of [Spec §4], version first, integers big-endian.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(&self.terms)
    }

    /// Reads the encoding.
    ///
    /// # Errors
    /// [`DecodeError`] for another length, version, or a value that its type does not hold.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let time = |millis| Timestamp::from_unix_millis(millis).map_err(|_| DecodeError::Range);
        let terms = OpeningTerms {
            ledger: LedgerId::from_bytes(reader.array()?),
            nonce: Nonce::from_bytes(reader.array()?),
            bank_key: PublicKey::from_bytes(reader.array()?)?,
            client_key: PublicKey::from_bytes(reader.array()?)?,
            vendor_key: PublicKey::from_bytes(reader.array()?)?,
            client_identity: IdentityRoot::from_bytes(reader.array()?),
            vendor_identity: IdentityRoot::from_bytes(reader.array()?),
            total: Amount::from_micros(reader.u64()?),
            unit_price: Amount::from_micros(reader.u64()?),
            token_count: Units::from_count(reader.u32()?),
            token_root: Token::from_bytes(reader.array()?),
            client_reputation: Reputation::from_points(reader.u8()?),
            vendor_reputation: Reputation::from_points(reader.u8()?),
            opened: time(reader.u64()?)?,
            open_by: time(reader.u64()?)?,
            expiry: time(reader.u64()?)?,
            memo_hash: MemoHash::from_bytes(reader.array()?),
        };
        reader.finish()?;
        Ok(Self::new(terms))
    }

    /// The rules of [Spec §4] over the fields, with the registered bank's D.
    ///
    /// # Errors
    /// The [`Refusal`] (4xx) of the first rule broken.
    pub fn check_rules(&self, drift: MaxDrift) -> Result<(), Refusal> {
        let t = &self.terms;
        if t.token_count == Units::ZERO || t.token_count > MAX_TOKEN_COUNT {
            return Err(Refusal::TokenCountOutOfRange);
        }
        if t.unit_price == Amount::ZERO || t.unit_price > PAYMENT_LIMIT {
            return Err(Refusal::UnitPriceOutOfRange);
        }
        if t.unit_price.checked_mul(t.token_count) != Ok(t.total) {
            return Err(Refusal::TotalMismatch);
        }
        if t.open_by <= t.opened || t.open_by.as_unix_millis() > t.opened.millis_after(MAX_OPENING_WAIT) {
            return Err(Refusal::OpenByOutOfRange);
        }
        if t.expiry.as_unix_millis() < t.open_by.millis_after(4 * drift.as_duration()) {
            return Err(Refusal::ExpiryTooEarly);
        }
        if !t.client_reputation.admits_opening() || !t.vendor_reputation.admits_opening() {
            return Err(Refusal::ReputationOutOfRange);
        }
        if t.bank_key == t.client_key || t.bank_key == t.vendor_key || t.client_key == t.vendor_key {
            return Err(Refusal::KeysNotDistinct);
        }
        Ok(())
    }

    /// What `units` are worth in this channel.
    ///
    /// # Errors
    /// [`Refusal::UnitsOutOfRange`] above N, or where the fields break F = u·N so far that the sum does not fit.
    pub fn worth(&self, units: Units) -> Result<Amount, Refusal> {
        if units > self.terms.token_count {
            return Err(Refusal::UnitsOutOfRange);
        }
        self.terms.unit_price.checked_mul(units).map_err(|_| Refusal::UnitsOutOfRange)
    }
}

fn encode(t: &OpeningTerms) -> Vec<u8> {
    let mut out = Vec::with_capacity(Opening::ENCODED_BYTES);
    out.push(VERSION);
    out.extend(t.ledger.as_bytes());
    out.extend(t.nonce.as_bytes());
    out.extend(t.bank_key.as_bytes());
    out.extend(t.client_key.as_bytes());
    out.extend(t.vendor_key.as_bytes());
    out.extend(t.client_identity.as_bytes());
    out.extend(t.vendor_identity.as_bytes());
    out.extend(t.total.as_micros().to_be_bytes());
    out.extend(t.unit_price.as_micros().to_be_bytes());
    out.extend(t.token_count.as_count().to_be_bytes());
    out.extend(t.token_root.as_bytes());
    out.push(t.client_reputation.as_points());
    out.push(t.vendor_reputation.as_points());
    out.extend(t.opened.as_unix_millis().to_be_bytes());
    out.extend(t.open_by.as_unix_millis().to_be_bytes());
    out.extend(t.expiry.as_unix_millis().to_be_bytes());
    out.extend(t.memo_hash.as_bytes());
    out
}

/// The JSON form: the names of `vectors/`, the version among them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpeningDocument {
    version: u8,
    ledger: LedgerId,
    nonce: Nonce,
    bank_key: PublicKey,
    client_key: PublicKey,
    vendor_key: PublicKey,
    client_identity: IdentityRoot,
    vendor_identity: IdentityRoot,
    total: Amount,
    unit_price: Amount,
    token_count: Units,
    token_root: Token,
    client_reputation: Reputation,
    vendor_reputation: Reputation,
    opened: Timestamp,
    open_by: Timestamp,
    expiry: Timestamp,
    memo_hash: MemoHash,
}

impl From<Opening> for OpeningDocument {
    fn from(opening: Opening) -> Self {
        let t = opening.terms;
        Self {
            version: VERSION,
            ledger: t.ledger,
            nonce: t.nonce,
            bank_key: t.bank_key,
            client_key: t.client_key,
            vendor_key: t.vendor_key,
            client_identity: t.client_identity,
            vendor_identity: t.vendor_identity,
            total: t.total,
            unit_price: t.unit_price,
            token_count: t.token_count,
            token_root: t.token_root,
            client_reputation: t.client_reputation,
            vendor_reputation: t.vendor_reputation,
            opened: t.opened,
            open_by: t.open_by,
            expiry: t.expiry,
            memo_hash: t.memo_hash,
        }
    }
}

impl TryFrom<OpeningDocument> for Opening {
    type Error = DecodeError;

    fn try_from(d: OpeningDocument) -> Result<Self, DecodeError> {
        if d.version != VERSION {
            return Err(DecodeError::Version(d.version));
        }
        Ok(Self::new(OpeningTerms {
            ledger: d.ledger,
            nonce: d.nonce,
            bank_key: d.bank_key,
            client_key: d.client_key,
            vendor_key: d.vendor_key,
            client_identity: d.client_identity,
            vendor_identity: d.vendor_identity,
            total: d.total,
            unit_price: d.unit_price,
            token_count: d.token_count,
            token_root: d.token_root,
            client_reputation: d.client_reputation,
            vendor_reputation: d.vendor_reputation,
            opened: d.opened,
            open_by: d.open_by,
            expiry: d.expiry,
            memo_hash: d.memo_hash,
        }))
    }
}

/// An opening with a bank's signature σ₀ as received: nothing is known of it until [`SignedOpening::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedOpening {
    opening: Opening,
    bank_signature: Signature,
}

impl SignedOpening {
    /// Puts a received opening together.
    #[must_use]
    pub const fn from_parts(opening: Opening, bank_signature: Signature) -> Self {
        Self { opening, bank_signature }
    }

    /// σ₀ = Sign(msk, Tx₀). The bank calls this in the transaction that reserves F [Spec §4].
    #[must_use]
    pub fn sign(opening: Opening, bank: &SecretKey) -> Self {
        let bank_signature = bank.sign(&opening.channel_id.as_tx().as_digest());
        Self { opening, bank_signature }
    }

    /// The opening as received.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// σ₀ as received.
    #[must_use]
    pub const fn bank_signature(&self) -> &Signature {
        &self.bank_signature
    }

    /// Checks that the bank of the caller's choice signed, and the rules with the D of its registration.
    ///
    /// # Errors
    /// [`Refusal::OtherBank`], a 4xx rule, or [`Refusal::BadBankSignature`].
    pub fn verify(self, bank: &PublicKey, drift: MaxDrift) -> Result<VerifiedOpening, Refusal> {
        if self.opening.terms.bank_key != *bank {
            return Err(Refusal::OtherBank);
        }
        self.opening.check_rules(drift)?;
        self.check_signature()?;
        Ok(VerifiedOpening { signed: self, drift })
    }

    /// Checks that the bank named in the opening signed it. Says nothing of who that is, nor of the rules: [`Self::verify`] does.
    ///
    /// # Errors
    /// [`Refusal::BadBankSignature`].
    pub fn check_signature(&self) -> Result<(), Refusal> {
        let digest = self.opening.channel_id.as_tx().as_digest();
        let bank = &self.opening.terms.bank_key;
        bank.verify(&digest, &self.bank_signature).map_err(|_| Refusal::BadBankSignature)
    }
}

/// An opening that keeps the rules and that its bank signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedOpening {
    signed: SignedOpening,
    drift: MaxDrift,
}

impl VerifiedOpening {
    /// The opening.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.signed.opening
    }

    /// The fields by name.
    #[must_use]
    pub const fn terms(&self) -> &OpeningTerms {
        &self.signed.opening.terms
    }

    /// channel_id = Tx₀.
    #[must_use]
    pub const fn channel_id(&self) -> ChannelId {
        self.signed.opening.channel_id
    }

    /// σ₀.
    #[must_use]
    pub const fn bank_signature(&self) -> &Signature {
        &self.signed.bank_signature
    }

    /// D of the bank's registration.
    #[must_use]
    pub const fn drift(&self) -> MaxDrift {
        self.drift
    }

    /// The opening with σ₀, for sending it on.
    #[must_use]
    pub const fn as_signed(&self) -> &SignedOpening {
        &self.signed
    }
}
