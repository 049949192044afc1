//! fieldsᵢ: the 212 bytes that Txᵢ is the hash of [Spec §6].

use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, Reader};
use crate::hash::{ChannelId, Hasher, MemoHash, Token, TxHash};
use crate::lock::Lock;
use crate::time::Timestamp;
use crate::units::{PaymentNumber, Units};

/// fieldsᵢ by name. JSON: the 212 bytes in hexadecimal. Layout: channel id 32 ‖ Tx_{i-1} 32 ‖ i `u32` ‖ kᵢ `u32` ‖ cᵢ `u32` ‖
/// f 32 ‖ tsᵢ `u64` ‖ memo hash 32 ‖ ℓk_{i-1} 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "FieldsText", try_from = "FieldsText")]
pub struct PaymentFields {
    /// The channel that is paid on.
    pub channel: ChannelId,
    /// Tx_{i-1}; for payment 1 the channel id.
    pub previous: TxHash,
    /// i.
    pub number: PaymentNumber,
    /// kᵢ, what this payment moves.
    pub units: Units,
    /// cᵢ, what all payments so far move.
    pub released: Units,
    /// f at cᵢ.
    pub token: Token,
    /// tsᵢ.
    pub ts: Timestamp,
    /// Hash of the payment's memo.
    pub memo_hash: MemoHash,
    /// ℓk_{i-1}; for payment 1 zeros.
    pub previous_lock: Lock,
}

impl PaymentFields {
    /// Length of the encoding in bytes.
    pub const ENCODED_BYTES: usize = 212;

    /// The 212 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::ENCODED_BYTES] {
        let parts: [&[u8]; 9] = [
            self.channel.as_bytes(),
            self.previous.as_bytes(),
            &self.number.as_index().to_be_bytes(),
            &self.units.as_count().to_be_bytes(),
            &self.released.as_count().to_be_bytes(),
            self.token.as_bytes(),
            &self.ts.as_unix_millis().to_be_bytes(),
            self.memo_hash.as_bytes(),
            self.previous_lock.as_bytes(),
        ];
        let mut out = [0; Self::ENCODED_BYTES];
        let mut rest = out.as_mut_slice();
        for part in parts {
            let (head, tail) = rest.split_at_mut(part.len());
            head.copy_from_slice(part);
            rest = tail;
        }
        out
    }

    /// Reads the 212 bytes. Checks the layout alone.
    ///
    /// # Errors
    /// [`DecodeError`] for another length or a time out of range.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let fields = Self {
            channel: ChannelId::from_bytes(reader.array()?),
            previous: TxHash::from_bytes(reader.array()?),
            number: PaymentNumber::from_index(reader.u32()?),
            units: Units::from_count(reader.u32()?),
            released: Units::from_count(reader.u32()?),
            token: Token::from_bytes(reader.array()?),
            ts: Timestamp::from_unix_millis(reader.u64()?).map_err(|_| DecodeError::Range)?,
            memo_hash: MemoHash::from_bytes(reader.array()?),
            previous_lock: Lock::from_bytes(reader.array()?),
        };
        reader.finish()?;
        Ok(fields)
    }

    /// Txᵢ = H(tag "pay" ‖ fieldsᵢ).
    #[must_use]
    pub fn tx(&self) -> TxHash {
        TxHash::from_bytes(Hasher::new("pay").bytes(&self.encode()).finish())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct FieldsText(String);

impl From<PaymentFields> for FieldsText {
    fn from(fields: PaymentFields) -> Self {
        Self(hex::encode(fields.encode()))
    }
}

impl TryFrom<FieldsText> for PaymentFields {
    type Error = DecodeError;

    fn try_from(text: FieldsText) -> Result<Self, DecodeError> {
        let mut bytes = [0; Self::ENCODED_BYTES];
        crate::codec::hex_into(&text.0, &mut bytes)?;
        Self::decode(&bytes)
    }
}
