//! Between the messages on the wire and what the roles mean by them.

use std::time::Duration;

use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::payment::Ack;
use lockstep_protocol::refusal::{Refusal, StreamMeaning};
use lockstep_protocol::signature::Signature;
use lockstep_protocol::time::MaxDrift;
use lockstep_protocol::units::Units;
use serde::{Deserialize, Serialize};

use super::{BatchBounds, Terms, wire};
use crate::ledger::TransactionId;

/// A message that is not what its sender may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a malformed message on the payment stream: {0}")]
pub struct Malformed(&'static str);

/// What a wallet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToVendor {
    /// Names the channel; the first message.
    Hello(ChannelId),
    /// Payments, encoded as [Spec §11] says.
    Batch(Vec<u8>),
    /// The signature on the vendor's last payment; nothing follows.
    Release(Signature),
}

/// What a vendor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToClient {
    /// What the vendor has.
    Welcome(Welcome),
    /// Everything up to this payment is durable.
    Acknowledged(Ack),
    /// The signature on this payment is asked for; nothing after it will be accepted.
    ReleaseWanted(Ack),
    /// All receipts are recovered.
    Unlocked(Unlocked),
    /// The close is on the ledger.
    Settled(Settled),
    /// The stream ends here.
    Refused(Refused),
}

/// The vendor's first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The last payment that the vendor has, or the opening.
    pub last: Ack,
    /// Nothing more is accepted.
    pub closing: bool,
}

/// The release unlocked everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlocked {
    /// Signed receipts recovered, verified and stored.
    pub receipts: u32,
    /// Time of the walk in microseconds, storing included.
    pub micros: u64,
}

/// The close as the vendor submitted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The transaction.
    pub tx_id: TransactionId,
    /// Its block.
    pub block: u64,
    /// Submit to commit in microseconds.
    pub micros: u64,
    /// Units that the channel ended with.
    pub units: Units,
}

/// A refusal on the stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("LS{code} {sentence}")]
pub struct Refused {
    /// Its number in the protocol's table.
    pub code: u32,
    /// Whether the channel is over; else the same bytes may be sent again later.
    pub over: bool,
    /// What the vendor says.
    pub sentence: String,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        // A refusal that the table does not mean for streams is not going to change: over.
        let over = refusal.stream_meaning() != Some(StreamMeaning::RetryLater);
        Self { code: refusal.number().into(), over, sentence: refusal.sentence().to_owned() }
    }
}

/// Longest sentence of a vendor that is shown or logged.
const SENTENCE_BYTES: usize = 512;

