//! What travels in the payment stream [Spec §11].

use super::head::Payment;
use crate::codec::{DecodeError, Reader};
use crate::hash::{Token, TxHash};
use crate::lock::Lock;
use crate::memo::Memo;
use crate::time::Timestamp;
use crate::units::{PaymentNumber, Units};

/// One payment as sent: u32 k ‖ u64 ts ‖ f 32 ‖ ℓk 64 ‖ u16 length ‖ memo: 110 bytes and the memo.
/// The receiver adds what it knows itself: channel, number, Tx and lock before it, c.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRecord {
    /// k, what this payment moves.
    pub units: Units,
    /// ts.
    pub ts: Timestamp,
    /// f at the new c.
    pub token: Token,
    /// ℓk of this payment.
    pub lock: Lock,
    /// The payment's memo.
    pub memo: Memo,
}

impl PaymentRecord {
    /// Length of the encoding without the memo, in bytes.
    pub const FIXED_BYTES: usize = 110;

    /// Appends the encoding.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend(self.units.as_count().to_be_bytes());
        out.extend(self.ts.as_unix_millis().to_be_bytes());
        out.extend(self.token.as_bytes());
        out.extend(self.lock.as_bytes());
        self.memo.encode_into(out);
    }

    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::FIXED_BYTES + self.memo.as_str().len());
        self.encode_into(&mut out);
        out
    }

    /// Reads one encoding.
    ///
    /// # Errors
    /// [`DecodeError`] for bytes that are not exactly one record.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let record = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(record)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let units = Units::from_count(reader.u32()?);
        let ts = Timestamp::from_unix_millis(reader.u64()?).map_err(|_| DecodeError::Range)?;
        let token = Token::from_bytes(reader.array()?);
        let lock = Lock::from_bytes(reader.array()?);
        let memo = Memo::read(reader)?;
        Ok(Self { units, ts, token, lock, memo })
    }
}

/// Consecutive payments: u32 i of the first ‖ records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The number of the first record.
    pub first: PaymentNumber,
    /// The payments, by ascending number.
    pub records: Vec<PaymentRecord>,
}

impl Batch {
    /// The batch of consecutive payments, as a journal gives them; `None` for no payment.
    #[must_use]
    pub fn of(payments: &[Payment]) -> Option<Self> {
        let first = payments.first()?.number();
        Some(Self { first, records: payments.iter().map(Payment::record).collect() })
    }

    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + self.records.len() * (PaymentRecord::FIXED_BYTES + 16));
        out.extend(self.first.as_index().to_be_bytes());
        self.records.iter().for_each(|record| record.encode_into(&mut out));
        out
    }

    /// Reads a batch of at most `max_records` payments.
    ///
    /// # Errors
    /// [`DecodeError`] for no payment, too many, a number that overflows, or bytes that are no records.
    pub fn decode(bytes: &[u8], max_records: usize) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let first = reader.u32()?;
        let mut records = Vec::with_capacity(max_records.min(bytes.len() / PaymentRecord::FIXED_BYTES));
        while !reader.is_empty() {
            if records.len() == max_records {
                return Err(DecodeError::TooMany(max_records));
            }
            records.push(PaymentRecord::read(&mut reader)?);
        }
        let count = u32::try_from(records.len()).map_err(|_| DecodeError::Range)?;
        // 0 is the opening's number, and the last payment's number must fit.
        if first == 0 || count == 0 || first.checked_add(count - 1).is_none() {
            return Err(DecodeError::Range);
        }
        Ok(Self { first: PaymentNumber::from_index(first), records })
    }

    /// The payments with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (PaymentNumber, &PaymentRecord)> {
        // Up to the last number there is: a range without an end adds one beyond it.
        (self.first.as_index()..=u32::MAX).map(PaymentNumber::from_index).zip(&self.records)
    }
}

/// The receiver's last payment: u32 n ‖ u32 c_n ‖ Tx_n, 40 bytes. Serves as acknowledgement and at resumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// n; 0 before any payment.
    pub number: PaymentNumber,
    /// c_n.
    pub released: Units,
    /// Tx_n; the channel id before any payment.
    pub tx: TxHash,
}

impl Ack {
    /// Length of the encoding in bytes.
    pub const ENCODED_BYTES: usize = 40;

    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::ENCODED_BYTES);
        out.extend(self.number.as_index().to_be_bytes());
        out.extend(self.released.as_count().to_be_bytes());
        out.extend(self.tx.as_bytes());
        out
    }

    /// Reads the encoding.
    ///
    /// # Errors
    /// [`DecodeError`] for another length.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let ack = Self {
            number: PaymentNumber::from_index(reader.u32()?),
            released: Units::from_count(reader.u32()?),
            tx: TxHash::from_bytes(reader.array()?),
        };
        reader.finish()?;
        Ok(ack)
    }
}
