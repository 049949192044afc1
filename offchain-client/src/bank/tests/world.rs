//! A bank with accounts, and everything that can happen to a channel.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lockstep_protocol::account::{AccountProof, ProvenAccount};
use lockstep_protocol::amount::Amount;
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::hash::{
    Challenge, ChannelId, EvidenceHash, IdentityRoot, LedgerId, MemoHash, Nonce, ShortText, TxHash,
};
use lockstep_protocol::key::SecretKey;
use lockstep_protocol::ledger::{
    BankRegistration, Cancel, CloseByRelease, CloseByToken, Freeze, FreezeReason, Open, Refund, RegisterBank,
    Resolve,
};
use lockstep_protocol::lock::Lock;
use lockstep_protocol::opening::{OpeningRequest, SignedOpening, SignedRequest};
use lockstep_protocol::payment::PaymentFields;
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::rules::{self, Clocks, Outcome, Submitter};
use lockstep_protocol::time::{MaxDrift, Timestamp};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::units::{PaymentNumber, Units};
use lockstep_protocol::wallet_seed::WalletSeed;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::ledger::TestLedger;
use crate::bank::books::{Account, Books, Direction, Transfer, TransferError, Transferred};
use crate::bank::config::sqlite_url;
use crate::bank::log::BankLog;
use crate::bank::opening::OpeningError;
use crate::bank::{Bank, Settings};
use crate::ledger::LedgerEvent;
use crate::party::Clock;

/// The client and the vendor of a world with both.
pub(super) const CLIENT: u8 = 1;
pub(super) const VENDOR: u8 = 2;
pub(super) const START: u64 = 1_760_000_000_000;
pub(super) const DRIFT: MaxDrift = MaxDrift::DEFAULT;
const LIFE: Duration = Duration::from_secs(3600);

pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) bank: Arc<Bank>,
    pub(super) ledger: Arc<TestLedger>,
    registration: BankRegistration,
    url: String,
    clock: Arc<AtomicU64>,
    /// How often a copy of the books was put into place.
    restored: u32,
}

/// A copy of the books, whole whatever their connections do meanwhile.
#[derive(Clone)]
pub(super) struct Backup(Vec<u8>);

/// A channel whose opening the bank has granted.
pub(super) struct Granted {
    pub(super) opening: SignedOpening,
    pub(super) request: SignedRequest,
    payment_key: SecretKey,
    chain: TokenChain,
    vendor: u8,
}

impl Granted {
    pub(super) fn id(&self) -> ChannelId {
        self.opening.opening().channel_id()
    }
}

pub(super) fn secret(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).unwrap()
}

pub(super) fn bank_secret() -> SecretKey {
    secret(0xbb)
}

pub(super) fn ledger_id() -> LedgerId {
    LedgerId::of(&ShortText::new("payments").unwrap(), &ShortText::new("lockstep").unwrap())
}

pub(super) fn proven(number: u8) -> ProvenAccount {
    let (key, challenge) = (secret(number), Challenge::from_bytes([1; 32]));
    let bank = *bank_secret().public_key();
    AccountProof::sign(&key, &bank, &challenge).verify(&bank, &challenge).unwrap()
}

pub(super) fn time(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(millis).unwrap()
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap()
}

fn at(transaction: Timestamp) -> Clocks {
    Clocks { transaction, endorser: transaction }
}

impl World {
    /// On PostgreSQL where `LOCKSTEP_TEST_POSTGRES` names a database, in a schema of its own; else on SQLite.
    pub(super) async fn new() -> Self {
        let Ok(server) = std::env::var("LOCKSTEP_TEST_POSTGRES") else { return Self::on_file().await };
        let folder = tempfile::tempdir().unwrap();
        let schema = format!("test_{}", hex::encode(folder.path().file_name().unwrap().as_encoded_bytes()));
        sqlx::any::install_default_drivers();
        let mut connection = sqlx::AnyConnection::connect(&server).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
        sqlx::query(create).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        // The bank sets what it needs itself, whatever the server's own setting is.
        let url = format!("{server}?options[search_path]={schema}&options[synchronous_commit]=off");
        Self::with_database(folder, url).await
    }

