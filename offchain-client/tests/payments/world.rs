//! A bank's key, a vendor that serves, a wallet with a channel.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use lockstep::home::Home;
use lockstep::party::Clock;
use lockstep::store::{Journal, SqliteJournal};
use lockstep::stream::BatchBounds;
use lockstep::tls;
use lockstep::vendor::{FraudDesk, Presence, ServeError, Vendor};
use lockstep::wallet::{Facts, Order, Pace, PayOutcome, PaymentsConfig, VendorLink, Wallet};
use lockstep::{entropy, ledger::Ledger};
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::{ChannelId, IdentityRoot, Nonce, ShortText};
use lockstep_protocol::key::SecretKey;
use lockstep_protocol::ledger::RegisterBank;
use lockstep_protocol::memo::Memo;
use lockstep_protocol::opening::{Opening, OpeningTerms, SignedOpening};
use lockstep_protocol::payee::VendorTerms;
use lockstep_protocol::time::{MaxDrift, Timestamp};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::units::{Reputation, Units};
use lockstep_protocol::wallet_seed::WalletSeed;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ledger::MemLedger;

/// A clock that tests set ahead.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hands(Arc<AtomicU64>);

impl Hands {
    pub(crate) fn ahead(&self, by: Duration) {
        self.0.store(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let (ahead, system) = (Arc::clone(&self.0), Clock::system());
        Clock::new(move || {
            system.now().checked_add(Duration::from_millis(ahead.load(Ordering::SeqCst))).unwrap()
        })
    }
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) ledger: Arc<MemLedger>,
    pub(crate) bank: SecretKey,
    pub(crate) hands: Hands,
    pub(crate) vendor_hands: Hands,
    pub(crate) vendor_key: SecretKey,
    pub(crate) rules: VendorTerms,
    pub(crate) payments: PaymentsConfig,
    pub(crate) vendor: Option<RunningVendor>,
    pub(crate) address: SocketAddr,
    /// How long the vendor bears with streams that prove nothing.
    pub(crate) proof_wait: Duration,
    /// Closes a second that the vendor trusts its ledger with; its default if there is none.
    pub(crate) closes_per_second: Option<u32>,
    /// Where the vendor brings fraud proofs.
    pub(crate) desk: Option<Arc<dyn FraudDesk>>,
}

pub(crate) struct RunningVendor {
    stop: CancellationToken,
    task: JoinHandle<Result<(), ServeError>>,
}

pub(crate) const SEED: [u8; 32] = [7; 32];
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

impl World {
    /// A world with a registered bank and a serving vendor.
    pub(crate) async fn new() -> Self {
        let hands = Hands::default();
        let vendor_hands = Hands::default();
        let ledger = Arc::new(MemLedger::new(hands.clock(), vendor_hands.clock()));
        let bank = entropy::random_key().unwrap();
        let msp = ShortText::new("BankMSP").unwrap();
        let register = RegisterBank::sign(&ledger.ledger_id(), msp, MaxDrift::DEFAULT, &bank);
        ledger.register_bank(&register).await.unwrap();
        let vendor_key = entropy::random_key().unwrap();
        let rules = VendorTerms {
            vendor_key: *vendor_key.public_key(),
            pinned_banks: vec![*bank.public_key()],
            least_price: Amount::from_micros(1),
            highest_price: Amount::from_micros(10_000_000),
            least_life: Duration::from_secs(60),
            longest_life: 48 * HOUR,
            largest_drift: MaxDrift::DEFAULT,
            largest_units: Units::from_count(1000),
            clock_tolerance: Duration::from_secs(5),
            commit_bound: Duration::from_secs(5),
            release_wait: Duration::from_secs(5),
        };
        let mut world = Self {
            folder: tempfile::tempdir().unwrap(),
            ledger,
            bank,
            hands,
            vendor_hands,
            vendor_key,
            rules,
            payments: PaymentsConfig { window: 1024, batch: 128, ..PaymentsConfig::DEFAULT },
            vendor: None,
            address: "127.0.0.1:0".parse().unwrap(),
            proof_wait: Duration::from_secs(60),
            closes_per_second: None,
            desk: None,
        };
        let home = Home::create(&world.vendor_folder()).unwrap();
        tls::create(&home, "vendor", &[], None).unwrap();
        home.write_config("").unwrap();
        world.start_vendor().await;
        world
    }

    pub(crate) fn vendor_folder(&self) -> PathBuf {
        self.folder.path().join("vendor")
    }

    pub(crate) async fn vendor_journal(&self) -> Arc<dyn Journal> {
        Arc::new(SqliteJournal::open(&self.vendor_folder().join("journal.db")).await.unwrap())
    }

    pub(crate) async fn start_vendor(&mut self) {
        let journal = self.vendor_journal().await;
        self.start_vendor_on(journal).await;
    }

