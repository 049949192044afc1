//! A receipt: one payment with the client's signature on it, as the walk recovers it [Spec §7].

use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, Reader};
use crate::key::PublicKey;
use crate::memo::Memo;
use crate::payment::{Payment, PaymentFields};
use crate::signature::{BadSignature, Signature};

/// fieldsᵢ, the memo's text and σᵢ. Unverified until [`Receipt::verify`], or in order with all others until
/// [`crate::transcript::Transcript`] takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    fields: PaymentFields,
    memo: Memo,
    client_signature: Signature,
}

impl Receipt {
    /// Puts a signature to a payment.
    #[must_use]
    pub fn new(payment: &Payment, client_signature: Signature) -> Self {
        Self { fields: *payment.fields(), memo: payment.memo().clone(), client_signature }
    }

    /// fieldsᵢ.
    #[must_use]
    pub const fn fields(&self) -> &PaymentFields {
        &self.fields
    }

    /// The memo's text.
    #[must_use]
    pub const fn memo(&self) -> &Memo {
        &self.memo
    }

    /// σᵢ.
    #[must_use]
    pub const fn client_signature(&self) -> &Signature {
        &self.client_signature
    }

    /// Checks memo and signature: the client made this very payment.
    ///
    /// # Errors
    /// [`BadSignature`] for another key or changed fields or memo.
    pub fn verify(&self, client: &PublicKey) -> Result<(), BadSignature> {
        if self.memo.hash() != self.fields.memo_hash {
            return Err(BadSignature);
        }
        client.verify(&self.fields.tx().as_digest(), &self.client_signature)
    }

    /// For storing: fields 212 ‖ σ 64 ‖ u16 length ‖ memo.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PaymentFields::ENCODED_BYTES + 66 + self.memo.as_str().len());
        out.extend(self.fields.encode());
        out.extend(self.client_signature.as_bytes());
        self.memo.encode_into(&mut out);
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let fields = PaymentFields::decode(reader.bytes(PaymentFields::ENCODED_BYTES)?)?;
        let client_signature = Signature::from_bytes(reader.array()?);
        let memo = Memo::read(&mut reader)?;
        reader.finish()?;
        Ok(Self { fields, memo, client_signature })
    }
}