    /// On SQLite, for tests that copy the books' file.
    pub(super) async fn on_file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = sqlite_url(&folder.path().join("books.db"));
        Self::with_database(folder, url).await
    }

    /// With a client that has paid in so much, its identity, and a vendor.
    pub(super) async fn with_parties(self, micros: u64) -> (Self, IdentityRoot) {
        let identity = self.join(CLIENT).await;
        self.join(VENDOR).await;
        self.deposit(CLIENT, micros, "cash").await;
        (self, identity)
    }

    /// A channel of ten units at 100, open on the ledger and in the books.
    pub(super) async fn opened(&self, identity: IdentityRoot, serial: u8) -> Granted {
        let granted = self.grant((CLIENT, identity), VENDOR, (10, 100), serial).await.unwrap();
        self.see(&self.open(&granted).unwrap().unwrap()).await;
        granted
    }

    async fn with_database(folder: TempDir, url: String) -> Self {
        let clock = Arc::new(AtomicU64::new(START));
        let bank = Arc::new(open_bank(&folder, &url, &clock).await);
        let msp = ShortText::new("BankMSP").unwrap();
        let submitter = Submitter { msp_id: msp.clone(), is_admin: true };
        let command = RegisterBank::sign(&ledger_id(), msp, DRIFT, &bank_secret());
        let registered = rules::register_bank(None, &command, &submitter, &ledger_id(), at(time(START)));
        let Ok(Outcome::Changed(registration)) = registered else { panic!("{registered:?}") };
        let ledger = Arc::new(TestLedger::new(ledger_id(), registration.clone(), Arc::clone(&clock)));
        Self { folder, bank, ledger, registration, url, clock, restored: 0 }
    }

    /// Closes the bank as a kill would, and starts it again from its files.
    pub(super) async fn restart(&mut self) -> u64 {
        self.bank.books().close().await;
        self.bank = Arc::new(open_bank(&self.folder, &self.url, &self.clock).await);
        self.bank.reconcile().await.unwrap().openings
    }

    /// A copy of the books as they are. Unlike one by `bank backup` it does not know that it is one.
    pub(super) async fn backup(&self) -> Backup {
        let copy = tempfile::tempdir().unwrap();
        let file = copy.path().join("books.db");
        let mut books = SqliteConnection::connect(&self.url).await.unwrap();
        let vacuum = sqlx::query("VACUUM INTO $1").bind(file.to_str().unwrap());
        vacuum.execute(&mut books).await.unwrap();
        books.close().await.unwrap();
        Backup(std::fs::read(file).unwrap())
    }

    /// Puts a copy of the books into place, and starts the bank; how many openings came back from the log.
    pub(super) async fn restore(&mut self, backup: &Backup, keep_log: bool) -> u64 {
        if !keep_log {
            std::fs::remove_file(self.log_file()).unwrap();
        }
        self.restore_rewriting(backup, !keep_log).await
    }

    /// As [`World::restore`] with the log as it is; with `rewrite` as with --rewrite-log: it is not what it was.
    pub(super) async fn restore_rewriting(&mut self, backup: &Backup, rewrite: bool) -> u64 {
        self.put_back(backup).await;
        if rewrite {
            let books = Books::connect(&self.url).await.unwrap();
            books.forget_log().await.unwrap();
            books.close().await;
        }
        self.restart().await
    }

    /// Puts a copy of the books into place; the bank is stopped. The file is another one: nothing that was left beside the books
    /// before, or still has them open, meets the copy.
    pub(super) async fn put_back(&mut self, backup: &Backup) {
        self.bank.books().close().await;
        self.restored += 1;
        let file = self.folder.path().join(format!("books-{}.db", self.restored));
        std::fs::write(&file, &backup.0).unwrap();
        self.url = sqlite_url(&file);
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.folder.path().join("openings.jsonl")
    }

    pub(super) fn now(&self) -> Timestamp {
        time(self.clock.load(Ordering::SeqCst))
    }

    pub(super) fn set_time(&self, to: Timestamp) {
        self.clock.store(to.as_unix_millis(), Ordering::SeqCst);
    }

    /// An account with a credential; its identity.
    pub(super) async fn join(&self, number: u8) -> IdentityRoot {
        self.bank.books().open_account(proven(number).key(), self.now()).await.unwrap();
        let issued = self.bank.issue_credential(&proven(number), None).await.unwrap();
        *issued.credential.root()
    }

    pub(super) async fn deposit(&self, number: u8, micros: u64, reference: &str) {
        self.transfer(number, Direction::Deposit, micros, reference).await.unwrap();
    }

    pub(super) async fn transfer(
        &self,
        number: u8,
        direction: Direction,
        micros: u64,
        reference: &str,
    ) -> Result<Transferred, TransferError> {
        let key = *secret(number).public_key();
        let transfer = Transfer { key: &key, direction, amount: Amount::from_micros(micros), reference };
        self.bank.books().transfer(transfer, self.now()).await
    }

    pub(super) async fn account(&self, number: u8) -> Account {
        self.bank.books().account(secret(number).public_key()).await.unwrap().unwrap()
    }

    /// What a client sends for `units` at `price`, under its `serial`-th nonce.
    pub(super) fn request(
        &self,
        (client, identity): (u8, IdentityRoot),
        vendor: u8,
        (units, price): (u32, u64),
        serial: u8,
    ) -> (SignedRequest, SecretKey, TokenChain) {
        let (nonce, seed) = (Nonce::from_bytes([serial; 32]), WalletSeed::from_bytes([client; 32]));
        let payment_key = seed.payment_key(&nonce);
        let units = Units::from_count(units);
        // A chain needs a unit at least; what the bank is asked for may be out of range.
        let length = if units == Units::ZERO { Units::from_count(1) } else { units };
        let chain = TokenChain::new(nonce, &seed.chain_seed(&nonce), length).unwrap();
        let request = OpeningRequest {
            ledger: ledger_id(),
            nonce,
            bank_key: *bank_secret().public_key(),
            account_key: *secret(client).public_key(),
            payment_key: *payment_key.public_key(),
            vendor_key: *secret(vendor).public_key(),
            client_identity: identity,
            unit_price: Amount::from_micros(price),
            token_count: units,
            token_root: chain.root(),
            open_by: later(self.now(), Duration::from_secs(60)),
            expiry: later(self.now(), LIFE),
            memo_hash: MemoHash::from_bytes([3; 32]),
        };
        (SignedRequest::sign(request, &secret(client), &payment_key), payment_key, chain)
    }

    pub(super) async fn grant(
        &self,
        client: (u8, IdentityRoot),
        vendor: u8,
        terms: (u32, u64),
        serial: u8,
    ) -> Result<Granted, OpeningError> {
        let (request, payment_key, chain) = self.request(client, vendor, terms, serial);
        let opening = self.bank.grant(&proven(client.0), request.clone()).await?;
        Ok(Granted { opening, request, payment_key, chain, vendor })
    }

    /// The same channel's keys with another opening that the bank gave for the same request.
    pub(super) fn again(&self, granted: &Granted, opening: SignedOpening) -> Granted {
        let request = granted.request.request();
        let (client, vendor) = ([1, 2, 3, 4].into_iter(), granted.vendor);
        let client = client.map(|number| WalletSeed::from_bytes([number; 32]));
        let mut keys = client.map(|seed| (seed.payment_key(&request.nonce), seed.chain_seed(&request.nonce)));
        let (payment_key, seed) = keys.find(|(key, _)| *key.public_key() == request.payment_key).unwrap();
        let chain = TokenChain::new(request.nonce, &seed, request.token_count).unwrap();
        Granted { opening, request: granted.request.clone(), payment_key, chain, vendor }
    }

    /// The client submits the opening.
    pub(super) fn open(&self, granted: &Granted) -> Result<Option<LedgerEvent>, Refusal> {
        let clocks = at(granted.opening.opening().terms().opened);
        let (stored, command) = (self.ledger.record(granted.id()), Open::new(granted.opening.clone()));
        self.ledger.commit(rules::open(
            Some(&self.registration),
            stored,
            self.ledger.opened_by(&granted.opening.opening().terms().client_key),
            &command,
            &ledger_id(),
            clocks,
        ))
    }

    /// Anybody cancels an opening that is too late.
    pub(super) fn cancel(&self, granted: &Granted) -> Result<Option<LedgerEvent>, Refusal> {
        let clocks = at(later(granted.opening.opening().terms().open_by, DRIFT.as_duration() * 2));
        let (stored, command) = (self.ledger.record(granted.id()), Cancel::new(granted.opening.clone()));
        self.ledger.commit(rules::cancel(Some(&self.registration), stored, &command, &ledger_id(), clocks))
    }

    /// The vendor closes with the release of a last payment that brings the units to `released`.
    pub(super) fn close_by_release(
        &self,
        granted: &Granted,
        released: u32,
    ) -> Result<Option<LedgerEvent>, Refusal> {
        let single = released == 1;
        let fields = PaymentFields {
            channel: granted.id(),
            previous: if single { granted.id().as_tx() } else { TxHash::from_bytes([8; 32]) },
            number: PaymentNumber::from_index(if single { 1 } else { 2 }),
            units: Units::from_count(1),
            released: Units::from_count(released),
            token: granted.opening.opening().terms().token_root,
            ts: self.now(),
            memo_hash: MemoHash::from_bytes([4; 32]),
            previous_lock: Lock::from_bytes([if single { 0 } else { 1 }; 64]),
        };
        let signature = granted.payment_key.sign(&fields.tx().as_digest());
        let command = CloseByRelease::sign(fields, signature, &secret(granted.vendor));
        let stored = self.ledger.record(granted.id());
        self.ledger.commit(rules::close_by_release(stored, &command, self.at_opening(granted)))
    }

    /// The vendor closes, or claims, with a token.
    pub(super) fn close_by_token(
        &self,
        granted: &mut Granted,
        units: u32,
    ) -> Result<Option<LedgerEvent>, Refusal> {
        let units = Units::from_count(units);
        let token = granted.chain.token(units).map_err(|_| Refusal::UnitsOutOfRange)?;
        let command = CloseByToken::sign(granted.id(), units, token, &secret(granted.vendor));
        let stored = self.ledger.record(granted.id());
        let frozen = stored.as_ref().is_some_and(|record| record.freeze().is_some());
        let clocks = if frozen { at(self.now()) } else { self.at_opening(granted) };
        self.ledger.commit(rules::close_by_token(stored, &command, clocks))
    }

    pub(super) fn refund(&self, granted: &Granted) -> Result<Option<LedgerEvent>, Refusal> {
        let stored = self.ledger.record(granted.id());
        self.ledger.commit(rules::refund(stored, &Refund::new(granted.id()), self.expired(granted)))
    }

    pub(super) fn freeze(&self, granted: &Granted) -> Result<Option<LedgerEvent>, Refusal> {
        let evidence = EvidenceHash::from_bytes([5; 32]);
        let command = Freeze::sign(granted.id(), FreezeReason::CourtOrder, evidence, &bank_secret());
        let stored = self.ledger.record(granted.id());
        self.ledger.commit(rules::freeze(stored, &command, self.at_opening(granted)))
    }

    pub(super) fn resolve(&self, granted: &Granted, units: u32) -> Result<Option<LedgerEvent>, Refusal> {
        let command = Resolve::sign(granted.id(), Units::from_count(units), &bank_secret());
        let stored = self.ledger.record(granted.id());
        self.ledger.commit(rules::resolve(stored, &command, self.expired(granted)))
    }

    /// Two payments of which the second names a lock on the first that is honest, or is not.
    pub(super) fn two_payments(&self, granted: &Granted, honest: bool) -> FraudProof {
        let sign = |fields: &PaymentFields| granted.payment_key.sign(&fields.tx().as_digest());
        let earlier = PaymentFields {
            channel: granted.id(),
            previous: granted.id().as_tx(),
            number: PaymentNumber::FIRST,
            units: Units::from_count(1),
            released: Units::from_count(1),
            token: granted.opening.opening().terms().token_root,
            ts: self.now(),
            memo_hash: MemoHash::from_bytes([4; 32]),
            previous_lock: Lock::from_bytes([0; 64]),
        };
        let earlier_signature = sign(&earlier);
        let lock = Lock::seal(granted.opening.bank_signature(), &earlier_signature);
        let later = PaymentFields {
            previous: earlier.tx(),
            number: PaymentNumber::from_index(2),
            released: Units::from_count(2),
            previous_lock: if honest { lock } else { Lock::from_bytes([1; 64]) },
            ..earlier
        };
        FraudProof { later_signature: sign(&later), later, earlier, earlier_signature }
    }

    /// The bank does what is due, and sees what comes of it until nothing is due any more; how many events came.
    pub(super) async fn keep(&self) -> usize {
        let before = self.ledger.history().len();
        let mut seen = before;
        loop {
            self.bank.keep_all(self.ledger.as_ref()).await.unwrap();
            let events = self.ledger.history();
            if events.len() == seen {
                return seen - before;
            }
            for event in &events[seen..] {
                self.see(event).await;
            }
            seen = events.len();
        }
    }

    /// Sets the clock to 2D after a time, less so many milliseconds.
    pub(super) fn set_two_drifts_after(&self, limit: Timestamp, less: u64) {
        let due = later(limit, DRIFT.as_duration() * 2).as_unix_millis();
        self.set_time(time(due - less));
    }

    fn at_opening(&self, granted: &Granted) -> Clocks {
        at(granted.opening.opening().terms().opened)
    }

    pub(super) fn expired(&self, granted: &Granted) -> Clocks {
        at(later(granted.opening.opening().terms().expiry, DRIFT.as_duration() * 2))
    }

    /// The bank sees an event, at the time at which it happens.
    pub(super) async fn see(&self, event: &LedgerEvent) -> crate::bank::books::Applied {
        self.bank.settle(self.ledger.as_ref(), event).await.unwrap()
    }
}

async fn open_bank(folder: &TempDir, url: &str, clock: &Arc<AtomicU64>) -> Bank {
    let books = Books::connect(url).await.unwrap();
    books.claim(bank_secret().public_key(), &ledger_id()).await.unwrap();
    let log = BankLog::open(&folder.path().join("openings.jsonl")).unwrap();
    let settings = Settings {
        organization: ShortText::new("BankMSP").unwrap(),
        max_drift: DRIFT,
        max_life: LIFE * 2,
        credential_life: LIFE * 24,
    };
    let clock = Arc::clone(clock);
    let clock = Clock::new(move || time(clock.load(Ordering::SeqCst)));
    Bank::new(bank_secret(), ledger_id(), settings, books, log, clock).unwrap()
}
