//! What a role writes down. Each change is applied whole or not at all.

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::units::PaymentNumber;

use super::Phase;

/// One change of the journal.
#[derive(Clone, Debug)]
pub enum Change {
    /// A channel is taken. If it is there already nothing changes, and that is no error.
    Create(NewChannel),
    /// A batch of payments.
    Append(Append),
    /// The channel goes to another phase.
    Advance(Advance),
    /// A chunk of recovered signatures; the same chunk again changes nothing.
    Receipts(Receipts),
}

/// A channel that the role takes.
#[derive(Clone, Debug)]
pub struct NewChannel {
    /// The channel.
    pub channel: ChannelId,
    /// Where it starts.
    pub phase: Phase,
    /// The role's state before the first payment.
    pub head: Vec<u8>,
    /// What the role must remember about the channel, as JSON.
    pub facts: String,
}

/// Payments `first..=n`, conditional on the journal being at `first - 1` in the state `before`, and the channel open [Spec §6].
#[derive(Clone, Debug)]
pub struct Append {
    /// The channel.
    pub channel: ChannelId,
    /// Number of the first payment.
    pub first: PaymentNumber,
    /// Number of the last payment.
    pub n: PaymentNumber,
    /// The role's state before `first`.
    pub before: Vec<u8>,
    /// The role's state after `n`.
    pub head: Vec<u8>,
    /// The payment records, one after the other [Spec §11].
    pub records: Vec<u8>,
}

/// A change of phase, conditional on the phase before it.
#[derive(Clone, Debug)]
pub struct Advance {
    /// The channel.
    pub channel: ChannelId,
    /// The phase that the channel must be in.
    pub from: Phase,
    /// The phase to which it goes.
    pub to: Phase,
    /// The payment that must be the last one; `None`: whichever is.
    pub at: Option<PaymentNumber>,
    /// The role's account of the ending, as JSON; `None` leaves it as it is.
    pub ending: Option<String>,
    /// What was found, to be kept with the change.
    pub evidence: Option<Evidence>,
    /// The last signatures recovered, to be kept with the change.
    pub receipts: Option<Receipts>,
}

impl Advance {
    /// A change of phase and nothing else.
    #[must_use]
    pub fn new(channel: ChannelId, from: Phase, to: Phase) -> Self {
        Self { channel, from, to, at: None, ending: None, evidence: None, receipts: None }
    }
}

/// Proof or trace of the other party's conduct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What the bytes are, such as `fraud_proof`.
    pub kind: &'static str,
    /// The evidence itself.
    pub bytes: Vec<u8>,
}

/// Signatures on payments `first`, `first + 1`, …, 64 bytes each; the channel must be released, or closed since.
#[derive(Clone, Debug)]
pub struct Receipts {
    /// The channel.
    pub channel: ChannelId,
    /// Number of the first payment.
    pub first: PaymentNumber,
    /// How many.
    pub count: u32,
    /// The signatures.
    pub signatures: Vec<u8>,
}
