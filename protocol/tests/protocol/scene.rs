//! One bank, client and vendor, and a channel of theirs: what most tests begin with.

use std::time::Duration;

use lockstep_protocol::ledger::{
    BankRegistration, Cancel, ChannelRecord, CloseByRelease, CloseByToken, Freeze, FreezeReason, Open,
    Refund, RegisterBank, Resolve,
};
use lockstep_protocol::opening::{Approval, OpeningRequest, OpeningTerms, SignedOpening, SignedRequest};
use lockstep_protocol::payee::{LedgerView, Receiving, VendorTerms};
use lockstep_protocol::payer::{NotPayable, Paying, Resuming};
use lockstep_protocol::payment::{Head, Payment};
use lockstep_protocol::rules::{self, Changed, Clocks, Outcome, Submitter};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{
    Amount, EvidenceHash, IdentityRoot, LedgerId, MaxDrift, Memo, Nonce, Refusal, Reputation, SecretKey,
    ShortText, Timestamp, Token, Units, opening::Opening,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// When the bank signs openings.
pub(crate) const OPENED: u64 = 1_800_000_000_000;
/// D of the bank: 30 s.
pub(crate) const DRIFT: u64 = 30_000;
/// Latest time for `Open`.
pub(crate) const OPEN_BY: u64 = OPENED + 600_000;
/// Expiry: a day later.
pub(crate) const EXPIRY: u64 = OPENED + 86_400_000;

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(millis).unwrap()
}

/// A transaction at a time that the endorser agrees with.
pub(crate) fn clocks(millis: u64) -> Clocks {
    Clocks { transaction: at(millis), endorser: at(millis) }
}

pub(crate) fn units(count: u32) -> Units {
    Units::from_count(count)
}

pub(crate) fn text(text: &str) -> ShortText {
    ShortText::new(text).unwrap()
}

pub(crate) struct Scene {
    pub(crate) bank: SecretKey,
    pub(crate) account: SecretKey,
    pub(crate) vendor: SecretKey,
    pub(crate) client: SecretKey,
    pub(crate) seed: WalletSeed,
    pub(crate) ledger: LedgerId,
    pub(crate) registration: BankRegistration,
    pub(crate) request: SignedRequest,
    pub(crate) signed: SignedOpening,
}

impl Scene {
    /// A channel of 100 units of one cent.
    pub(crate) fn new() -> Self {
        Self::with(1, 100, 10_000)
    }

    pub(crate) fn with(seed: u64, count: u32, price: u64) -> Self {
        let mut rng = rng(seed);
        let (bank, account, vendor) =
            (SecretKey::random(&mut rng), SecretKey::random(&mut rng), SecretKey::random(&mut rng));
        let seed = WalletSeed::random(&mut rng);
        let nonce = Nonce::random(&mut rng);
        let client = seed.payment_key(&nonce);
        let ledger = LedgerId::of(&text("payments"), &text("lockstep"));
        let chain = TokenChain::new(nonce, &seed.chain_seed(&nonce), units(count)).unwrap();
        let request = OpeningRequest {
            ledger,
            nonce,
            bank_key: *bank.public_key(),
            account_key: *account.public_key(),
            payment_key: *client.public_key(),
            vendor_key: *vendor.public_key(),
            client_identity: IdentityRoot::from_bytes([3; 32]),
            unit_price: Amount::from_micros(price),
            token_count: units(count),
            token_root: chain.root(),
            open_by: at(OPEN_BY),
            expiry: at(EXPIRY),
            memo_hash: Memo::new("order 1").unwrap().hash(),
        };
        let request = SignedRequest::sign(request, &account, &client);
        let verified = request.clone().verify(bank.public_key(), &ledger).unwrap();
        let signed = verified.approve(approval(), drift(), &bank).unwrap();
        let registration = register(&bank, &ledger);
        Self { bank, account, vendor, client, seed, ledger, registration, request, signed }
    }

    /// The same channel with some fields changed and signed by the bank again.
    pub(crate) fn signed_with(&self, change: impl FnOnce(&mut OpeningTerms)) -> SignedOpening {
        let mut terms = self.signed.opening().terms().clone();
        change(&mut terms);
        SignedOpening::sign(Opening::new(terms), &self.bank)
    }

    pub(crate) fn open_as(&self, signed: &SignedOpening, clocks: Clocks) -> Result<Changed, Refusal> {
        let command = Open::new(signed.clone());
        rules::open(Some(&self.registration), None, None, &command, &self.ledger, clocks)
    }

    pub(crate) fn cancel_as(&self, signed: &SignedOpening, clocks: Clocks) -> Result<Changed, Refusal> {
        let command = Cancel::new(signed.clone());
        rules::cancel(Some(&self.registration), None, &command, &self.ledger, clocks)
    }

    pub(crate) fn open(&self) -> ChannelRecord {
        changed(self.open_as(&self.signed, clocks(OPENED + 1000)))
    }

