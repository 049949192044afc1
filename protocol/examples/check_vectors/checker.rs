//! Recomputes a vectors file by running the protocol: bank, client, vendor and ledger on the file's inputs.

use lockstep_protocol::account::AccountProof;
use lockstep_protocol::credential::{Attribute, AttributeSet, Credential};
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::ledger::{
    ChannelRecord, CloseByRelease, CloseByToken, Freeze, FreezeReason, Open, RegisterBank, Resolve,
    claim_digest, close_digest, freeze_digest, resolve_digest,
};
use lockstep_protocol::opening::{Approval, Opening, OpeningRequest, SignedOpening, SignedRequest};
use lockstep_protocol::payer::Paying;
use lockstep_protocol::payment::{Head, Payment, PaymentFields, PaymentRecord};
use lockstep_protocol::release::{Progress, Walk};
use lockstep_protocol::rules::{Clocks, Outcome, Submitter, open, register_bank};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{
    Amount, Challenge, EvidenceHash, LedgerId, Lock, MaxDrift, Memo, Nonce, Reputation, Salt, SecretKey,
    ShortText, Signature, Timestamp, Units, lock::mask,
};
use serde_json::Value;

use super::inputs::{AttributeInput, Inputs};
use super::leaves::{Difference, Leaves};

/// A file in which every field agrees.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// How many fields were compared.
    pub(crate) fields: usize,
    /// Whether the inputs were drawn from the file's seed; else they are its own, and the seed is a name only.
    pub(crate) drawn: bool,
}

/// Checks one file's text.
pub(crate) fn check(text: &str) -> Result<Agreement, Difference> {
    let document: Value = serde_json::from_str(text).map_err(|error| Difference::new("", error))?;
    let inputs = Inputs::of(&document)?;
    let fields = Run::new(&inputs)?.leaves()?.compare(&document)?;
    Ok(Agreement { fields, drawn: inputs.refused.is_none() })
}

/// Names the field when a value of the file cannot be used.
fn at<T, E: std::fmt::Display>(path: &str, result: Result<T, E>) -> Result<T, Difference> {
    result.map_err(|error| Difference::new(path, error))
}

fn small(path: &str, value: u64) -> Result<Units, Difference> {
    at(path, u32::try_from(value)).map(Units::from_count)
}

/// A protocol run on a file's inputs.
struct Run<'a> {
    inputs: &'a Inputs,
    bank: SecretKey,
    account: SecretKey,
    vendor: SecretKey,
    client: SecretKey,
    seed: WalletSeed,
    ledger: LedgerId,
    drift: MaxDrift,
}

impl<'a> Run<'a> {
    fn new(inputs: &'a Inputs) -> Result<Self, Difference> {
        let seed = WalletSeed::from_bytes(inputs.wallet_seed);
        let channel = at("ledger.channel", ShortText::new(inputs.channel.as_str()))?;
        let chaincode = at("ledger.chaincode", ShortText::new(inputs.chaincode.as_str()))?;
        Ok(Self {
            bank: at("keys.bank.secret", SecretKey::from_bytes(&inputs.bank))?,
            account: at("keys.account.secret", SecretKey::from_bytes(&inputs.account))?,
            vendor: at("keys.vendor.secret", SecretKey::from_bytes(&inputs.vendor))?,
            client: seed.payment_key(&Nonce::from_bytes(inputs.nonce)),
            seed,
            ledger: LedgerId::of(&channel, &chaincode),
            drift: at("bank.max_drift", MaxDrift::from_millis(inputs.drift))?,
            inputs,
        })
    }

    fn leaves(&self) -> Result<Leaves, Difference> {
        let mut out = Leaves::default();
        self.setup(&mut out)?;
        let client_credential = self.credential(&mut out, "client")?;
        let vendor_credential = self.credential(&mut out, "vendor")?;
        let request = self.request(&mut out, &client_credential)?;
        let signed = self.opening(&mut out, &request, &vendor_credential)?;
        let payments = self.payments(&mut out, &signed)?;
        self.endings(&mut out, &signed, &payments)?;
        self.fraud(&mut out, &signed, &payments)?;
        self.refused(&mut out, &payments)?;
        Ok(out)
    }

