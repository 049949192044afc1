//! What the wallet writes down about a channel: what it opened, and how it ends.

use std::path::PathBuf;

use lockstep_protocol::Memo;
use lockstep_protocol::hash::TxHash;
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::payer;
use lockstep_protocol::payment::Ack;
use lockstep_protocol::signature::Signature;
use lockstep_protocol::units::{PaymentNumber, Units};
use serde::{Deserialize, Serialize};

use crate::stream::{Settled, Unlocked};

/// What the wallet knew when it opened a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// What the bank gave, checked against the request.
    pub given: SignedOpening,
    /// What the channel is for.
    pub memo: Memo,
    /// Where the vendor is.
    pub vendor: VendorLink,
}

/// Where a vendor is, and by what it is known there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorLink {
    /// `https://host:port`.
    pub url: String,
    /// PEM file with its certificate; relative to the wallet's folder, or absolute.
    pub certificate: PathBuf,
}

/// How a channel ends, as far as it got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// The payment that was released, with σ_n.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<ReleasedPayment>,
    /// What the vendor says of its walk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlocked: Option<Unlocked>,
    /// The close on the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    /// The state in which the ledger ended it without the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<ChannelState>,
}

/// A released payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleasedPayment {
    /// n.
    pub number: PaymentNumber,
    /// c_n.
    pub released: Units,
    /// Tx_n.
    pub tx: TxHash,
    /// σ_n.
    pub signature: Signature,
}

impl From<&payer::Released> for ReleasedPayment {
    fn from(released: &payer::Released) -> Self {
        let Ack { number, released: units, tx } = *released.last();
        Self { number, released: units, tx, signature: *released.signature() }
    }
}

impl From<ReleasedPayment> for payer::Released {
    fn from(payment: ReleasedPayment) -> Self {
        let last = Ack { number: payment.number, released: payment.released, tx: payment.tx };
        Self::from_parts(last, payment.signature)
    }
}
