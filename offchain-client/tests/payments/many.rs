//! Thousands of channels with one expiry at a vendor whose ledger commits some hundreds of closes a second, and what the last seconds
//! before an expiry are for. All spans are short, and so they pass in real time.

use std::sync::Arc;
use std::time::Duration;

use lockstep::home::Home;
use lockstep::ledger::{Ledger, LedgerError};
use lockstep::party::{Clock, replay};
use lockstep::store::{Phase, StoredBatch, StoredChannel};
use lockstep::stream::BatchBounds;
use lockstep::vendor::{Ending, Facts, Presence, Vendor};
use lockstep::{entropy, tls};
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::{ChannelId, IdentityRoot, Nonce, ShortText};
use lockstep_protocol::key::SecretKey;
use lockstep_protocol::ledger::{Open, RegisterBank};
use lockstep_protocol::lock::Lock;
use lockstep_protocol::memo::Memo;
use lockstep_protocol::opening::{Opening, OpeningTerms, SignedOpening};
use lockstep_protocol::payee::VendorTerms;
use lockstep_protocol::payment::{Batch, Head, Payment, PaymentRecord};
use lockstep_protocol::signature::Signature;
use lockstep_protocol::time::{MaxDrift, Timestamp};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::units::{Reputation, Units};
use lockstep_protocol::wallet_seed::WalletSeed;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::bounded::{Bounded, Memory};
use crate::ledger::MemLedger;
use crate::stranger::n;
use crate::world::SEED;

const D: Duration = Duration::from_secs(1);
const L: Duration = Duration::from_secs(2);
/// What the ledger commits in a second. Half of what it commits within L is for channels whose time has come: 500.
const RATE: u32 = 500;
const MANY: usize = 2000;

/// A vendor's channels, one payment in each, and the ledger that has them open.
struct Scene {
    clock: Clock,
    ledger: Arc<MemLedger>,
    bank: SecretKey,
    vendor: SecretKey,
    expiry: Timestamp,
    rows: Vec<(StoredChannel, StoredBatch)>,
}

impl Scene {
    async fn new(life: Duration) -> Self {
        let clock = Clock::system();
        let ledger = Arc::new(MemLedger::new(clock.clone(), clock.clone()));
        let (bank, vendor) = (entropy::random_key().unwrap(), entropy::random_key().unwrap());
        let msp = ShortText::new("BankMSP").unwrap();
        let register =
            RegisterBank::sign(&ledger.ledger_id(), msp, MaxDrift::from_millis(1000).unwrap(), &bank);
        ledger.register_bank(&register).await.unwrap();
        let expiry = clock.now().checked_add(life).unwrap();
        Self { clock, ledger, bank, vendor, expiry, rows: Vec::new() }
    }

    /// One more channel, with one payment; gives the client's signature on it.
    async fn open(&mut self) -> (ChannelId, Signature) {
        let seed = WalletSeed::from_bytes(SEED);
        let nonce = Nonce::from_bytes(entropy::random_bytes().unwrap());
        let one = Units::from_count(1);
        let mut chain = TokenChain::new(nonce, &seed.chain_seed(&nonce), one).unwrap();
        let (key, price, now) = (seed.payment_key(&nonce), Amount::from_micros(10_000), self.clock.now());
        let given = SignedOpening::sign(
            Opening::new(OpeningTerms {
                ledger: self.ledger.ledger_id(),
                nonce,
                bank_key: *self.bank.public_key(),
                client_key: *key.public_key(),
                vendor_key: *self.vendor.public_key(),
                client_identity: IdentityRoot::from_bytes([1; 32]),
                vendor_identity: IdentityRoot::from_bytes([2; 32]),
                total: price,
                unit_price: price,
                token_count: one,
                token_root: chain.root(),
                client_reputation: Reputation::FULL,
                vendor_reputation: Reputation::FULL,
                opened: now,
                open_by: now.checked_add(Duration::from_secs(1)).unwrap(),
                expiry: self.expiry,
                memo_hash: Memo::default().hash(),
            }),
            &self.bank,
        );
        let record = self.ledger.open(&Open::new(given.clone())).await.unwrap().record;
        let start = Head::start(given.opening());
        let mut paid = PaymentRecord {
            units: one,
            ts: now,
            token: chain.token(one).unwrap(),
            lock: Lock::ZERO,
            memo: Memo::default(),
        };
        let signature = key.sign(&Payment::chain(&start, &paid).unwrap().tx().as_digest());
        paid.lock = Lock::seal(given.bank_signature(), &signature);
        let head = Head::after(&Payment::chain(&start, &paid).unwrap());
        let row = replay::row(start, head, Batch { first: n(1), records: vec![paid] }.encode(), n(1));
        let channel = record.channel_id();
        let stored = StoredChannel {
            place: i64::try_from(self.rows.len()).unwrap() + 1,
            channel,
            phase: Phase::Open,
            n: row.n,
            head: row.head,
            facts: replay::encode_note(&Facts { record }),
            ending: "{}".to_owned(),
        };
        self.rows
            .push((stored, StoredBatch { first: n(1), count: 1, before: row.before, records: row.records }));
        (channel, signature)
    }

