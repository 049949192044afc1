//! The commands on channels: JSON documents as submitted, nothing checked but their shape [Spec §8, §11].

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::registration::RegisterBank;
use super::statement::{claim_digest, close_digest, freeze_digest, resolve_digest};
use crate::hash::{ChannelId, EvidenceHash, Token};
use crate::key::SecretKey;
use crate::opening::{Opening, SignedOpening};
use crate::payment::PaymentFields;
use crate::signature::Signature;
use crate::units::Units;

/// A document that a contract function takes as its one argument.
pub trait Command: Serialize + DeserializeOwned {
    /// The contract function's name.
    const FUNCTION: &'static str;

    /// The document in JSON.
    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("commands have text keys and plain values only")
    }
}

macro_rules! commands {
    ($($name:ident),*) => {$(
        impl Command for $name {
            const FUNCTION: &'static str = stringify!($name);
        }
    )*};
}
commands!(RegisterBank, Open, Cancel, CloseByRelease, CloseByToken, Refund, Freeze, Resolve);

/// `Open`: Tx₀'s fields and σ₀.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Open(SignedOpening);

/// `Cancel`: Tx₀'s fields and σ₀ of an opening that never reached the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cancel(SignedOpening);

macro_rules! opening_command {
    ($name:ident) => {
        impl $name {
            /// Puts an opening before the ledger.
            #[must_use]
            pub const fn new(signed: SignedOpening) -> Self {
                Self(signed)
            }

            /// The opening as submitted.
            #[must_use]
            pub const fn opening(&self) -> &Opening {
                self.0.opening()
            }

            /// The opening with σ₀ as submitted.
            #[must_use]
            pub const fn signed_opening(&self) -> &SignedOpening {
                &self.0
            }

            /// The id that the fields hash to.
            #[must_use]
            pub const fn channel_id(&self) -> ChannelId {
                self.0.opening().channel_id()
            }
        }
    };
}
opening_command!(Open);
opening_command!(Cancel);

/// `CloseByRelease`: the last payment, the client's signature on it, the vendor's word for the close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseByRelease {
    pub(crate) channel_id: ChannelId,
    pub(crate) fields: PaymentFields,
    pub(crate) client_signature: Signature,
    pub(crate) vendor_signature: Signature,
}

impl CloseByRelease {
    /// The vendor's close. It durably marks the channel closing before it signs [Spec §7].
    #[must_use]
    pub fn sign(fields: PaymentFields, client_signature: Signature, vendor: &SecretKey) -> Self {
        let vendor_signature = vendor.sign(&close_digest(&fields.channel, fields.released, &fields.tx()));
        Self { channel_id: fields.channel, fields, client_signature, vendor_signature }
    }

    /// Puts a close together from its parts.
    #[must_use]
    pub const fn from_parts(
        channel_id: ChannelId,
        fields: PaymentFields,
        client_signature: Signature,
        vendor_signature: Signature,
    ) -> Self {
        Self { channel_id, fields, client_signature, vendor_signature }
    }

    /// The channel to close.
    #[must_use]
    pub const fn channel_id(&self) -> ChannelId {
        self.channel_id
    }

    /// fieldsₙ as submitted.
    #[must_use]
    pub const fn fields(&self) -> &PaymentFields {
        &self.fields
    }

    /// The vendor's signature as submitted.
    #[must_use]
    pub const fn vendor_signature(&self) -> &Signature {
        &self.vendor_signature
    }
}

/// `CloseByToken`: c, f_c and the vendor's word for the claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseByToken {
    pub(crate) channel_id: ChannelId,
    pub(crate) units: Units,
    pub(crate) token: Token,
    pub(crate) vendor_signature: Signature,
}

