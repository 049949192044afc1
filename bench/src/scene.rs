//! A bank, a client and a vendor in this process, and a channel of theirs.

use std::time::Duration;

use lockstep::entropy::{self, NoEntropy};
use lockstep::party::Clock;
use lockstep_protocol::ledger::{BankRegistration, ChannelRecord, Open, RegisterBank};
use lockstep_protocol::opening::{Approval, OpeningRequest, SignedOpening, SignedRequest};
use lockstep_protocol::payee::VendorTerms;
use lockstep_protocol::rules::{self, Clocks, Outcome, Submitter};
use lockstep_protocol::time::{MaxDrift, Timestamp};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{
    Amount, IdentityRoot, LedgerId, Memo, Nonce, Refusal, Reputation, SecretKey, ShortText, Units,
};

use crate::error::{BenchError, Step as _};

/// One dollar: the price of a unit, so that a payment of so many dollars moves so many units.
pub(crate) const DOLLAR: Amount = Amount::from_micros(1_000_000);
/// From now to the latest time of an opening.
const OPEN_WITHIN: Duration = Duration::from_secs(300);
/// A channel's life: longer than any measurement.
const LIFE: Duration = Duration::from_secs(24 * 3600);

/// The parties' keys.
pub(crate) struct Scene {
    pub(crate) ledger: LedgerId,
    pub(crate) bank: SecretKey,
    pub(crate) account: SecretKey,
    pub(crate) vendor: SecretKey,
    pub(crate) seed: WalletSeed,
    /// The seed again, for a wallet of its own.
    pub(crate) seed_bytes: [u8; 32],
    pub(crate) client_identity: IdentityRoot,
    registration: BankRegistration,
}

/// The client's secrets for one channel.
#[derive(Debug)]
pub(crate) struct ChannelKeys {
    pub(crate) nonce: Nonce,
    pub(crate) payment: SecretKey,
    pub(crate) chain: TokenChain,
}

/// The machine's time.
pub(crate) fn now() -> Timestamp {
    Clock::system().now()
}

impl Scene {
    /// Fresh keys and a bank that is registered on a ledger that nobody else knows.
    pub(crate) fn new() -> Result<Self, BenchError> {
        let text = |text: &str| ShortText::new(text).step("a name");
        Self::on(LedgerId::of(&text("payments")?, &text("lockstep")?))
    }

    /// Fresh keys for channels on this ledger.
    pub(crate) fn on(ledger: LedgerId) -> Result<Self, BenchError> {
        let bank = entropy::random_key()?;
        let msp_id = ShortText::new("BankMSP").step("a name")?;
        let command = RegisterBank::sign(&ledger, msp_id.clone(), MaxDrift::DEFAULT, &bank);
        let submitter = Submitter { msp_id, is_admin: true };
        let registered = rules::register_bank(None, &command, &submitter, &ledger, clocks());
        let (Outcome::Changed(registration) | Outcome::AlreadyDone(registration)) =
            registered.step("RegisterBank")?;
        let seed_bytes = entropy::random_bytes()?;
        let (seed, client_identity) = (WalletSeed::from_bytes(seed_bytes), IdentityRoot::from_bytes([1; 32]));
        let (account, vendor) = (entropy::random_key()?, entropy::random_key()?);
        Ok(Self { ledger, bank, account, vendor, seed, seed_bytes, client_identity, registration })
    }

    /// A number that no channel had before.
    pub(crate) fn fresh_nonce() -> Result<Nonce, NoEntropy> {
        Ok(Nonce::from_bytes(entropy::random_bytes()?))
    }

    /// Derives the payment key and hashes the token chain.
    pub(crate) fn keys(&self, nonce: Nonce, units: u32) -> Result<ChannelKeys, BenchError> {
        let payment = self.seed.payment_key(&nonce);
        let chain = TokenChain::new(nonce, &self.seed.chain_seed(&nonce), Units::from_count(units));
        Ok(ChannelKeys { nonce, payment, chain: chain.step("the token chain")? })
    }

    /// The client's signed request for a channel of these keys.
    pub(crate) fn request(&self, keys: &ChannelKeys) -> Result<SignedRequest, BenchError> {
        let beyond = BenchError::WrongResult("the clock");
        let open_by = now().checked_add(OPEN_WITHIN).ok_or(beyond)?;
        let request = OpeningRequest {
            ledger: self.ledger,
            nonce: keys.nonce,
            bank_key: *self.bank.public_key(),
            account_key: *self.account.public_key(),
            payment_key: *keys.payment.public_key(),
            vendor_key: *self.vendor.public_key(),
            client_identity: self.client_identity,
            unit_price: DOLLAR,
            token_count: keys.chain.count(),
            token_root: keys.chain.root(),
            open_by,
            expiry: open_by.checked_add(LIFE).ok_or(BenchError::WrongResult("the clock"))?,
            memo_hash: Memo::default().hash(),
        };
        Ok(SignedRequest::sign(request, &self.account, &keys.payment))
    }

    /// The bank's part: verifies who asks, checks both reputations and every rule, signs.
    pub(crate) fn grant(&self, request: SignedRequest) -> Result<SignedOpening, BenchError> {
        let approval = Approval {
            vendor_identity: IdentityRoot::from_bytes([2; 32]),
            client_reputation: Reputation::FULL,
            vendor_reputation: Reputation::OPENING_MINIMUM,
            opened: now(),
        };
        let verified = request.verify(self.bank.public_key(), &self.ledger).step("the request")?;
        verified.approve(approval, MaxDrift::DEFAULT, &self.bank).step("the opening")
    }

    /// The client's check of what it received.
    pub(crate) fn receive(
        &self,
        request: &OpeningRequest,
        given: SignedOpening,
    ) -> Result<SignedOpening, BenchError> {
        request.check_answer(given.opening()).step("the bank's answer")?;
        let verified =
            given.verify(self.bank.public_key(), MaxDrift::DEFAULT).step("the bank's signature")?;
        Ok(verified.as_signed().clone())
    }

    /// A channel that is granted, and open on the ledger.
    pub(crate) fn channel(&self, units: u32) -> Result<(SignedOpening, ChannelRecord), BenchError> {
        let keys = self.keys(Self::fresh_nonce()?, units)?;
        let given = self.grant(self.request(&keys)?)?;
        let record = self.open(&given).step("Open")?;
        Ok((given, record))
    }

    /// The ledger's part.
    pub(crate) fn open(&self, given: &SignedOpening) -> Result<ChannelRecord, Refusal> {
        let command = Open::new(given.clone());
        let opened = rules::open(Some(&self.registration), None, None, &command, &self.ledger, clocks())?;
        Ok(match opened {
            Outcome::Changed(transition) => transition.record,
            Outcome::AlreadyDone(record) => record,
        })
    }

    /// A vendor that takes every channel of this bank.
    pub(crate) fn terms(&self) -> VendorTerms {
        VendorTerms {
            vendor_key: *self.vendor.public_key(),
            pinned_banks: vec![*self.bank.public_key()],
            least_price: Amount::from_micros(1),
            highest_price: Amount::from_micros(10_000_000),
            least_life: Duration::from_secs(60),
            longest_life: 2 * LIFE,
            largest_drift: MaxDrift::DEFAULT,
            largest_units: Units::from_count(1000),
            clock_tolerance: Duration::from_secs(5),
            commit_bound: Duration::from_secs(5),
            release_wait: Duration::from_secs(5),
        }
    }
}

/// A transaction now, at an endorser whose clock agrees.
pub(crate) fn clocks() -> Clocks {
    let now = now();
    Clocks { transaction: now, endorser: now }
}