    fn rules(&self) -> VendorTerms {
        VendorTerms {
            vendor_key: *self.vendor.public_key(),
            pinned_banks: vec![*self.bank.public_key()],
            least_price: Amount::from_micros(1),
            highest_price: Amount::from_micros(10_000_000),
            least_life: Duration::from_secs(60),
            longest_life: Duration::from_secs(86_400),
            largest_drift: MaxDrift::DEFAULT,
            largest_units: Units::from_count(1000),
            clock_tolerance: Duration::from_secs(5),
            commit_bound: L,
            release_wait: Duration::ZERO,
        }
    }

    fn left(&self) -> Duration {
        Duration::from_millis(self.expiry.as_unix_millis().saturating_sub(self.clock.now().as_unix_millis()))
    }

    /// Lets a vendor serve until the channels have expired, and gives how many of them it has claimed.
    async fn live(self, ledger: Bounded, closes_per_second: u32) -> usize {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(&folder.path().join("vendor")).unwrap();
        tls::create(&home, "vendor", &[], None).unwrap();
        let tls = tls::ServerIdentity::load(&home, None).unwrap().server_config(tls::ALPN_GRPC).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let presence = Presence {
            organization: "VendorMSP".to_owned(),
            batch: BatchBounds::DEFAULT,
            streams: 4,
            proof_wait: Duration::from_secs(60),
        };
        let channels: Vec<_> = self.rows.iter().map(|row| row.0.channel).collect();
        let journal = Arc::new(Memory::new(self.rows.iter().cloned()));
        let key = SecretKey::from_bytes(&self.vendor.dangerous_to_bytes()).unwrap();
        let vendor = Vendor::new(journal, Arc::new(ledger), key, self.rules(), presence, self.clock.clone())
            .with_closes_per_second(closes_per_second);
        let stop = CancellationToken::new();
        let serving = tokio::spawn(vendor.serve(listener, tls, stop.clone()));
        sleep(self.left()).await;
        stop.cancel();
        serving.await.unwrap().unwrap();
        channels.into_iter().filter(|channel| self.ledger.record(*channel).claim().is_some()).count()
    }
}

async fn claimed_of_many(life: Duration, closes_per_second: u32) -> usize {
    let mut scene = Scene::new(life).await;
    for _ in 0..MANY {
        scene.open().await;
    }
    let ledger = Bounded::new(Arc::clone(&scene.ledger), RATE);
    scene.live(ledger, closes_per_second).await
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_channels_of_one_expiry_are_all_claimed_in_time_though_every_first_close_is_lost() {
    // Four times 3 L, D, and time to open them all.
    assert_eq!(claimed_of_many(Duration::from_secs(25 + 15), RATE).await, MANY);
}

/// What the bound is for, and that the test above would see it missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_trusted_with_more_than_it_commits_loses_claims() {
    let claimed = claimed_of_many(Duration::from_secs(7 + 15), 1_000_000).await;
    assert!(claimed < MANY * 3 / 4, "{claimed} of {MANY}");
}

/// A release whose close an orderer loses, or that fails in passing again and again, when two token closes and a moment fit in.
#[tokio::test(flavor = "multi_thread")]
async fn neither_attempts_nor_pauses_of_a_release_take_the_time_of_two_token_closes() {
    let moment = Duration::from_millis(200);
    // Pauses of ¼, ½ and 1 s, and then one that would be 2 s.
    let faults = Duration::from_millis(1_750);
    for (left, faults) in [(moment, 0), (faults + moment, 4)] {
        let mut scene = Scene::new(D + 3 * L + Duration::from_secs(3)).await;
        let (channel, signature) = scene.open().await;
        let ending = Ending { release: Some(signature), ..Ending::default() };
        let (stored, _) = scene.rows.first_mut().unwrap();
        stored.phase = Phase::Released;
        stored.ending = replay::encode_note(&ending);
        let fault = || LedgerError::Rejected { reason: "upgrading".to_owned() };
        scene.ledger.fail_releases((0..faults).map(|_| fault()));
        sleep(scene.left() - (D + 2 * L + left)).await;
        let ledger = Bounded::new(Arc::clone(&scene.ledger), RATE);
        if faults > 0 {
            ledger.spare(channel);
        }
        // The first token close, behind what became of the release.
        scene.ledger.lose_closes(1);
        assert_eq!(scene.live(ledger, RATE).await, 1, "{left:?} before the two token closes");
    }
}