    fn setup(&self, out: &mut Leaves) -> Result<(), Difference> {
        let i = self.inputs;
        out.text("seed", &i.seed);
        let keys = [
            ("bank", &self.bank),
            ("account", &self.account),
            ("client", &self.client),
            ("vendor", &self.vendor),
        ];
        for (name, key) in keys {
            out.hex(format!("keys.{name}.secret"), key.dangerous_to_bytes().as_ref());
            out.text(format!("keys.{name}.public"), key.public_key());
        }
        let nonce = Nonce::from_bytes(i.nonce);
        out.hex("wallet.seed", &i.wallet_seed);
        out.text("wallet.nonce", nonce);
        out.hex("wallet.chain_seed", self.seed.chain_seed(&nonce).dangerous_as_bytes());
        out.hex("wallet.payment_key", self.client.dangerous_to_bytes().as_ref());
        out.text("ledger.channel", &i.channel);
        out.text("ledger.chaincode", &i.chaincode);
        out.text("ledger.id", self.ledger);
        let command = self.registration()?;
        out.text("bank.msp", &i.msp);
        out.number("bank.max_drift", self.drift.as_millis());
        out.text("bank.digest", command.digest(&self.ledger));
        out.text("bank.signature", command.bank_signature());
        let challenge = Challenge::from_bytes(i.challenge);
        let proof = AccountProof::sign(&self.account, self.bank.public_key(), &challenge);
        at("account.signature", proof.verify(self.bank.public_key(), &challenge))?;
        out.text("account.challenge", challenge);
        out.text(
            "account.digest",
            AccountProof::digest(self.bank.public_key(), self.account.public_key(), &challenge),
        );
        out.text("account.signature", proof.signature());
        Ok(())
    }

    fn registration(&self) -> Result<RegisterBank, Difference> {
        let msp = at("bank.msp", ShortText::new(self.inputs.msp.as_str()))?;
        Ok(RegisterBank::sign(&self.ledger, msp, self.drift, &self.bank))
    }

    fn credential(&self, out: &mut Leaves, name: &str) -> Result<Credential, Difference> {
        let i = self.inputs;
        let [client_dates, vendor_dates] = i.dates;
        let (key, inputs, dates) = match name {
            "client" => (&self.account, &i.client_attributes, client_dates),
            _ => (&self.vendor, &i.vendor_attributes, vendor_dates),
        };
        let path = |rest: &str| format!("credentials.{name}.{rest}");
        let attributes = attributes(inputs)?;
        let set = at(&path("attributes"), AttributeSet::of(&attributes))?;
        let (issued, expires) = dates;
        let issued = at(&path("issued"), Timestamp::from_unix_millis(issued))?;
        let expires = at(&path("expires"), Timestamp::from_unix_millis(expires))?;
        let challenge = Challenge::from_bytes(i.challenge);
        let proof = AccountProof::sign(key, self.bank.public_key(), &challenge);
        let holder = at(&path("public_key"), proof.verify(self.bank.public_key(), &challenge))?;
        let credential = Credential::issue(&self.bank, &holder, &set, issued, expires);
        at(&path("signature"), credential.verify(self.bank.public_key(), issued))?;
        out.text(path("public_key"), credential.public_key());
        for (index, attribute) in attributes.iter().enumerate() {
            let part = |rest: &str| path(&format!("attributes[{index}].{rest}"));
            out.text(part("name"), &attribute.name);
            out.text(part("value"), &attribute.value);
            out.text(part("salt"), attribute.salt);
            out.text(part("leaf"), attribute.leaf());
        }
        out.text(path("root"), credential.root());
        out.number(path("issued"), credential.issued());
        out.number(path("expires"), credential.expires());
        let digest = Credential::digest(credential.public_key(), credential.root(), issued, expires);
        out.text(path("digest"), digest);
        out.text(path("signature"), credential.signature());
        Ok(credential)
    }

    fn request(&self, out: &mut Leaves, credential: &Credential) -> Result<SignedRequest, Difference> {
        let i = self.inputs;
        let nonce = Nonce::from_bytes(i.nonce);
        let count = small("opening.fields.token_count", i.token_count)?;
        let chain = TokenChain::new(nonce, &self.seed.chain_seed(&nonce), count);
        let chain = at("opening.fields.token_count", chain)?;
        let request = OpeningRequest {
            ledger: self.ledger,
            nonce,
            bank_key: *self.bank.public_key(),
            account_key: *self.account.public_key(),
            payment_key: *self.client.public_key(),
            vendor_key: *self.vendor.public_key(),
            client_identity: *credential.root(),
            unit_price: Amount::from_micros(i.unit_price),
            token_count: count,
            token_root: chain.root(),
            open_by: at("opening.fields.open_by", Timestamp::from_unix_millis(i.open_by))?,
            expiry: at("opening.fields.expiry", Timestamp::from_unix_millis(i.expiry))?,
            memo_hash: at("opening.memo", Memo::new(i.memo.as_str()))?.hash(),
        };
        let signed = SignedRequest::sign(request, &self.account, &self.client);
        out.text("request.digest", signed.request().digest());
        out.text("request.account_signature", signed.account_signature());
        out.text("request.payment_signature", signed.payment_signature());
        Ok(signed)
    }