    pub(crate) fn paying(&self) -> Paying {
        self.paying_from(Head::start(self.signed.opening()))
    }

    /// A payer whose journal ends at `head`, at a vendor that has all of it.
    pub(crate) fn paying_from(&self, head: Head) -> Paying {
        self.resuming(head).unwrap().reconcile(&head.ack(), None).unwrap()
    }

    pub(crate) fn resuming(&self, head: Head) -> Result<Resuming, NotPayable> {
        Resuming::new(&self.open(), &self.signed, &self.seed, head)
    }

    pub(crate) fn receiving(&self) -> Receiving {
        Receiving::take(&self.open(), self.terms(), at(OPENED + 2000)).unwrap()
    }

    /// Payments of one unit each.
    pub(crate) fn payments(&self, count: u32) -> Vec<Payment> {
        let mut paying = self.paying();
        let memo = |number: u32| Memo::new(format!("item {number}")).unwrap();
        (1..=count).map(|number| paying.pay(units(1), memo(number), at(OPENED + 5000)).unwrap()).collect()
    }

    pub(crate) fn terms(&self) -> VendorTerms {
        VendorTerms {
            vendor_key: *self.vendor.public_key(),
            pinned_banks: vec![*self.bank.public_key()],
            least_price: Amount::from_micros(1),
            highest_price: Amount::from_micros(10_000_000),
            least_life: Duration::from_secs(60),
            longest_life: Duration::from_secs(90_000),
            largest_drift: MaxDrift::from_millis(60_000).unwrap(),
            largest_units: units(100),
            clock_tolerance: Duration::from_secs(5),
            commit_bound: Duration::from_secs(10),
            release_wait: Duration::from_secs(20),
        }
    }

    pub(crate) fn view(&self, millis: u64) -> LedgerView {
        LedgerView { state: lockstep_protocol::ledger::ChannelState::Open, seen: at(millis) }
    }

    pub(crate) fn release_command(&self, count: u32) -> CloseByRelease {
        let payments = self.payments(count);
        let last = payments.last().unwrap();
        CloseByRelease::sign(*last.fields(), self.client.sign(&last.tx().as_digest()), &self.vendor)
    }

    pub(crate) fn token(&self, c: u32) -> Token {
        let terms = self.signed.opening().terms();
        let seed = self.seed.chain_seed(&terms.nonce);
        TokenChain::new(terms.nonce, &seed, terms.token_count).unwrap().token(units(c)).unwrap()
    }

    pub(crate) fn token_command(&self, c: u32) -> CloseByToken {
        CloseByToken::sign(self.signed.opening().channel_id(), units(c), self.token(c), &self.vendor)
    }

    pub(crate) fn refund_command(&self) -> Refund {
        Refund::new(self.signed.opening().channel_id())
    }

    pub(crate) fn freeze_command(&self) -> Freeze {
        let evidence = EvidenceHash::from_bytes([9; 32]);
        Freeze::sign(self.signed.opening().channel_id(), FreezeReason::VendorConduct, evidence, &self.bank)
    }

    pub(crate) fn resolve_command(&self, count: u32) -> Resolve {
        Resolve::sign(self.signed.opening().channel_id(), units(count), &self.bank)
    }
}

pub(crate) fn drift() -> MaxDrift {
    MaxDrift::from_millis(DRIFT).unwrap()
}

pub(crate) fn approval() -> Approval {
    Approval {
        vendor_identity: IdentityRoot::from_bytes([4; 32]),
        client_reputation: Reputation::from_points(50),
        vendor_reputation: Reputation::FULL,
        opened: at(OPENED),
    }
}

pub(crate) fn register(bank: &SecretKey, ledger: &LedgerId) -> BankRegistration {
    let command = RegisterBank::sign(ledger, text("BankMSP"), drift(), bank);
    let submitter = Submitter { msp_id: text("BankMSP"), is_admin: true };
    match rules::register_bank(None, &command, &submitter, ledger, clocks(OPENED)).unwrap() {
        Outcome::Changed(registration) | Outcome::AlreadyDone(registration) => registration,
    }
}

/// The record of a change; fails on the same again.
pub(crate) fn changed(outcome: Result<Changed, Refusal>) -> ChannelRecord {
    match outcome.unwrap() {
        Outcome::Changed(transition) => transition.record,
        Outcome::AlreadyDone(record) => panic!("nothing changed: {record:?}"),
    }
}

/// The refusal of a command.
pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> Refusal {
    outcome.unwrap_err()
}

/// A record whose JSON was changed by two lying peers.
pub(crate) fn lie(record: &ChannelRecord, path: &str, value: serde_json::Value) -> ChannelRecord {
    let mut document: serde_json::Value = serde_json::from_slice(&record.to_json()).unwrap();
    *document.pointer_mut(path).unwrap() = value;
    ChannelRecord::from_json(document.to_string().as_bytes()).unwrap()
}
