//! The phases over TLS with every store durable: wallet, vendor and bank as they run in their daemons, in one process, over loopback.
//! The ledger alone is in memory: it has measurements of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lockstep::bank::books::{Books, Direction, Transfer};
use lockstep::bank::client::BankClient;
use lockstep::bank::config::sqlite_url;
use lockstep::bank::log::BankLog;
use lockstep::bank::{Bank, Settings, http};
use lockstep::home::Home;
use lockstep::ledger::Ledger;
use lockstep::party::{Clock, replay};
use lockstep::store::{Change, Journal, NewChannel, Phase, SqliteJournal};
use lockstep::stream::BatchBounds;
use lockstep::tls::{self, ServerIdentity};
use lockstep::vendor::{PROOF_WAIT, Presence, Vendor};
use lockstep::wallet::{Asked, Order, Pace, PayOutcome, PaymentsConfig, VendorLink, Wallet};
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::RegisterBank;
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::payment::{Ack, Batch, Head, Payment};
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{Amount, MaxDrift, Memo, SecretKey, ShortText, Units};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::{BenchError, Step as _};
use crate::in_process;
use crate::ledger::MemoryLedger;
use crate::link::{Meter, Tls, listen};
use crate::relay::Relay;
use crate::results::PhaseRow;
use crate::samples::Cell;
use crate::scene::Scene;

/// The mode's name in the results.
pub(crate) const MODE: &str = "tls";

/// More dollars than all channels of a run reserve.
const DEPOSIT: Amount = Amount::from_micros(1_000_000_000_000_000);

/// Measures one cell in a world of its own.
pub(crate) async fn measure(count: u32, amount: u32, runs: u32) -> Result<Vec<PhaseRow>, BenchError> {
    let world = World::new().await?;
    let mut cell = Cell::default();
    for _ in 0..runs {
        let (channel, given) = world.setup(count * amount, &mut cell).await?;
        world.transaction(channel, (count, amount), &mut cell).await?;
        world.release(channel, count, &mut cell).await?;
        world.parts(&given, (count, amount), &mut cell).await?;
    }
    world.bytes(&mut cell, count * amount).await?;
    Ok(cell.rows(MODE, count, amount))
}

/// The three parties, serving.
struct World {
    folder: TempDir,
    scene: Scene,
    client: BankClient,
    bank_port: u16,
    vendor_port: u16,
    wallet: Wallet,
    /// Stops the daemons.
    _stop: DropGuard,
}

impl World {
    async fn new() -> Result<Self, BenchError> {
        let folder = TempDir::new().step("a folder")?;
        let mut scene = Scene::new()?;
        let ledger = Arc::new(MemoryLedger::new(scene.ledger));
        let msp_id = ShortText::new("BankMSP").step("a name")?;
        let register = RegisterBank::sign(&scene.ledger, msp_id, MaxDrift::DEFAULT, &scene.bank);
        ledger.register_bank(&register).await.step("RegisterBank")?;
        let stop = CancellationToken::new();
        let bank_port =
            serve_bank(&folder, &scene, Arc::<MemoryLedger>::clone(&ledger), stop.clone()).await?;
        let certificate = folder.path().join("bank").join(tls::CERTIFICATE_FILE);
        let client =
            BankClient::new(&at(bank_port), &certificate, *scene.bank.public_key()).step("the bank")?;
        for key in [&scene.account, &scene.vendor] {
            client.open_account(key).await.step("an account")?;
            let issued = client.credential(key, None).await.step("a credential")?;
            if key.public_key() == scene.account.public_key() {
                scene.client_identity = *issued.credential.root();
            }
        }
        deposit(&folder, &scene).await?;
        let vendor_port =
            serve_vendor(&folder, &scene, Arc::<MemoryLedger>::clone(&ledger), stop.clone()).await?;
        let home = folder.path().join("wallet");
        std::fs::create_dir_all(&home).step("a folder")?;
        let journal = SqliteJournal::open(&home.join("journal.db")).await.step("the wallet's journal")?;
        let seed = WalletSeed::from_bytes(scene.seed_bytes);
        let payments = PaymentsConfig::DEFAULT;
        let wallet = Wallet::new(Arc::new(journal), ledger, seed, payments, Clock::system(), home);
        Ok(Self { folder, scene, client, bank_port, vendor_port, wallet, _stop: stop.drop_guard() })
    }

    /// From the client's keys to an opening that the bank has booked and logged, and that stands in the wallet's journal.
    async fn setup(&self, units: u32, cell: &mut Cell) -> Result<(ChannelId, SignedOpening), BenchError> {
        let nonce = Scene::fresh_nonce()?;
        let began = Instant::now();
        let keys = self.scene.keys(nonce, units)?;
        let have_keys = Instant::now();
        let channel = self.ask(&self.client, &keys).await?;
        let ended = Instant::now();
        cell.add("setup", ended - began);
        cell.add("setup_keys_and_chain", have_keys - began);
        cell.add("setup_without_keys", ended - have_keys);
        let opened = self.wallet.submit_open(channel).await.step("Open")?;
        Ok((channel, opened.record.signed_opening().clone()))
    }

