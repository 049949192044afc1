//! The documents of the bank's HTTP interface, the same for server and client.
//!
//! | request | body | answer |
//! | --- | --- | --- |
//! | `GET /v1/info` | | [`Info`] |
//! | `POST /v1/challenge` | | [`ChallengeDocument`] |
//! | `POST /v1/accounts` | [`Proven`]`<`[`Nothing`]`>` | [`Account`] |
//! | `POST /v1/account` | [`Proven`]`<`[`Nothing`]`>` | [`Account`] |
//! | `POST /v1/credentials` | [`Proven`]`<`[`CredentialRequest`]`>` | [`IssuedCredential`] |
//! | `POST /v1/credential` | [`Proven`]`<`[`Nothing`]`>` | [`HeldCredential`] |
//! | `POST /v1/openings` | [`Proven`]`<`[`OpeningDocument`]`>` | [`SignedOpening`] |
//! | `POST /v1/statement` | [`Proven`]`<`[`StatementRequest`]`>` | [`Statement`] |
//! | `POST /v1/channels/{id}/fraud-proof` | [`Proven`]`<`[`FraudReport`]`>` | [`FraudAnswer`] |
//!
//! Every request that touches an account carries the account key's signature on a fresh challenge [Spec §3].
//! A refusal is a problem document (RFC 9457), [`Problem`].
//!
//! [`SignedOpening`]: lockstep_protocol::opening::SignedOpening
//! [`Statement`]: super::books::Statement
//! [`Account`]: super::books::Account

use lockstep_protocol::account::AccountProof;
use lockstep_protocol::credential::{Attribute, Credential};
use lockstep_protocol::hash::{Challenge, ChannelId, EvidenceHash, IdentityRoot, LedgerId, ShortText};
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::opening::SignedRequest;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::time::{MaxDrift, Timestamp};
use serde::{Deserialize, Serialize};

/// Media type of a problem document.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// What anybody may know of the bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// The bank's key, which clients and vendors pin.
    pub bank_key: PublicKey,
    /// The ledger that it works on.
    pub ledger: LedgerId,
    /// The MSP id of its organisation.
    pub organization: String,
    /// D of its registration, in milliseconds.
    pub max_drift: MaxDrift,
    /// Longest life of a channel, from its opening to its expiry, in milliseconds.
    pub max_life: u64,
    /// Its clock.
    pub time: Timestamp,
}

/// A fresh challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeDocument {
    /// To be signed with the account's key.
    pub challenge: Challenge,
    /// Until when.
    pub expires: Timestamp,
}

/// A request with the proof that its sender owns the account's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven<T> {
    /// A challenge that the bank gave.
    pub challenge: Challenge,
    /// The account key, and its signature on the challenge.
    pub proof: AccountProof,
    /// What is asked for.
    pub request: T,
}

/// A request that needs no more than the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Asks for a credential over what the bank has verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialRequest {
    /// Names of the attributes that it is to hold; `None`: all that are recorded.
    #[serde(default)]
    pub names: Option<Vec<ShortText>>,
}

/// A credential, with the attributes and salts that its holder keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedCredential {
    /// What the bank signed.
    pub credential: Credential,
    /// The attributes under its root, each with a fresh salt.
    pub attributes: Vec<Attribute>,
}

/// What the bank has of a holder's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldCredential {
    /// The newest that is in date: it names the holder in openings to it.
    pub newest: Option<Validity>,
    /// The bank's clock.
    pub time: Timestamp,
}

/// A credential's identity and when it is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// Its attribute root.
    pub identity: IdentityRoot,
    /// Since when.
    pub issued: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// Asks for an opening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpeningDocument {
    /// The request with the signatures of account key and payment key.
    pub signed: SignedRequest,
}

/// Asks for a part of the account's statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementRequest {
    /// The entry after which to start; 0: from the first.
    #[serde(default)]
    pub after: u64,
    /// Most lines to give, 500 at most; `None`: as many as that.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Brings a proof that the channel's client has cheated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FraudReport {
    /// The 552 bytes of [Spec §7] in lower-case hexadecimal.
    pub proof: String,
}

/// What became of a fraud proof that convicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FraudAnswer {
    /// The channel.
    pub channel_id: ChannelId,
    /// The hash of the proof that convicted the client: the first that came.
    pub evidence: EvidenceHash,
    /// The channel's state on the ledger.
    pub state: ChannelState,
    /// Whether it is frozen, or was and has been claimed or resolved since. While it is open and not frozen, the
    /// bank goes on trying.
    pub frozen: bool,
}

/// Why a request was refused, as RFC 9457 has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:lockstep:refusal:<name>` for a refusal, else `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short name of the kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A sentence for a person.
    pub detail: String,
    /// The stable number of the refusal [Spec §10].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<u16>,
}

impl Problem {
    /// The refusal that it tells, if it is one that this version knows.
    pub fn as_refusal(&self) -> Option<Refusal> {
        self.refusal.and_then(Refusal::from_number)
    }
}
