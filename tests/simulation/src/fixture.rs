//! What every history has in common: keys, and two openings that the bank has signed. Signing them once is most of a history's cost.

use std::sync::OnceLock;
use std::time::Duration;

use lockstep_protocol::ledger::{BankRegistration, RegisterBank};
use lockstep_protocol::opening::{Approval, OpeningRequest, SignedOpening, SignedRequest};
use lockstep_protocol::payee::VendorTerms;
use lockstep_protocol::rules::{self, Clocks, Outcome, Submitter};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{
    Amount, ChannelId, IdentityRoot, LedgerId, MaxDrift, Memo, Nonce, Reputation, SecretKey, ShortText,
    Timestamp, Token, Units,
};

/// Channels of a history.
pub(crate) const CHANNELS: usize = 2;
/// Units of a channel.
pub(crate) const UNITS: u32 = 16;
/// Micro-units of a unit.
pub(crate) const PRICE: u64 = 10_000;
/// What the client has at first, in micro-units.
pub(crate) const DEPOSIT: u64 = 1_000_000;
/// When a history begins, in Unix milliseconds.
pub(crate) const START: u64 = 1_800_000_000_000;
/// D, in milliseconds.
pub(crate) const DRIFT: u64 = 30_000;
/// L, the vendor's bound on endorse-to-commit, in milliseconds.
pub(crate) const COMMIT: u64 = 10_000;
/// R, how long the vendor waits for a release, in milliseconds.
pub(crate) const RELEASE_WAIT: u64 = 20_000;
/// Latest time for `Open`, from the start.
pub(crate) const OPEN_BY: u64 = 30_000;
/// The channels' expiry, from the start.
pub(crate) const EXPIRY: u64 = 300_000;

/// The parties and their channels.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) bank: SecretKey,
    pub(crate) vendor: SecretKey,
    pub(crate) seed: WalletSeed,
    pub(crate) ledger: LedgerId,
    pub(crate) registration: BankRegistration,
    pub(crate) openings: [SignedOpening; CHANNELS],
    /// The client's keys and tokens, which the wallet grows from its seed at every stream, for a client that cheats.
    payments: [PaymentSecrets; CHANNELS],
    pub(crate) terms: VendorTerms,
    pub(crate) drift: MaxDrift,
}

/// What the client pays with on a channel.
#[derive(Debug)]
struct PaymentSecrets {
    nonce: Nonce,
    key: SecretKey,
    /// f₀ … f_N.
    tokens: Vec<Token>,
}

impl PaymentSecrets {
    fn grow(seed: &WalletSeed, nonce: Nonce) -> Self {
        let chain = TokenChain::new(nonce, &seed.chain_seed(&nonce), Units::from_count(UNITS));
        let mut chain = chain.expect("a few tokens");
        let tokens = (0..=UNITS).map(|c| chain.token(Units::from_count(c)).expect("a unit of the channel"));
        Self { nonce, key: seed.payment_key(&nonce), tokens: tokens.collect() }
    }
}

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(millis).expect("a time of a simulation")
}

fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).expect("below the group's order")
}

fn short(text: &str) -> ShortText {
    ShortText::new(text).expect("short")
}

/// The one fixture.
pub(crate) fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let (bank, account, vendor) = (key(1), key(2), key(3));
        let seed = WalletSeed::from_bytes([4; 32]);
        let ledger = LedgerId::of(&short("payments"), &short("lockstep"));
        let drift = MaxDrift::from_millis(DRIFT).expect("30 s");
        let register = RegisterBank::sign(&ledger, short("BankMSP"), drift, &bank);
        let submitter = Submitter { msp_id: short("BankMSP"), is_admin: true };
        let clocks = Clocks { transaction: at(START), endorser: at(START) };
        let registration = match rules::register_bank(None, &register, &submitter, &ledger, clocks) {
            Ok(Outcome::Changed(registration) | Outcome::AlreadyDone(registration)) => registration,
            Err(refusal) => panic!("{refusal}"),
        };
        let payments = [1, 2].map(|number| PaymentSecrets::grow(&seed, Nonce::from_bytes([number; 32])));
        let openings = payments.each_ref().map(|PaymentSecrets { nonce, key: payment, tokens }| {
            let request = OpeningRequest {
                ledger,
                nonce: *nonce,
                bank_key: *bank.public_key(),
                account_key: *account.public_key(),
                payment_key: *payment.public_key(),
                vendor_key: *vendor.public_key(),
                client_identity: IdentityRoot::from_bytes([5; 32]),
                unit_price: Amount::from_micros(PRICE),
                token_count: Units::from_count(UNITS),
                token_root: *tokens.first().expect("f₀"),
                open_by: at(START + OPEN_BY),
                expiry: at(START + EXPIRY),
                memo_hash: Memo::default().hash(),
            };
            let verified = SignedRequest::sign(request, &account, payment).verify(bank.public_key(), &ledger);
            let approval = Approval {
                vendor_identity: IdentityRoot::from_bytes([6; 32]),
                client_reputation: Reputation::FULL,
                vendor_reputation: Reputation::FULL,
                opened: at(START),
            };
            verified.expect("just signed").approve(approval, drift, &bank).expect("within the rules")
        });
        let terms = VendorTerms {
            vendor_key: *vendor.public_key(),
            pinned_banks: vec![*bank.public_key()],
            least_price: Amount::from_micros(1),
            highest_price: Amount::from_micros(10_000_000),
            least_life: Duration::from_secs(1),
            longest_life: Duration::from_secs(3600),
            largest_drift: drift,
            largest_units: Units::from_count(8),
            clock_tolerance: Duration::from_secs(120),
            commit_bound: Duration::from_millis(COMMIT),
            release_wait: Duration::from_millis(RELEASE_WAIT),
        };
        Fixture { bank, vendor, seed, ledger, registration, openings, payments, terms, drift }
    })
}

impl Fixture {
    /// The id of a channel.
    pub(crate) fn id(&self, channel: usize) -> ChannelId {
        self.opening(channel).opening().channel_id()
    }

    /// The opening of a channel.
    pub(crate) fn opening(&self, channel: usize) -> &SignedOpening {
        self.openings.get(channel % CHANNELS).expect("taken modulo their number")
    }

    /// The client's payment key of a channel.
    pub(crate) fn payment_key(&self, channel: usize) -> &SecretKey {
        &self.secrets(channel).key
    }

    /// f_c of a channel, if it has so many units.
    pub(crate) fn token(&self, channel: usize, c: u32) -> Option<Token> {
        self.secrets(channel).tokens.get(usize::try_from(c).ok()?).copied()
    }

    fn secrets(&self, channel: usize) -> &PaymentSecrets {
        self.payments.get(channel % CHANNELS).expect("taken modulo their number")
    }
}
