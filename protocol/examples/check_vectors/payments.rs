//! The second half of a run: payments, endings, the cheating client, and signatures to refuse.

use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::ledger::{
    ChannelRecord, CloseByRelease, CloseByToken, Freeze, FreezeReason, Open, Resolve, claim_digest,
    close_digest, freeze_digest, resolve_digest,
};
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::payer::Resuming;
use lockstep_protocol::payment::{Head, Payment, PaymentFields, PaymentRecord};
use lockstep_protocol::release::{Progress, Walk};
use lockstep_protocol::rules::{Clocks, Outcome, Submitter, open, register_bank};
use lockstep_protocol::{EvidenceHash, Lock, Memo, Signature, Timestamp, Units, lock::mask};

use super::checker::{Run, at, small};
use super::leaves::{Difference, Leaves};

impl Run<'_> {
    /// The channel on the ledger, through the rules themselves.
    fn record(&self, signed: &SignedOpening) -> Result<ChannelRecord, Difference> {
        let ts = signed.opening().terms().opened;
        let clocks = Clocks { transaction: ts, endorser: ts };
        let command = self.registration()?;
        let submitter = Submitter { msp_id: command.msp_id().clone(), is_admin: true };
        let registered = at("bank", register_bank(None, &command, &submitter, &self.ledger, clocks))?;
        let (Outcome::Changed(bank) | Outcome::AlreadyDone(bank)) = registered;
        let opened = open(Some(&bank), None, None, &Open::new(signed.clone()), &self.ledger, clocks);
        match at("opening", opened)? {
            Outcome::Changed(transition) => Ok(transition.record),
            Outcome::AlreadyDone(record) => Ok(record),
        }
    }

    pub(crate) fn payments(
        &self,
        out: &mut Leaves,
        signed: &SignedOpening,
    ) -> Result<Vec<Payment>, Difference> {
        let record = self.record(signed)?;
        let start = Head::start(signed.opening());
        let resuming = at("payments", Resuming::new(&record, signed, &self.seed, start))?;
        let mut paying = at("payments", resuming.reconcile(&start.ack(), None))?;
        let mut payments = Vec::new();
        for (index, input) in self.inputs.payments.iter().enumerate() {
            let path = |name: &str| format!("payments[{index}].{name}");
            let memo = at(&path("memo"), Memo::new(input.memo.as_str()))?;
            let ts = at(&path("ts"), Timestamp::from_unix_millis(input.ts))?;
            let payment = at(&path("k"), paying.pay(small(&path("k"), input.units)?, memo, ts))?;
            let decoded = at(&path("fields"), PaymentFields::decode(&payment.fields().encode()))?;
            let signature = self.client.sign(&payment.tx().as_digest());
            out.number(path("i"), decoded.number.as_index());
            out.number(path("k"), decoded.units.as_count());
            out.number(path("c"), decoded.released.as_count());
            out.text(path("token"), decoded.token);
            out.number(path("ts"), decoded.ts);
            out.hex(path("memo"), payment.memo().as_str().as_bytes());
            out.hex(path("fields"), &decoded.encode());
            out.text(path("tx"), decoded.tx());
            out.text(path("signature"), signature);
            out.hex(path("mask"), &mask(&signature));
            out.text(path("lock"), payment.lock());
            payments.push(payment);
        }
        let last = payments.last().ok_or_else(|| Difference::new("payments", "is empty"))?;
        let released = at("payments", paying.release(&last.ack(), None, None))?;
        let (_, mut progress) = at("payments", Walk::start(signed, last, *released.signature()))?;
        for payment in payments.iter().rev().skip(1) {
            let Progress::More(walk) = progress else { break };
            progress = at("payments", walk.step(payment))?.1;
        }
        if matches!(progress, Progress::Done) {
            Ok(payments)
        } else {
            Err(Difference::new("payments", "do not unlock down to the bank's signature"))
        }
    }

    pub(crate) fn endings(
        &self,
        out: &mut Leaves,
        signed: &SignedOpening,
        payments: &[Payment],
    ) -> Result<(), Difference> {
        let (i, channel, terms) = (self.inputs, signed.opening().channel_id(), signed.opening().terms());
        let last = payments.last().ok_or_else(|| Difference::new("payments", "is empty"))?;
        let fields = last.fields();
        let signature = self.client.sign(&last.tx().as_digest());
        let close = CloseByRelease::sign(*fields, signature, &self.vendor);
        out.number("endings.close.n", fields.number.as_index());
        out.number("endings.close.c", fields.released.as_count());
        out.text("endings.close.digest", close_digest(&channel, fields.released, &last.tx()));
        out.text("endings.close.signature", close.vendor_signature());
        let claims =
            [("claim", fields.released, fields.token), ("claim_unused", Units::ZERO, terms.token_root)];
        for (name, units, token) in claims {
            let claim = CloseByToken::sign(channel, units, token, &self.vendor);
            out.number(format!("endings.{name}.c"), units.as_count());
            out.text(format!("endings.{name}.digest"), claim_digest(&channel, units, &token));
            out.text(format!("endings.{name}.signature"), claim.vendor_signature());
        }
        let reason = at("endings.freeze.reason", u16::try_from(i.reason))?;
        let known = at("endings.freeze.reason", FreezeReason::try_from(reason))?;
        let evidence = EvidenceHash::from_bytes(i.evidence);
        out.number("endings.freeze.reason", reason);
        out.text("endings.freeze.evidence", evidence);
        out.text("endings.freeze.digest", freeze_digest(&channel, reason, &evidence));
        let freeze = Freeze::sign(channel, known, evidence, &self.bank);
        out.text("endings.freeze.signature", freeze.bank_signature());
        let units = small("endings.resolve.units_to_vendor", i.units_to_vendor)?;
        out.number("endings.resolve.units_to_vendor", units.as_count());
        out.text("endings.resolve.digest", resolve_digest(&channel, units));
        out.text("endings.resolve.signature", Resolve::sign(channel, units, &self.bank).bank_signature());
        Ok(())
    }

    /// The cheating client: one lock that opens to garbage, everything else honest.
    pub(crate) fn fraud(
        &self,
        out: &mut Leaves,
        signed: &SignedOpening,
        honest: &[Payment],
    ) -> Result<(), Difference> {
        let mut head = Head::start(signed.opening());
        let (mut cheat, mut signature) = (Vec::new(), *signed.bank_signature());
        for (index, payment) in honest.iter().enumerate() {
            let path = |name: &str| format!("fraud.payments[{index}].{name}");
            let unlocked = PaymentRecord { lock: Lock::ZERO, ..payment.record() };
            let tx = at(&path("tx"), Payment::chain(&head, &unlocked))?.tx();
            let next = self.client.sign(&tx.as_digest());
            let bad = u64::from(payment.number().as_index()) == self.inputs.bad_lock_number;
            let lock =
                if bad { Lock::from_bytes(self.inputs.bad_lock) } else { Lock::seal(&signature, &next) };
            let made = at(&path("lock"), Payment::chain(&head, &PaymentRecord { lock, ..unlocked }))?;
            out.number(path("i"), made.number().as_index());
            out.hex(path("fields"), &made.fields().encode());
            out.text(path("tx"), made.tx());
            out.text(path("signature"), next);
            out.text(path("lock"), made.lock());
            head = Head::after(&made);
            signature = next;
            cheat.push(made);
        }
        out.text("fraud.released", signature);
        out.number("fraud.bad_lock", self.inputs.bad_lock_number);
        let proof = convict(signed, &cheat, signature)?;
        let proof = at("fraud.proof", FraudProof::decode(&proof.encode()))?;
        out.hex("fraud.proof", &proof.encode());
        out.text("fraud.evidence", at("fraud.proof", proof.verify(signed))?);
        Ok(())
    }

    pub(crate) fn refused(&self, out: &mut Leaves, payments: &[Payment]) -> Result<(), Difference> {
        let first = payments.first().ok_or_else(|| Difference::new("payments", "is empty"))?;
        let digest = first.tx().as_digest();
        let key = self.client.public_key();
        let list = match &self.inputs.refused {
            Some(list) => list.clone(),
            None => spoiled(&self.client.sign(&digest)),
        };
        out.text("refused_signatures.digest", digest);
        out.text("refused_signatures.public_key", key);
        for (index, bytes) in list.iter().enumerate() {
            let path = format!("refused_signatures.signatures[{index}]");
            let accepted =
                Signature::try_from(bytes.as_slice()).is_ok_and(|s| key.verify(&digest, &s).is_ok());
            if accepted {
                return Err(Difference::new(path, "was accepted"));
            }
            out.hex(path, bytes);
        }
        Ok(())
    }
}

