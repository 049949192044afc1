//! A bank, clients and vendors of the suite's own, in this process: openings and closes as good or as bad as a scenario wants them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lockstep_protocol::ledger::{CloseByRelease, CloseByToken, Open, RegisterBank};
use lockstep_protocol::opening::{Opening, OpeningTerms, SignedOpening};
use lockstep_protocol::payment::PaymentFields;
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{
    Amount, ChannelId, IdentityRoot, LedgerId, Lock, MaxDrift, Memo, Nonce, PaymentNumber, Reputation,
    SecretKey, ShortText, Signature, Timestamp, Units,
};

/// The present time of this machine.
///
/// # Panics
/// If the machine's clock stands before 1970 or after the year 287396.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970");
    let millis = u64::try_from(since.as_millis()).expect("the clock stands before the year 287396");
    Timestamp::from_unix_millis(millis).expect("the clock stands before the year 287396")
}

/// A time so much after another.
///
/// # Panics
/// If the sum is out of range.
#[must_use]
pub fn after(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).expect("test times are small")
}

/// A bank and a vendor whose keys this process holds.
#[derive(Debug)]
pub struct Forge {
    ledger: LedgerId,
    bank: SecretKey,
    vendor: SecretKey,
    drift: MaxDrift,
}

impl Forge {
    /// Fresh keys for one scenario on this ledger, with the usual D.
    #[must_use]
    pub fn new(ledger: LedgerId) -> Self {
        Self::with_drift(ledger, MaxDrift::DEFAULT)
    }

    /// Fresh keys for one scenario on this ledger, with a D of its own: a short one lets a channel expire within seconds.
    #[must_use]
    pub fn with_drift(ledger: LedgerId, drift: MaxDrift) -> Self {
        let mut rng = rand::rng();
        Self { ledger, bank: SecretKey::random(&mut rng), vendor: SecretKey::random(&mut rng), drift }
    }

    /// The bank's D.
    #[must_use]
    pub const fn drift(&self) -> MaxDrift {
        self.drift
    }

    /// The bank's key.
    #[must_use]
    pub fn bank(&self) -> &SecretKey {
        &self.bank
    }

    /// The vendor's key.
    #[must_use]
    pub fn vendor(&self) -> &SecretKey {
        &self.vendor
    }

    /// The bank's registration for an organisation.
    ///
    /// # Panics
    /// If the MSP id is longer than 65 535 bytes.
    #[must_use]
    pub fn registration(&self, msp_id: &str) -> RegisterBank {
        let msp_id = ShortText::new(msp_id).expect("MSP ids are short");
        RegisterBank::sign(&self.ledger, msp_id, self.drift, &self.bank)
    }

    /// A channel of `count` units of one cent that nothing is wrong with.
    #[must_use]
    pub fn channel(&self, count: u32) -> ForgedChannel<'_> {
        ForgedChannel::new(self, count)
    }
}

/// A channel that is not on the ledger yet; its terms may be spoiled before it is signed.
#[derive(Debug)]
pub struct ForgedChannel<'a> {
    forge: &'a Forge,
    chain: TokenChain,
    client: SecretKey,
    /// What the opening will say.
    pub terms: OpeningTerms,
}

impl<'a> ForgedChannel<'a> {
    fn new(forge: &'a Forge, count: u32) -> Self {
        let mut rng = rand::rng();
        let (seed, nonce) = (WalletSeed::random(&mut rng), Nonce::random(&mut rng));
        let units = Units::from_count(count);
        let chain =
            TokenChain::new(nonce, &seed.chain_seed(&nonce), units).expect("scenarios open small channels");
        let client = seed.payment_key(&nonce);
        let unit_price = Amount::from_micros(10_000);
        let opened = now();
        let open_by = after(opened, Duration::from_secs(60));
        let terms = OpeningTerms {
            ledger: forge.ledger,
            nonce,
            bank_key: *forge.bank.public_key(),
            client_key: *client.public_key(),
            vendor_key: *forge.vendor.public_key(),
            client_identity: IdentityRoot::from_bytes([1; 32]),
            vendor_identity: IdentityRoot::from_bytes([2; 32]),
            total: unit_price.checked_mul(units).expect("scenarios open small channels"),
            unit_price,
            token_count: units,
            token_root: chain.root(),
            client_reputation: Reputation::FULL,
            vendor_reputation: Reputation::OPENING_MINIMUM,
            opened,
            open_by,
            expiry: after(open_by, Duration::from_secs(3600)),
            memo_hash: Memo::default().hash(),
        };
        Self { forge, chain, client, terms }
    }

    /// The opening with the bank's signature.
    #[must_use]
    pub fn open(&self) -> Open {
        Open::new(SignedOpening::sign(self.opening(), &self.forge.bank))
    }

    /// The opening as its terms stand.
    #[must_use]
    pub fn opening(&self) -> Opening {
        Opening::new(self.terms.clone())
    }

    /// The channel's id as its terms stand.
    #[must_use]
    pub fn id(&self) -> ChannelId {
        self.opening().channel_id()
    }

    /// The client's payment key.
    #[must_use]
    pub fn client(&self) -> &SecretKey {
        &self.client
    }

    /// The last of a row of payments, each of one of these counts of units, and the client's signature on it.
    ///
    /// # Panics
    /// If the units are more than the channel's.
    pub fn pay(&mut self, units: &[u32]) -> (PaymentFields, Signature) {
        let id = self.id();
        let mut before = None;
        let mut released = Units::ZERO;
        for (index, &k) in units.iter().enumerate() {
            released = released.checked_add(Units::from_count(k)).expect("scenarios pay little");
            let (previous, previous_lock) = match &before {
                None => (id.as_tx(), Lock::ZERO),
                Some((fields, _, lock)) => (PaymentFields::tx(fields), *lock),
            };
            let fields = PaymentFields {
                channel: id,
                previous,
                number: PaymentNumber::from_index(u32::try_from(index + 1).expect("scenarios pay little")),
                units: Units::from_count(k),
                released,
                token: self.chain.token(released).expect("scenarios stay within the channel"),
                ts: now(),
                memo_hash: Memo::default().hash(),
                previous_lock,
            };
            let signature = self.sign(&fields);
            let locked = before.map_or_else(|| *self.open().signed_opening().bank_signature(), |(_, s, _)| s);
            before = Some((fields, signature, Lock::seal(&locked, &signature)));
        }
        let (fields, signature, _) = before.expect("at least one payment");
        (fields, signature)
    }

    /// The vendor's claim of some units with their token.
    ///
    /// # Panics
    /// If the channel has fewer.
    pub fn claim(&mut self, units: u32) -> CloseByToken {
        let units = Units::from_count(units);
        let token = self.chain.token(units).expect("scenarios claim what the channel has");
        CloseByToken::sign(self.id(), units, token, &self.forge.vendor)
    }

    /// The channel with as short a life as its bank's D allows: it is to be opened within three seconds.
    #[must_use]
    pub fn short_lived(mut self) -> Self {
        self.terms.open_by = after(self.terms.opened, Duration::from_secs(3));
        self.terms.expiry = after(self.terms.open_by, self.forge.drift.as_duration() * 4);
        self
    }

    /// The client's signature on a payment.
    #[must_use]
    pub fn sign(&self, fields: &PaymentFields) -> Signature {
        self.client.sign(&fields.tx().as_digest())
    }

    /// The vendor's close on a last payment, spoiled or not, which the client signs again.
    #[must_use]
    pub fn close(&self, fields: PaymentFields) -> CloseByRelease {
        CloseByRelease::sign(fields, self.sign(&fields), &self.forge.vendor)
    }
}