    pub(crate) async fn start_vendor_on(&mut self, journal: Arc<dyn Journal>) {
        let home = Home::open(&self.vendor_folder()).unwrap();
        let identity = tls::ServerIdentity::load(&home, None).unwrap();
        // A connection of another test may have been given the port meanwhile: it is free again when that ends.
        let bound = OnceLock::new();
        eventually(async || {
            TcpListener::bind(self.address).await.is_ok_and(|listener| bound.set(listener).is_ok())
        })
        .await;
        let listener = bound.into_inner().unwrap();
        self.address = listener.local_addr().unwrap();
        let presence = Presence {
            organization: "VendorMSP".to_owned(),
            batch: BatchBounds::DEFAULT,
            streams: 4,
            proof_wait: self.proof_wait,
        };
        let key = SecretKey::from_bytes(&self.vendor_key.dangerous_to_bytes()).unwrap();
        let ledger: Arc<dyn Ledger> = Arc::<MemLedger>::clone(&self.ledger);
        let vendor =
            Vendor::new(journal, ledger, key, self.rules.clone(), presence, self.vendor_hands.clock());
        let vendor = match self.closes_per_second {
            Some(closes) => vendor.with_closes_per_second(closes),
            None => vendor,
        };
        let vendor = match &self.desk {
            Some(desk) => vendor.with_bank(Arc::clone(desk)),
            None => vendor,
        };
        let stop = CancellationToken::new();
        let config = identity.server_config(tls::ALPN_GRPC).unwrap();
        let task = tokio::spawn(vendor.serve(listener, config, stop.clone()));
        self.vendor = Some(RunningVendor { stop, task });
    }

    /// Stops the vendor as a signal would.
    pub(crate) async fn stop_vendor(&mut self) -> Result<(), ServeError> {
        let running = self.vendor.take().unwrap();
        running.stop.cancel();
        running.task.await.unwrap()
    }

    /// Waits until the vendor has stopped by itself.
    pub(crate) async fn vendor_stopped(&mut self) -> Result<(), ServeError> {
        self.vendor.take().unwrap().task.await.unwrap()
    }

    /// Waits until the vendor has died of a panic.
    pub(crate) async fn vendor_panicked(&mut self) {
        let task = self.vendor.take().unwrap().task;
        let died = tokio::time::timeout(Duration::from_secs(20), task).await.expect("the vendor goes on");
        assert!(died.unwrap_err().is_panic());
    }

    pub(crate) fn wallet_folder(&self) -> PathBuf {
        self.folder.path().join("wallet")
    }

    /// The wallet, as a process that has just started sees it.
    pub(crate) async fn wallet(&self) -> Wallet {
        std::fs::create_dir_all(self.wallet_folder()).unwrap();
        let journal = Arc::new(SqliteJournal::open(&self.wallet_folder().join("journal.db")).await.unwrap());
        self.wallet_on(journal)
    }

    pub(crate) fn wallet_on(&self, journal: Arc<dyn Journal>) -> Wallet {
        let ledger: Arc<dyn Ledger> = Arc::<MemLedger>::clone(&self.ledger);
        let seed = WalletSeed::from_bytes(SEED);
        Wallet::new(journal, ledger, seed, self.payments, self.hands.clock(), self.wallet_folder())
    }

    /// What the bank gives for a channel of `count` units at one cent.
    pub(crate) fn facts(&self, count: u32, change: impl FnOnce(&mut OpeningTerms)) -> Facts {
        let seed = WalletSeed::from_bytes(SEED);
        let nonce = Nonce::from_bytes(entropy::random_bytes().unwrap());
        let count = Units::from_count(count);
        let chain = TokenChain::new(nonce, &seed.chain_seed(&nonce), count).unwrap();
        let now = self.hands.clock().now();
        let price = Amount::from_micros(10_000);
        let memo = Memo::new("films").unwrap();
        let mut terms = OpeningTerms {
            ledger: self.ledger.ledger_id(),
            nonce,
            bank_key: *self.bank.public_key(),
            client_key: *seed.payment_key(&nonce).public_key(),
            vendor_key: *self.vendor_key.public_key(),
            client_identity: IdentityRoot::from_bytes([1; 32]),
            vendor_identity: IdentityRoot::from_bytes([2; 32]),
            total: price.checked_mul(count).unwrap(),
            unit_price: price,
            token_count: count,
            token_root: chain.root(),
            client_reputation: Reputation::FULL,
            vendor_reputation: Reputation::FULL,
            opened: now,
            open_by: later(now, Duration::from_secs(300)),
            expiry: later(now, 24 * HOUR),
            memo_hash: memo.hash(),
        };
        change(&mut terms);
        let given = SignedOpening::sign(Opening::new(terms), &self.bank);
        let certificate = self.vendor_folder().join(tls::CERTIFICATE_FILE);
        let vendor = VendorLink { url: format!("https://{}", self.address), certificate };
        Facts { given, memo, vendor }
    }

    /// A channel of `count` units, open on the ledger and in the wallet.
    pub(crate) async fn channel(&self, count: u32) -> (Wallet, ChannelId) {
        let wallet = self.wallet().await;
        let channel = wallet.remember(&self.facts(count, |_| {})).await.unwrap();
        wallet.submit_open(channel).await.unwrap();
        (wallet, channel)
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap()
}

pub(crate) fn order(count: u32) -> Order {
    Order { count, units: Units::from_count(1), memo: Memo::default(), pace: Pace::Unbounded }
}

/// The number of payments in a run that went through.
pub(crate) fn all(outcome: PayOutcome) -> u32 {
    match outcome {
        PayOutcome::All(paid) => paid.payments,
        PayOutcome::VendorCloses(_) => panic!("the vendor closes"),
    }
}

/// Polls a condition until it holds; fails the test after ten seconds.
pub(crate) async fn eventually<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(Instant::now() < deadline, "the condition did not come true in ten seconds");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
