//! All receipts of a channel, checked forward from its opening [Spec §7].

use crate::amount::{Amount, PAYMENT_LIMIT};
use crate::hash::{Token, TxHash};
use crate::lock::Lock;
use crate::opening::{Opening, SignedOpening};
use crate::receipt::Receipt;
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::time::{MaxDrift, Timestamp};
use crate::token_chain::earlier_token;
use crate::units::{PaymentNumber, Units};

/// A transcript checked so far. Give it the receipts 1, 2, …; it keeps the last one's links alone.
#[derive(Debug)]
pub struct Transcript {
    opening: Opening,
    number: PaymentNumber,
    released: Units,
    token: Token,
    ts: Timestamp,
    tx: TxHash,
    signature: Signature,
    /// σ of the payment before the last, which the next receipt's previous lock must open to.
    locked: Option<Signature>,
}

/// Why a receipt does not continue a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("receipt {number:?}: {fault}")]
pub struct TranscriptError {
    /// The receipt's number.
    pub number: PaymentNumber,
    /// What is wrong with it.
    pub fault: ReceiptFault,
}

/// What is wrong with a receipt in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// Another channel, another number, or not chained to the receipt before it.
    #[error("it is not chained to the one before it")]
    Chain,
    /// Units that do not count up, exceed the channel, or move more than ten dollars.
    #[error("its units are out of range")]
    Units,
    /// A token that does not hash to the one before it.
    #[error("its token does not continue the chain")]
    Token,
    /// Dated before the receipt before it.
    #[error("it is dated before the one before it")]
    Time,
    /// The lock of the payment before it does not open to the signature before that.
    #[error("the lock before it opens to something else")]
    Lock,
    /// The memo or the signature.
    #[error("its memo or its signature does not verify")]
    Signature,
}

impl Transcript {
    /// Begins at an opening as the ledger's record shows it; checks σ₀, and the rules that hold whatever D is.
    ///
    /// # Errors
    /// [`Refusal::BadBankSignature`], or the 4xx of the first rule broken.
    pub fn begin(record: &SignedOpening) -> Result<Self, Refusal> {
        // A transcript may be a stranger's: its token count bounds the hashing.
        record.opening().check_rules(MaxDrift::LEAST)?;
        record.check_signature()?;
        let opening = record.opening().clone();
        Ok(Self {
            number: PaymentNumber::OPENING,
            released: Units::ZERO,
            token: opening.terms().token_root,
            ts: opening.terms().opened,
            tx: opening.channel_id().as_tx(),
            signature: *record.bank_signature(),
            locked: None,
            opening,
        })
    }

    /// Takes the next receipt.
    ///
    /// # Errors
    /// [`TranscriptError`]; the transcript stays as it was.
    pub fn add(&mut self, receipt: &Receipt) -> Result<(), TranscriptError> {
        let fields = receipt.fields();
        self.check(receipt).map_err(|fault| TranscriptError { number: fields.number, fault })?;
        self.locked = Some(self.signature);
        self.signature = *receipt.client_signature();
        self.number = fields.number;
        self.released = fields.released;
        self.token = fields.token;
        self.ts = fields.ts;
        self.tx = fields.tx();
        Ok(())
    }

    fn check(&self, receipt: &Receipt) -> Result<(), ReceiptFault> {
        let (fields, terms) = (receipt.fields(), self.opening.terms());
        let chained = fields.channel == self.opening.channel_id()
            && Some(fields.number) == self.number.next()
            && fields.previous == self.tx;
        if !chained {
            return Err(ReceiptFault::Chain);
        }
        let counted = fields.units > Units::ZERO
            && self.released.checked_add(fields.units) == Some(fields.released)
            && self.opening.worth(fields.released).is_ok()
            && self.opening.worth(fields.units).is_ok_and(|amount| amount <= PAYMENT_LIMIT);
        if !counted {
            return Err(ReceiptFault::Units);
        }
        if fields.ts < self.ts {
            return Err(ReceiptFault::Time);
        }
        let lock_is_honest = match &self.locked {
            None => fields.previous_lock == Lock::ZERO,
            Some(locked) => fields.previous_lock == Lock::seal(locked, &self.signature),
        };
        if !lock_is_honest {
            return Err(ReceiptFault::Lock);
        }
        receipt.verify(&terms.client_key).map_err(|_| ReceiptFault::Signature)?;
        // Last, because it costs a hash for each unit.
        if earlier_token(&terms.nonce, fields.released, &fields.token, fields.units) != Some(self.token) {
            return Err(ReceiptFault::Token);
        }
        Ok(())
    }

    /// The number of receipts taken.
    #[must_use]
    pub const fn number(&self) -> PaymentNumber {
        self.number
    }

    /// The units that they moved.
    #[must_use]
    pub const fn released(&self) -> Units {
        self.released
    }

    /// What they moved in all.
    ///
    /// # Errors
    /// [`Refusal::UnitsOutOfRange`] never for receipts taken.
    pub fn amount(&self) -> Result<Amount, Refusal> {
        self.opening.worth(self.released)
    }
}
