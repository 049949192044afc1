//! One payment as both sides keep it, and the head of the chain that the next one continues [Spec §6].

use serde::{Deserialize, Serialize};

use super::fields::PaymentFields;
use super::wire::{Ack, PaymentRecord};
use crate::codec::{DecodeError, Reader};
use crate::hash::{ChannelId, Token, TxHash};
use crate::lock::Lock;
use crate::memo::Memo;
use crate::opening::Opening;
use crate::time::Timestamp;
use crate::units::{PaymentNumber, Units};

/// Payment i in full: fieldsᵢ, ℓkᵢ and the memo's text. What a journal keeps; consistent by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    fields: PaymentFields,
    tx: TxHash,
    lock: Lock,
    memo: Memo,
}

impl Payment {
    /// Puts a payment behind `head`: number and c count up, Tx and lock are chained. Checks no rule but that counts fit.
    ///
    /// # Errors
    /// [`DecodeError::Range`] when number or c overflow.
    pub fn chain(head: &Head, record: &PaymentRecord) -> Result<Self, DecodeError> {
        let fields = PaymentFields {
            channel: head.channel,
            previous: head.tx,
            number: head.number.next().ok_or(DecodeError::Range)?,
            units: record.units,
            released: head.released.checked_add(record.units).ok_or(DecodeError::Range)?,
            token: record.token,
            ts: record.ts,
            memo_hash: record.memo.hash(),
            previous_lock: head.lock,
        };
        Ok(Self { tx: fields.tx(), fields, lock: record.lock, memo: record.memo.clone() })
    }

    /// The payer's: fields that it has signed, and the lock that it made with that signature.
    pub(crate) const fn from_parts(fields: PaymentFields, tx: TxHash, lock: Lock, memo: Memo) -> Self {
        Self { fields, tx, lock, memo }
    }

    /// fieldsᵢ.
    #[must_use]
    pub const fn fields(&self) -> &PaymentFields {
        &self.fields
    }

    /// i.
    #[must_use]
    pub const fn number(&self) -> PaymentNumber {
        self.fields.number
    }

    /// Txᵢ.
    #[must_use]
    pub const fn tx(&self) -> TxHash {
        self.tx
    }

    /// ℓkᵢ.
    #[must_use]
    pub const fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The memo's text.
    #[must_use]
    pub const fn memo(&self) -> &Memo {
        &self.memo
    }

    /// What travels, also when sent again.
    #[must_use]
    pub fn record(&self) -> PaymentRecord {
        PaymentRecord {
            units: self.fields.units,
            ts: self.fields.ts,
            token: self.fields.token,
            lock: self.lock,
            memo: self.memo.clone(),
        }
    }

    /// (n, c_n, Tx_n) of this payment.
    #[must_use]
    pub const fn ack(&self) -> Ack {
        Ack { number: self.fields.number, released: self.fields.released, tx: self.tx }
    }

    /// For a journal: fields 212 ‖ lock 64 ‖ u16 length ‖ memo.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PaymentFields::ENCODED_BYTES + 66 + self.memo.as_str().len());
        out.extend(self.fields.encode());
        out.extend(self.lock.as_bytes());
        self.memo.encode_into(&mut out);
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for other bytes, and [`DecodeError::Range`] for number 0, which is the opening's, and when the memo is not the
    /// one hashed in the fields.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let fields = PaymentFields::decode(reader.bytes(PaymentFields::ENCODED_BYTES)?)?;
        let lock = Lock::from_bytes(reader.array()?);
        let memo = Memo::read(&mut reader)?;
        reader.finish()?;
        if fields.number == PaymentNumber::OPENING || memo.hash() != fields.memo_hash {
            return Err(DecodeError::Range);
        }
        Ok(Self { tx: fields.tx(), fields, lock, memo })
    }
}

/// The end of a channel's chain: all that the next payment depends on. Holds no secret; both roles restart from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    channel: ChannelId,
    number: PaymentNumber,
    released: Units,
    token: Token,
    ts: Timestamp,
    tx: TxHash,
    lock: Lock,
}

impl Head {
    /// Before any payment: n = 0, c = 0, f₀, ts₀, Tx₀, ℓk₀ of zeros.
    #[must_use]
    pub const fn start(opening: &Opening) -> Self {
        let channel = opening.channel_id();
        Self {
            channel,
            number: PaymentNumber::OPENING,
            released: Units::ZERO,
            token: opening.terms().token_root,
            ts: opening.terms().opened,
            tx: channel.as_tx(),
            lock: Lock::ZERO,
        }
    }

    /// Behind a payment.
    #[must_use]
    pub const fn after(payment: &Payment) -> Self {
        Self {
            channel: payment.fields.channel,
            number: payment.fields.number,
            released: payment.fields.released,
            token: payment.fields.token,
            ts: payment.fields.ts,
            tx: payment.tx,
            lock: payment.lock,
        }
    }

    /// The channel.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// n.
    #[must_use]
    pub const fn number(&self) -> PaymentNumber {
        self.number
    }

    /// c_n.
    #[must_use]
    pub const fn released(&self) -> Units {
        self.released
    }

    /// f at c_n.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// ts_n.
    #[must_use]
    pub const fn ts(&self) -> Timestamp {
        self.ts
    }

    /// Tx_n.
    #[must_use]
    pub const fn tx(&self) -> TxHash {
        self.tx
    }

    /// ℓk_n.
    #[must_use]
    pub const fn lock(&self) -> &Lock {
        &self.lock
    }

    /// (n, c_n, Tx_n).
    #[must_use]
    pub const fn ack(&self) -> Ack {
        Ack { number: self.number, released: self.released, tx: self.tx }
    }
}
