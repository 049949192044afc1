//! Recomputes a vectors file by running the protocol: bank, client, vendor and ledger on the file's inputs.

use lockstep_protocol::account::AccountProof;
use lockstep_protocol::credential::{Attribute, AttributeSet, Credential};
use lockstep_protocol::ledger::RegisterBank;
use lockstep_protocol::opening::{Approval, Opening, OpeningRequest, SignedOpening, SignedRequest};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{
    Amount, Challenge, LedgerId, MaxDrift, Memo, Nonce, Reputation, Salt, SecretKey, ShortText, Timestamp,
    Units,
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
pub(crate) fn at<T, E: std::fmt::Display>(path: &str, result: Result<T, E>) -> Result<T, Difference> {
    result.map_err(|error| Difference::new(path, error))
}

pub(crate) fn small(path: &str, value: u64) -> Result<Units, Difference> {
    at(path, u32::try_from(value)).map(Units::from_count)
}

/// A protocol run on a file's inputs.
pub(crate) struct Run<'a> {
    pub(crate) inputs: &'a Inputs,
    pub(crate) bank: SecretKey,
    pub(crate) account: SecretKey,
    pub(crate) vendor: SecretKey,
    pub(crate) client: SecretKey,
    pub(crate) seed: WalletSeed,
    pub(crate) ledger: LedgerId,
    pub(crate) drift: MaxDrift,
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

    pub(crate) fn registration(&self) -> Result<RegisterBank, Difference> {
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