impl From<ToVendor> for wire::ToVendor {
    fn from(message: ToVendor) -> Self {
        use wire::to_vendor::Kind;
        let kind = match message {
            ToVendor::Hello(channel) => Kind::Hello(wire::Hello { channel_id: channel.as_bytes().to_vec() }),
            ToVendor::Batch(bytes) => Kind::Batch(bytes),
            ToVendor::Release(signature) => {
                Kind::Release(wire::Release { signature: signature.as_bytes().to_vec() })
            }
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<wire::ToVendor> for ToVendor {
    type Error = Malformed;

    fn try_from(message: wire::ToVendor) -> Result<Self, Malformed> {
        use wire::to_vendor::Kind;
        match message.kind.ok_or(Malformed("empty"))? {
            Kind::Hello(hello) => ChannelId::try_from(hello.channel_id.as_slice())
                .map(Self::Hello)
                .map_err(|_| Malformed("a channel id has 32 bytes")),
            Kind::Batch(bytes) => Ok(Self::Batch(bytes)),
            Kind::Release(release) => Signature::try_from(release.signature.as_slice())
                .map(Self::Release)
                .map_err(|_| Malformed("a signature has 64 bytes")),
        }
    }
}

impl From<ToClient> for wire::ToClient {
    fn from(message: ToClient) -> Self {
        use wire::to_client::Kind;
        let kind = match message {
            ToClient::Welcome(Welcome { last, closing }) => {
                Kind::Welcome(wire::Welcome { last: last.encode().to_vec(), closing })
            }
            ToClient::Acknowledged(ack) => Kind::Acknowledgement(ack.encode().to_vec()),
            ToClient::ReleaseWanted(ack) => {
                Kind::ReleaseRequest(wire::ReleaseRequest { last: ack.encode().to_vec() })
            }
            ToClient::Unlocked(Unlocked { receipts, micros }) => {
                Kind::Unlocked(wire::Unlocked { receipts, micros })
            }
            ToClient::Settled(settled) => Kind::Settled(wire::Settled {
                tx_id: settled.tx_id.as_str().to_owned(),
                block: settled.block,
                micros: settled.micros,
                units: settled.units.as_count(),
            }),
            ToClient::Refused(Refused { code, over, sentence }) => {
                Kind::Refused(wire::Refused { code, over, sentence })
            }
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<wire::ToClient> for ToClient {
    type Error = Malformed;

    fn try_from(message: wire::ToClient) -> Result<Self, Malformed> {
        use wire::to_client::Kind;
        Ok(match message.kind.ok_or(Malformed("empty"))? {
            Kind::Welcome(welcome) => {
                Self::Welcome(Welcome { last: ack(&welcome.last)?, closing: welcome.closing })
            }
            Kind::Acknowledgement(bytes) => Self::Acknowledged(ack(&bytes)?),
            Kind::ReleaseRequest(request) => Self::ReleaseWanted(ack(&request.last)?),
            Kind::Unlocked(wire::Unlocked { receipts, micros }) => {
                Self::Unlocked(Unlocked { receipts, micros })
            }
            Kind::Settled(settled) => Self::Settled(Settled {
                tx_id: transaction_id(settled.tx_id)?,
                block: settled.block,
                micros: settled.micros,
                units: Units::from_count(settled.units),
            }),
            Kind::Refused(refused) => Self::Refused(Refused {
                code: refused.code,
                over: refused.over,
                sentence: printable(&refused.sentence),
            }),
        })
    }
}

fn ack(bytes: &[u8]) -> Result<Ack, Malformed> {
    Ack::decode(bytes).map_err(|_| Malformed("an acknowledgement has 40 bytes"))
}

fn transaction_id(id: String) -> Result<TransactionId, Malformed> {
    let hexadecimal = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal {
        Ok(TransactionId::new(id))
    } else {
        Err(Malformed("a transaction id has 64 hexadecimal digits"))
    }
}

/// The other party's words go to a terminal: no control characters, and not without end.
fn printable(sentence: &str) -> String {
    let mut text = String::new();
    for character in sentence.chars().filter(|character| !character.is_control()) {
        if text.len() + character.len_utf8() > SENTENCE_BYTES {
            break;
        }
        text.push(character);
    }
    text
}

impl From<&Terms> for wire::TermsReply {
    fn from(terms: &Terms) -> Self {
        Self {
            vendor_key: terms.vendor_key.as_bytes().to_vec(),
            organization: terms.organization.clone(),
            ledger_id: terms.ledger_id.as_bytes().to_vec(),
            bank_keys: terms.bank_keys.iter().map(|key| key.as_bytes().to_vec()).collect(),
            lowest_price: terms.lowest_price.as_micros(),
            highest_price: terms.highest_price.as_micros(),
            shortest_life_ms: millis(terms.shortest_life),
            longest_life_ms: millis(terms.longest_life),
            largest_k: terms.largest_k.as_count(),
            margin_ms: millis(terms.margin),
            clock_tolerance_ms: millis(terms.clock_tolerance),
            largest_drift_ms: terms.largest_drift.as_millis(),
            batch_payments: terms.batch.payments,
            batch_bytes: terms.batch.bytes,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl TryFrom<wire::TermsReply> for Terms {
    type Error = Malformed;

    fn try_from(reply: wire::TermsReply) -> Result<Self, Malformed> {
        let key = |bytes: &[u8]| {
            PublicKey::try_from(bytes).map_err(|_| Malformed("a key is no point of the curve"))
        };
        if reply.batch_payments == 0 {
            return Err(Malformed("a batch of no payments"));
        }
        Ok(Self {
            vendor_key: key(&reply.vendor_key)?,
            organization: printable(&reply.organization),
            ledger_id: reply
                .ledger_id
                .as_slice()
                .try_into()
                .map_err(|_| Malformed("a ledger id has 32 bytes"))?,
            bank_keys: reply.bank_keys.iter().map(|bytes| key(bytes)).collect::<Result<_, _>>()?,
            lowest_price: Amount::from_micros(reply.lowest_price),
            highest_price: Amount::from_micros(reply.highest_price),
            shortest_life: Duration::from_millis(reply.shortest_life_ms),
            longest_life: Duration::from_millis(reply.longest_life_ms),
            largest_k: Units::from_count(reply.largest_k),
            margin: Duration::from_millis(reply.margin_ms),
            clock_tolerance: Duration::from_millis(reply.clock_tolerance_ms),
            largest_drift: MaxDrift::from_millis(reply.largest_drift_ms)
                .map_err(|_| Malformed("a clock difference of 1 s to 10 min"))?,
            batch: BatchBounds { payments: reply.batch_payments, bytes: reply.batch_bytes },
        })
    }
}
