//! One bank, client and vendor with fixed keys, and a channel of theirs: what the contract target runs on and seeds are made of.

use lockstep_protocol::account::AccountProof;
use lockstep_protocol::credential::{AttributeSet, Credential};
use lockstep_protocol::ledger::{BankRegistration, ChannelRecord, Open, RegisterBank};
use lockstep_protocol::opening::{Approval, OpeningRequest, SignedOpening, SignedRequest, VerifiedRequest};
use lockstep_protocol::payer::{Paying, Resuming};
use lockstep_protocol::payment::{Head, Payment};
use lockstep_protocol::rules::{self, Clocks, Outcome, Submitter};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{
    Amount, Challenge, IdentityRoot, LedgerId, MaxDrift, Memo, Nonce, Reputation, SecretKey, ShortText,
    Timestamp, Token, Units,
};

/// Name of the Fabric channel.
pub const FABRIC_CHANNEL: &str = "payments";
/// Name of the chaincode.
pub const CHAINCODE: &str = "lockstep";
/// The bank's organisation.
pub const BANK_MSP: &str = "BankMSP";
/// When everything happens, in Unix milliseconds: in the year 2026.
pub const NOW: u64 = 1_767_225_600_500;
/// Units of the channel.
const UNITS: Units = Units::from_count(16);

/// The parties and their channel.
#[derive(Debug)]
pub struct Scene {
    /// The bank's key.
    pub bank: SecretKey,
    /// The client's account key.
    pub account: SecretKey,
    /// The vendor's key.
    pub vendor: SecretKey,
    /// The wallet's seed.
    pub seed: WalletSeed,
    /// What the client asked for.
    pub request: SignedRequest,
    /// What the bank signed.
    pub signed: SignedOpening,
}

/// A text that is short enough.
///
/// # Panics
/// When it is not.
#[must_use]
pub fn short(text: &str) -> ShortText {
    ShortText::new(text).expect("names here are short")
}

/// A time, so many milliseconds after [`NOW`].
///
/// # Panics
/// Beyond the last time there is.
#[must_use]
pub fn after(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(NOW.saturating_add(millis)).expect("a year in reach")
}

fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).expect("below the group's order")
}

fn clocks() -> Clocks {
    Clocks { transaction: after(1), endorser: after(1) }
}

/// The ledger's id.
#[must_use]
pub fn ledger() -> LedgerId {
    LedgerId::of(&short(FABRIC_CHANNEL), &short(CHAINCODE))
}

impl Scene {
    /// The channel, opened by nobody yet.
    ///
    /// # Panics
    /// Never: every value is fixed and within the rules.
    #[must_use]
    pub fn new() -> Self {
        let (bank, account, vendor) = (key(1), key(2), key(3));
        let seed = WalletSeed::from_bytes([4; 32]);
        let nonce = Nonce::from_bytes([5; 32]);
        let payment = seed.payment_key(&nonce);
        let chain = TokenChain::new(nonce, &seed.chain_seed(&nonce), UNITS).expect("a few tokens");
        let request = OpeningRequest {
            ledger: ledger(),
            nonce,
            bank_key: *bank.public_key(),
            account_key: *account.public_key(),
            payment_key: *payment.public_key(),
            vendor_key: *vendor.public_key(),
            client_identity: IdentityRoot::from_bytes([6; 32]),
            unit_price: Amount::from_micros(10_000),
            token_count: UNITS,
            token_root: chain.root(),
            open_by: after(60_000),
            expiry: after(3_600_000),
            memo_hash: Memo::new("order 1").expect("short").hash(),
        };
        let request = SignedRequest::sign(request, &account, &payment);
        let verified: VerifiedRequest =
            request.clone().verify(bank.public_key(), &ledger()).expect("signed with these keys");
        let approval = Approval {
            vendor_identity: IdentityRoot::from_bytes([7; 32]),
            client_reputation: Reputation::FULL,
            vendor_reputation: Reputation::FULL,
            opened: after(0),
        };
        let signed = verified.approve(approval, MaxDrift::DEFAULT, &bank).expect("within the rules");
        Self { bank, account, vendor, seed, request, signed }
    }

    /// The bank's registration as submitted.
    #[must_use]
    pub fn registering(&self) -> RegisterBank {
        RegisterBank::sign(&ledger(), short(BANK_MSP), MaxDrift::DEFAULT, &self.bank)
    }

    /// The bank's registration.
    ///
    /// # Panics
    /// Never: see [`Self::new`].
    #[must_use]
    pub fn registration(&self) -> BankRegistration {
        let submitter = Submitter { msp_id: short(BANK_MSP), is_admin: true };
        match rules::register_bank(None, &self.registering(), &submitter, &ledger(), clocks()) {
            Ok(Outcome::Changed(registration) | Outcome::AlreadyDone(registration)) => registration,
            Err(refusal) => panic!("{refusal}"),
        }
    }

    /// The channel's record, open.
    ///
    /// # Panics
    /// Never: see [`Self::new`].
    #[must_use]
    pub fn opened(&self) -> ChannelRecord {
        let open = Open::new(self.signed.clone());
        match rules::open(Some(&self.registration()), None, None, &open, &ledger(), clocks()) {
            Ok(Outcome::Changed(transition)) => transition.record,
            other => panic!("{other:?}"),
        }
    }

    /// The client, before its first payment.
    ///
    /// # Panics
    /// Never: see [`Self::new`].
    #[must_use]
    pub fn paying(&self) -> Paying {
        let head = Head::start(self.signed.opening());
        let resuming =
            Resuming::new(&self.opened(), &self.signed, &self.seed, head).expect("its own channel");
        resuming.reconcile(&head.ack(), None).expect("the vendor has nothing either")
    }

    /// Payments of one unit each.
    ///
    /// # Panics
    /// For more payments than the channel has units.
    #[must_use]
    pub fn payments(&self, count: u32) -> Vec<Payment> {
        let mut paying = self.paying();
        let pay = |number: u32| {
            let memo = Memo::new(format!("item {number}")).expect("short");
            paying.pay(Units::from_count(1), memo, after(2)).expect("within the channel's units")
        };
        (1..=count).map(pay).collect()
    }

    /// The client's proof that it owns its account's key.
    #[must_use]
    pub fn proof(&self, challenge: &Challenge) -> AccountProof {
        AccountProof::sign(&self.account, self.bank.public_key(), challenge)
    }

    /// A credential of the client over these attributes.
    ///
    /// # Panics
    /// Never: the client has its key.
    #[must_use]
    pub fn credential(&self, attributes: &AttributeSet) -> Credential {
        let challenge = Challenge::from_bytes([8; 32]);
        let holder = self.proof(&challenge).verify(self.bank.public_key(), &challenge);
        Credential::issue(&self.bank, &holder.expect("its own key"), attributes, after(0), after(1000))
    }

    /// The client's payment key.
    #[must_use]
    pub fn payment_key(&self) -> SecretKey {
        self.seed.payment_key(&self.signed.opening().terms().nonce)
    }

    /// The token of `count` units.
    ///
    /// # Panics
    /// For more than the channel's units.
    #[must_use]
    pub fn token(&self, count: u32) -> Token {
        let nonce = self.signed.opening().terms().nonce;
        let mut chain = TokenChain::new(nonce, &self.seed.chain_seed(&nonce), UNITS).expect("a few tokens");
        chain.token(Units::from_count(count)).expect("a unit of the channel")
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}