fn convict(signed: &SignedOpening, cheat: &[Payment], released: Signature) -> Result<FraudProof, Difference> {
    let unproven = || Difference::new("fraud.payments", "hold no proof of fraud");
    let last = cheat.last().ok_or_else(unproven)?;
    let (_, mut progress) = at("fraud.released", Walk::start(signed, last, released))?;
    for payment in cheat.iter().rev().skip(1) {
        progress = match progress {
            Progress::More(walk) => at("fraud.payments", walk.step(payment))?.1,
            Progress::Done | Progress::Cheated(_) => break,
        };
    }
    match progress {
        Progress::Cheated(proof) => Ok(*proof),
        Progress::Done | Progress::More(_) => Err(unproven()),
    }
}

/// The generator's list of what a verifier refuses, made of one good signature r‖s.
fn spoiled(good: &Signature) -> Vec<Vec<u8>> {
    use k256::elliptic_curve::bigint::U256;
    let order = U256::from_be_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let (r, s) = good.as_bytes().split_at(32);
    let high: [u8; 32] = order.wrapping_sub(&U256::from_be_slice(s)).to_be_bytes().into();
    let order: [u8; 32] = order.to_be_bytes().into();
    let mut flipped = s.to_vec();
    if let Some(last) = flipped.last_mut() {
        *last ^= 1;
    }
    vec![
        [r, &high].concat(),
        [&[0; 32], s].concat(),
        [r, &[0; 32]].concat(),
        [r, &flipped].concat(),
        good.as_bytes().split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default(),
        [r, s, &[0]].concat(),
        [&order, s].concat(),
        vec![],
    ]
}