    async fn ask(
        &self,
        client: &BankClient,
        keys: &crate::scene::ChannelKeys,
    ) -> Result<ChannelId, BenchError> {
        let asked = Asked {
            signed: self.scene.request(keys)?,
            vendor: VendorLink {
                url: at(self.vendor_port),
                certificate: self.folder.path().join("vendor").join(tls::CERTIFICATE_FILE),
            },
            memo: Memo::default(),
        };
        let account = &self.scene.account;
        let request = async |signed: &_| client.request_opening(account, signed, MaxDrift::DEFAULT).await;
        self.wallet.request(asked, request).await.step("the opening")
    }

    async fn transaction(
        &self,
        channel: ChannelId,
        (count, amount): (u32, u32),
        cell: &mut Cell,
    ) -> Result<(), BenchError> {
        let order =
            Order { count, units: Units::from_count(amount), memo: Memo::default(), pace: Pace::Unbounded };
        let PayOutcome::All(paid) = self.wallet.pay(channel, order, |_| {}).await.step("paying")? else {
            return Err(BenchError::WrongResult("paying over TLS"));
        };
        if paid.payments != count {
            return Err(BenchError::WrongResult("paying over TLS"));
        }
        cell.add("transaction", paid.elapsed);
        cell.bytes(
            "transaction",
            usize::try_from(paid.bytes_sent + paid.bytes_received).unwrap_or(usize::MAX),
        );
        Ok(())
    }

    async fn release(&self, channel: ChannelId, count: u32, cell: &mut Cell) -> Result<(), BenchError> {
        let began = Instant::now();
        let released = self.wallet.release(channel).await.step("releasing")?;
        cell.add("release_settled", began.elapsed());
        cell.add("release", released.release);
        cell.add("release_verified", Duration::from_micros(released.unlocked.micros));
        if released.unlocked.receipts == count {
            Ok(())
        } else {
            Err(BenchError::WrongResult("releasing over TLS"))
        }
    }

    /// Storing and sending alone: the same batches, one after another.
    async fn parts(
        &self,
        given: &SignedOpening,
        (count, amount): (u32, u32),
        cell: &mut Cell,
    ) -> Result<(), BenchError> {
        let record = self.scene.open(given).step("Open")?;
        let mut paying = in_process::paying(&self.scene, given, &record)?;
        let now = crate::scene::now();
        let pay = |_| paying.pay(Units::from_count(amount), Memo::default(), now).step("a payment");
        let payments = (0..count).map(pay).collect::<Result<Vec<_>, _>>()?;
        let size = usize::try_from(PaymentsConfig::DEFAULT.batch).unwrap_or(1);
        let batches: Vec<&[Payment]> = payments.chunks(size).collect();
        cell.add("transaction_storing", store(given, &batches).await?);
        cell.add("transaction_sending", send(&batches).await?);
        Ok(())
    }

    /// What setup and release send, seen by a relay, in runs that are not timed. A connection's handshake is among it.
    async fn bytes(&self, cell: &mut Cell, units: u32) -> Result<(), BenchError> {
        let before_bank = Relay::before(self.bank_port).await.step("a relay")?;
        let certificate = self.folder.path().join("bank").join(tls::CERTIFICATE_FILE);
        let bank_key = *self.scene.bank.public_key();
        let client = BankClient::new(&at(before_bank.port()), &certificate, bank_key).step("the bank")?;
        let keys = self.scene.keys(Scene::fresh_nonce()?, units)?;
        let channel = self.ask(&client, &keys).await?;
        let setup = usize::try_from(before_bank.bytes()).unwrap_or(usize::MAX);
        cell.bytes("setup", setup);
        cell.bytes("setup_without_keys", setup);
        self.wallet.submit_open(channel).await.step("Open")?;
        let order =
            Order { count: 1, units: Units::from_count(1), memo: Memo::default(), pace: Pace::Unbounded };
        self.wallet.pay(channel, order, |_| {}).await.step("paying")?;
        let before_vendor = Relay::before(self.vendor_port).await.step("a relay")?;
        let elsewhere = self.wallet.clone().with_vendor_at(Some(at(before_vendor.port())));
        elsewhere.release(channel).await.step("releasing")?;
        let release = usize::try_from(before_vendor.bytes()).unwrap_or(usize::MAX);
        for phase in ["release", "release_settled"] {
            cell.bytes(phase, release);
        }
        Ok(())
    }
}

fn at(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}

/// A secret key for one of the daemons.
fn copy(key: &SecretKey) -> Result<SecretKey, BenchError> {
    SecretKey::from_bytes(&key.dangerous_to_bytes()).step("a key")
}

/// A home folder with a TLS certificate.
fn home(folder: &TempDir, name: &str) -> Result<(Home, ServerIdentity), BenchError> {
    let home = Home::create(&folder.path().join(name)).step("a folder")?;
    tls::create(&home, name, &[], None).step("a certificate")?;
    home.write_config("").step("a folder")?;
    let identity = ServerIdentity::load(&home, None).step("a certificate")?;
    Ok((home, identity))
}