impl CloseByToken {
    /// The vendor's claim. It durably marks the channel closing before it signs [Spec §7].
    #[must_use]
    pub fn sign(channel_id: ChannelId, units: Units, token: Token, vendor: &SecretKey) -> Self {
        let vendor_signature = vendor.sign(&claim_digest(&channel_id, units, &token));
        Self { channel_id, units, token, vendor_signature }
    }

    /// The channel to close.
    #[must_use]
    pub const fn channel_id(&self) -> ChannelId {
        self.channel_id
    }

    /// c as submitted.
    #[must_use]
    pub const fn units(&self) -> Units {
        self.units
    }

    /// The vendor's signature as submitted.
    #[must_use]
    pub const fn vendor_signature(&self) -> &Signature {
        &self.vendor_signature
    }
}

/// `Refund`: after expiry, by anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    pub(crate) channel_id: ChannelId,
}

impl Refund {
    /// Asks for the refund of a channel.
    #[must_use]
    pub const fn new(channel_id: ChannelId) -> Self {
        Self { channel_id }
    }

    /// The channel to refund.
    #[must_use]
    pub const fn channel_id(&self) -> ChannelId {
        self.channel_id
    }
}

/// Why a bank freezes a channel [Spec §8]. JSON: the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u16", try_from = "u16")]
#[repr(u16)]
pub enum FreezeReason {
    /// 1: a fraud proof against the client.
    FraudProof = 1,
    /// 2: the vendor's conduct.
    VendorConduct = 2,
    /// 3: an order of a court.
    CourtOrder = 3,
}

impl From<FreezeReason> for u16 {
    fn from(reason: FreezeReason) -> Self {
        match reason {
            FreezeReason::FraudProof => 1,
            FreezeReason::VendorConduct => 2,
            FreezeReason::CourtOrder => 3,
        }
    }
}

impl TryFrom<u16> for FreezeReason {
    type Error = crate::refusal::Refusal;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::FraudProof),
            2 => Ok(Self::VendorConduct),
            3 => Ok(Self::CourtOrder),
            _ => Err(crate::refusal::Refusal::ReasonOutOfRange),
        }
    }
}

/// `Freeze`: no refund any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    pub(crate) channel_id: ChannelId,
    /// Not yet checked for its range: that refusal has its own code.
    pub(crate) reason: u16,
    pub(crate) evidence: EvidenceHash,
    pub(crate) bank_signature: Signature,
}

impl Freeze {
    /// The bank's freeze.
    #[must_use]
    pub fn sign(
        channel_id: ChannelId,
        reason: FreezeReason,
        evidence: EvidenceHash,
        bank: &SecretKey,
    ) -> Self {
        let reason = reason.into();
        let bank_signature = bank.sign(&freeze_digest(&channel_id, reason, &evidence));
        Self { channel_id, reason, evidence, bank_signature }
    }

    /// The channel to freeze.
    #[must_use]
    pub const fn channel_id(&self) -> ChannelId {
        self.channel_id
    }

    /// The bank's signature as submitted.
    #[must_use]
    pub const fn bank_signature(&self) -> &Signature {
        &self.bank_signature
    }
}

/// `Resolve`: the vendor's total on a frozen or claimed channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    pub(crate) channel_id: ChannelId,
    pub(crate) units: Units,
    pub(crate) bank_signature: Signature,
}

impl Resolve {
    /// The bank's resolution.
    #[must_use]
    pub fn sign(channel_id: ChannelId, units: Units, bank: &SecretKey) -> Self {
        let bank_signature = bank.sign(&resolve_digest(&channel_id, units));
        Self { channel_id, units, bank_signature }
    }

    /// The channel to resolve.
    #[must_use]
    pub const fn channel_id(&self) -> ChannelId {
        self.channel_id
    }

    /// The vendor's total as submitted.
    #[must_use]
    pub const fn units(&self) -> Units {
        self.units
    }

    /// The bank's signature as submitted.
    #[must_use]
    pub const fn bank_signature(&self) -> &Signature {
        &self.bank_signature
    }
}