    fn opening(
        &self,
        out: &mut Leaves,
        request: &SignedRequest,
        vendor: &Credential,
    ) -> Result<SignedOpening, Difference> {
        let i = self.inputs;
        let verified = at("request", request.clone().verify(self.bank.public_key(), &self.ledger))?;
        let [client, vendor_points] = i.reputations.map(u8::try_from);
        let approval = Approval {
            vendor_identity: *vendor.root(),
            client_reputation: Reputation::from_points(at("opening.fields.client_reputation", client)?),
            vendor_reputation: Reputation::from_points(at(
                "opening.fields.vendor_reputation",
                vendor_points,
            )?),
            opened: at("opening.fields.opened", Timestamp::from_unix_millis(i.opened))?,
        };
        let signed = at("opening.fields", verified.approve(approval, self.drift, &self.bank))?;
        at("opening.fields", request.request().check_answer(signed.opening()))?;
        let t = signed.opening().terms();
        let field = |name: &str| format!("opening.fields.{name}");
        out.number(field("version"), 1_u64);
        out.text(field("ledger"), t.ledger);
        out.text(field("nonce"), t.nonce);
        out.text(field("bank_key"), t.bank_key);
        out.text(field("client_key"), t.client_key);
        out.text(field("vendor_key"), t.vendor_key);
        out.text(field("client_identity"), t.client_identity);
        out.text(field("vendor_identity"), t.vendor_identity);
        out.number(field("total"), t.total.as_micros());
        out.number(field("unit_price"), t.unit_price.as_micros());
        out.number(field("token_count"), t.token_count.as_count());
        out.text(field("token_root"), t.token_root);
        out.number(field("client_reputation"), t.client_reputation.as_points());
        out.number(field("vendor_reputation"), t.vendor_reputation.as_points());
        out.number(field("opened"), t.opened);
        out.number(field("open_by"), t.open_by);
        out.number(field("expiry"), t.expiry);
        out.text(field("memo_hash"), t.memo_hash);
        out.hex("opening.memo", i.memo.as_bytes());
        let encoded = signed.opening().encode();
        let decoded = at("opening.encoded", Opening::decode(&encoded))?;
        out.hex("opening.encoded", &decoded.encode());
        out.text("opening.channel_id", decoded.channel_id());
        out.text("opening.bank_signature", signed.bank_signature());
        let mut chain =
            at("token_chain", TokenChain::new(t.nonce, &self.seed.chain_seed(&t.nonce), t.token_count))?;
        for c in 0..=t.token_count.as_count() {
            let token = at("token_chain.tokens", chain.token(Units::from_count(c)))?;
            out.text(format!("token_chain.tokens[{c}]"), token);
        }
        Ok(signed)
    }

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

    fn payments(&self, out: &mut Leaves, signed: &SignedOpening) -> Result<Vec<Payment>, Difference> {
        let record = self.record(signed)?;
        let mut paying = at("payments", Paying::resume(&record, signed, &self.seed, None))?;
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
        let released = at("payments", paying.release(&last.ack(), None))?;
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

    fn endings(
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
    fn fraud(&self, out: &mut Leaves, signed: &SignedOpening, honest: &[Payment]) -> Result<(), Difference> {
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

    fn refused(&self, out: &mut Leaves, payments: &[Payment]) -> Result<(), Difference> {
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

fn attributes(inputs: &[AttributeInput]) -> Result<Vec<Attribute>, Difference> {
    let attribute = |(name, value, salt): &AttributeInput| {
        Ok(Attribute {
            name: at("credentials", ShortText::new(name.as_str()))?,
            value: at("credentials", ShortText::new(value.as_str()))?,
            salt: Salt::from_bytes(*salt),
        })
    };
    inputs.iter().map(attribute).collect()
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