fn books_url(folder: &TempDir) -> String {
    sqlite_url(&folder.path().join("bank").join("books.db"))
}

async fn serve_bank(
    folder: &TempDir,
    scene: &Scene,
    ledger: Arc<dyn Ledger>,
    stop: CancellationToken,
) -> Result<u16, BenchError> {
    let (home, identity) = home(folder, "bank")?;
    let books = Books::connect(&books_url(folder)).await.step("the bank's books")?;
    books.claim(scene.bank.public_key(), &scene.ledger).await.step("the bank's books")?;
    let log = BankLog::open(&home.path("openings.jsonl")).step("the bank's log")?;
    let settings = Settings {
        organization: ShortText::new("BankMSP").step("a name")?,
        max_drift: MaxDrift::DEFAULT,
        max_life: Duration::from_secs(7 * 24 * 3600),
        credential_life: Duration::from_secs(24 * 3600),
    };
    let bank = Bank::new(copy(&scene.bank)?, scene.ledger, settings, books, log, Clock::system())
        .step("the bank")?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.step("a port")?;
    let port = listener.local_addr().step("a port")?.port();
    let config = identity.server_config(tls::ALPN_HTTP).step("a certificate")?;
    tokio::spawn(http::serve(Arc::new(bank), ledger, listener, config, stop.cancelled_owned()));
    Ok(port)
}

async fn deposit(folder: &TempDir, scene: &Scene) -> Result<(), BenchError> {
    let books = Books::connect(&books_url(folder)).await.step("the bank's books")?;
    let key = scene.account.public_key();
    let transfer = Transfer { key, direction: Direction::Deposit, amount: DEPOSIT, reference: "the first" };
    books.transfer(transfer, crate::scene::now()).await.step("a deposit")?;
    books.close().await;
    Ok(())
}

async fn serve_vendor(
    folder: &TempDir,
    scene: &Scene,
    ledger: Arc<dyn Ledger>,
    stop: CancellationToken,
) -> Result<u16, BenchError> {
    let (home, identity) = home(folder, "vendor")?;
    let journal = SqliteJournal::open(&home.path("journal.db")).await.step("the vendor's journal")?;
    let presence = Presence {
        organization: "VendorMSP".to_owned(),
        batch: BatchBounds::DEFAULT,
        streams: 4,
        proof_wait: PROOF_WAIT,
    };
    let key = copy(&scene.vendor)?;
    let vendor = Vendor::new(Arc::new(journal), ledger, key, scene.terms(), presence, Clock::system());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.step("a port")?;
    let port = listener.local_addr().step("a port")?.port();
    let config = identity.server_config(tls::ALPN_GRPC).step("a certificate")?;
    tokio::spawn(vendor.serve(listener, config, stop));
    Ok(port)
}

/// Saves batches one after another in a journal of their own, each flushed before the next.
async fn store(given: &SignedOpening, batches: &[&[Payment]]) -> Result<Duration, BenchError> {
    let folder = TempDir::new().step("a folder")?;
    let file: PathBuf = folder.path().join("journal.db");
    let journal = SqliteJournal::open(&file).await.step("a journal")?;
    let mut head = Head::start(given.opening());
    let new = NewChannel {
        channel: head.channel(),
        phase: Phase::Open,
        head: replay::encode_state(head),
        facts: "{}".to_owned(),
    };
    journal.save(Change::Create(new)).await.step("a journal")?;
    let mut rows = Vec::new();
    for payments in batches {
        let (Some(batch), Some(last)) = (Batch::of(payments), payments.last()) else { continue };
        let after = Head::after(last);
        rows.push(replay::row(head, after, batch.encode(), batch.first));
        head = after;
    }
    let began = Instant::now();
    for row in rows {
        journal.save(Change::Append(row)).await.step("a journal")?;
    }
    Ok(began.elapsed())
}

/// Sends batches one after another over TLS, each answered by an acknowledgement's 40 bytes.
async fn send(batches: &[&[Payment]]) -> Result<Duration, BenchError> {
    let folder = TempDir::new().step("a folder")?;
    let tls = Arc::new(Tls::new(folder.path())?);
    let (listener, port) = listen().await.step("a port")?;
    let server = Arc::clone(&tls);
    let answering = tokio::spawn(async move {
        let mut link = server.accept(&listener).await?;
        while link.receive().await.is_ok() {
            link.send(&[0; Ack::ENCODED_BYTES]).await?;
        }
        Ok::<_, std::io::Error>(())
    });
    let mut link = tls.connect(port, &Meter::default()).await.step("a connection")?;
    let batches: Vec<Vec<u8>> =
        batches.iter().filter_map(|payments| Batch::of(payments)).map(|batch| batch.encode()).collect();
    let began = Instant::now();
    for batch in &batches {
        link.ask(batch).await.step("sending")?;
    }
    let took = began.elapsed();
    drop(link);
    answering.await.step("sending")?.step("sending")?;
    Ok(took)
}
