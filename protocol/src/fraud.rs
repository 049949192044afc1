//! Proof of a bad lock: 552 bytes that convict a client by its own signatures [Spec §7].

use crate::codec::{DecodeError, Reader};
use crate::hash::{EvidenceHash, Hasher};
use crate::opening::SignedOpening;
use crate::payment::PaymentFields;
use crate::refusal::Refusal;
use crate::release::open_lock;
use crate::signature::Signature;
use crate::units::PaymentNumber;

/// fields_{i+1} ‖ σ_{i+1} ‖ fieldsᵢ ‖ σᵢ, as received: nothing is proven until [`FraudProof::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FraudProof {
    /// fields_{i+1}, which hold Txᵢ and ℓkᵢ.
    pub later: PaymentFields,
    /// σ_{i+1}.
    pub later_signature: Signature,
    /// fieldsᵢ, which hold Tx_{i-1}.
    pub earlier: PaymentFields,
    /// σᵢ, which opens ℓkᵢ.
    pub earlier_signature: Signature,
}

impl FraudProof {
    /// Length of the encoding in bytes.
    pub const ENCODED_BYTES: usize = 552;

    /// The 552 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::ENCODED_BYTES);
        out.extend(self.later.encode());
        out.extend(self.later_signature.as_bytes());
        out.extend(self.earlier.encode());
        out.extend(self.earlier_signature.as_bytes());
        out
    }

    /// Reads the 552 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for another length or fields that are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let proof = Self {
            later: PaymentFields::decode(reader.bytes(PaymentFields::ENCODED_BYTES)?)?,
            later_signature: Signature::from_bytes(reader.array()?),
            earlier: PaymentFields::decode(reader.bytes(PaymentFields::ENCODED_BYTES)?)?,
            earlier_signature: Signature::from_bytes(reader.array()?),
        };
        reader.finish()?;
        Ok(proof)
    }

    /// H(tag "evidence" ‖ proof), which a freeze names.
    #[must_use]
    pub fn evidence(&self) -> EvidenceHash {
        EvidenceHash::from_bytes(Hasher::new("evidence").bytes(&self.encode()).finish())
    }

    /// Checks that the client of a channel cheated. `record` is the opening as the ledger's record shows it.
    ///
    /// # Errors
    /// [`Refusal::BadFraudProof`] when the proof proves nothing against this client.
    pub fn verify(&self, record: &SignedOpening) -> Result<EvidenceHash, Refusal> {
        let opening = record.opening();
        let client = &opening.terms().client_key;
        // 1. Two consecutive payments of this channel.
        let consecutive = self.earlier.number >= PaymentNumber::FIRST
            && self.earlier.number.next() == Some(self.later.number);
        let here = self.earlier.channel == opening.channel_id() && self.later.channel == opening.channel_id();
        // 2. The later one commits to the earlier one, and so to its lock.
        let earlier_tx = self.earlier.tx();
        if !consecutive || !here || self.later.previous != earlier_tx {
            return Err(Refusal::BadFraudProof);
        }
        // 3. The client signed both.
        let signed = client.verify(&self.later.tx().as_digest(), &self.later_signature).is_ok()
            && client.verify(&earlier_tx.as_digest(), &self.earlier_signature).is_ok();
        if !signed {
            return Err(Refusal::BadFraudProof);
        }
        // 4. ℓkᵢ opens to something that is no signature.
        let opened = open_lock(record, &self.earlier, &self.later.previous_lock, &self.earlier_signature);
        if opened.is_some() { Err(Refusal::BadFraudProof) } else { Ok(self.evidence()) }
    }
}
