//! The walk from the released σ_n down to the bank's σ₀ [Spec §7].
//!
//! Fed with the payments n, n−1, …, 1 as a journal gives them backwards, it holds two of them at a time: memory does not grow with
//! the channel. Every payment costs one mask, two hashes and one verification.

use crate::fraud::FraudProof;
use crate::lock::Lock;
use crate::opening::SignedOpening;
use crate::payment::{Payment, PaymentFields};
use crate::receipt::Receipt;
use crate::signature::Signature;
use crate::units::PaymentNumber;

/// A walk that recovered σᵢ and waits for payment i.
#[derive(Debug)]
#[must_use]
pub struct Walk {
    record: SignedOpening,
    /// Payment i+1, which names payment i by Tx and lock, and its signature.
    above: PaymentFields,
    above_signature: Signature,
    /// σᵢ, verified on the Txᵢ that `above` names.
    signature: Signature,
}

/// There is no release, nothing is proven, and the vendor closes by token [Spec §7].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRelease {
    /// σ_n does not verify on Tx_n.
    #[error("the released signature does not verify on the last payment")]
    Signature,
    /// ℓk_n opens to something that is no σ_{n-1}.
    #[error("the last payment's lock does not open to a signature")]
    LastLock,
}

/// The journal gave another payment than the one that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected payment {expected:?} as the one above it names it, found {found:?}")]
pub struct WrongPayment {
    /// Its number.
    pub expected: PaymentNumber,
    /// The number of what came.
    pub found: PaymentNumber,
}

/// How the walk goes on.
#[derive(Debug)]
#[must_use]
pub enum Progress {
    /// Feed the next payment downwards.
    More(Box<Walk>),
    /// The walk ended in the bank's σ₀: every payment has its receipt.
    Done,
    /// The payment's lock is bad, and the client is convicted by its own signatures. The receipts so far stand.
    Cheated(Box<FraudProof>),
}

impl Walk {
    /// Checks σ_n on the vendor's own Tx_n and opens the last lock. `record` is the opening as the ledger's record shows it.
    ///
    /// # Errors
    /// [`NoRelease`].
    pub fn start(
        record: &SignedOpening,
        last: &Payment,
        released: Signature,
    ) -> Result<(Receipt, Progress), NoRelease> {
        let client = &record.opening().terms().client_key;
        client.verify(&last.tx().as_digest(), &released).map_err(|_| NoRelease::Signature)?;
        let opened = open_lock(record, last.fields(), last.lock(), &released);
        let signature = opened.ok_or(NoRelease::LastLock)?;
        let receipt = Receipt::new(last, released);
        if last.number() == PaymentNumber::FIRST {
            return Ok((receipt, Progress::Done));
        }
        let walk =
            Self { record: record.clone(), above: *last.fields(), above_signature: released, signature };
        Ok((receipt, Progress::More(Box::new(walk))))
    }

    /// The number of the payment that comes next.
    #[must_use]
    pub fn expected(&self) -> PaymentNumber {
        self.above.number.previous().unwrap_or_default()
    }

    /// Takes payment i: its receipt, and what its lock opens to.
    ///
    /// # Errors
    /// [`WrongPayment`] when it is not the payment that payment i+1 names: the journal is damaged.
    pub fn step(mut self: Box<Self>, payment: &Payment) -> Result<(Receipt, Progress), WrongPayment> {
        let named = payment.number() == self.expected()
            && payment.tx() == self.above.previous
            && *payment.lock() == self.above.previous_lock;
        if !named {
            return Err(WrongPayment { expected: self.expected(), found: payment.number() });
        }
        let receipt = Receipt::new(payment, self.signature);
        let opened = open_lock(&self.record, payment.fields(), payment.lock(), &self.signature);
        let Some(below) = opened else {
            let proof = FraudProof {
                later: self.above,
                later_signature: self.above_signature,
                earlier: *payment.fields(),
                earlier_signature: self.signature,
            };
            return Ok((receipt, Progress::Cheated(Box::new(proof))));
        };
        if payment.number() == PaymentNumber::FIRST {
            return Ok((receipt, Progress::Done));
        }
        self.above = *payment.fields();
        self.above_signature = self.signature;
        self.signature = below;
        Ok((receipt, Progress::More(self)))
    }
}

/// σ_{i-1} = ℓkᵢ ⊕ H₆₄(tag "lock" ‖ σᵢ), if it is one: verified on Tx_{i-1}, and for i = 1 the bank's own σ₀.
pub(crate) fn open_lock(
    record: &SignedOpening,
    fields: &PaymentFields,
    lock: &Lock,
    signature: &Signature,
) -> Option<Signature> {
    let opened = lock.open(signature);
    let honest = if fields.number == PaymentNumber::FIRST {
        opened == *record.bank_signature()
    } else {
        let client = &record.opening().terms().client_key;
        client.verify(&fields.previous.as_digest(), &opened).is_ok()
    };
    honest.then_some(opened)
}
