//! A channel registered for, opened, closed and followed on the network that `LOCKSTEP_LEDGER_PROFILE` names.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::{StreamExt as _, future, stream};
use lockstep::ledger::fabric::{Caller, FabricLedger};
use lockstep::ledger::profile::Profile;
use lockstep::ledger::{
    EventCheckpoint, EventStart, Ledger, LedgerError, LedgerEvent, LedgerEvents, PageRequest, Party, Timing,
};
use lockstep_protocol::hash::{IdentityRoot, MemoHash, Nonce, ShortText, Token};
use lockstep_protocol::ledger::{ChannelState, CloseByRelease, Open, RegisterBank};
use lockstep_protocol::lock::Lock;
use lockstep_protocol::opening::{Opening, OpeningTerms, SignedOpening};
use lockstep_protocol::payment::PaymentFields;
use lockstep_protocol::{
    Amount, ChannelId, LedgerId, MaxDrift, PaymentNumber, Refusal, Reputation, SecretKey, Timestamp, Units,
};

/// No event is waited for longer than this.
const DEADLINE: Duration = Duration::from_secs(60);
/// How many channels are opened and closed at once.
const CROWD: usize = 200;

/// The three organisations' ledgers, and keys that no run before has used.
struct World {
    admin: FabricLedger,
    client: FabricLedger,
    vendor: FabricLedger,
    bank_key: SecretKey,
    vendor_key: SecretKey,
}

/// A channel before it is opened.
struct Channel {
    client_key: SecretKey,
    open: Open,
}

impl World {
    fn new(profile: &Path) -> Self {
        let profile = Profile::read(profile).unwrap();
        let connect = |msp_id, caller| FabricLedger::connect(&profile, msp_id, caller).unwrap();
        Self {
            admin: connect("BankMSP", Caller::Admin),
            client: connect("ClientMSP", Caller::User),
            vendor: connect("VendorMSP", Caller::User),
            bank_key: fresh_key(),
            vendor_key: fresh_key(),
        }
    }

    fn registration(&self, ledger: &LedgerId) -> RegisterBank {
        let msp_id = ShortText::new("BankMSP").unwrap();
        RegisterBank::sign(ledger, msp_id, MaxDrift::DEFAULT, &self.bank_key)
    }

    fn channel(&self) -> Channel {
        let client_key = fresh_key();
        let now = now();
        let terms = OpeningTerms {
            ledger: self.client.ledger_id(),
            nonce: Nonce::from_bytes(fresh()),
            bank_key: *self.bank_key.public_key(),
            client_key: *client_key.public_key(),
            vendor_key: *self.vendor_key.public_key(),
            client_identity: IdentityRoot::from_bytes([4; 32]),
            vendor_identity: IdentityRoot::from_bytes([5; 32]),
            total: Amount::from_micros(1_000_000),
            unit_price: Amount::from_micros(10_000),
            token_count: Units::from_count(100),
            token_root: Token::from_bytes([6; 32]),
            client_reputation: Reputation::from_points(100),
            vendor_reputation: Reputation::from_points(100),
            opened: now,
            open_by: now.checked_add(Duration::from_secs(600)).unwrap(),
            expiry: now.checked_add(Duration::from_secs(7200)).unwrap(),
            memo_hash: MemoHash::from_bytes([7; 32]),
        };
        let open = Open::new(SignedOpening::sign(Opening::new(terms), &self.bank_key));
        Channel { client_key, open }
    }

    /// The close of a channel after one payment of three units.
    fn close(&self, channel: &Channel) -> CloseByRelease {
        let id = channel.open.channel_id();
        let fields = PaymentFields {
            channel: id,
            previous: id.as_tx(),
            number: PaymentNumber::FIRST,
            units: Units::from_count(3),
            released: Units::from_count(3),
            token: Token::from_bytes([8; 32]),
            ts: now(),
            memo_hash: MemoHash::from_bytes([9; 32]),
            previous_lock: Lock::ZERO,
        };
        let signature = channel.client_key.sign(&fields.tx().as_digest());
        CloseByRelease::sign(fields, signature, &self.vendor_key)
    }
}

fn fresh() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn fresh_key() -> SecretKey {
    SecretKey::from_bytes(&fresh()).unwrap()
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_unix_millis(u64::try_from(since_1970.as_millis()).unwrap()).unwrap()
}

async fn next(events: &mut LedgerEvents) -> LedgerEvent {
    tokio::time::timeout(DEADLINE, events.next()).await.expect("an event in time").unwrap().unwrap()
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(answer: Result<T, LedgerError>, refusal: Refusal) {
    let error = answer.unwrap_err();
    assert_eq!(error.refusal(), Some(&refusal), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_from_registration_to_close() {
    let Ok(profile) = std::env::var("LOCKSTEP_LEDGER_PROFILE") else {
        eprintln!("skipped: LOCKSTEP_LEDGER_PROFILE does not name the profile of a network");
        return;
    };
    let world = World::new(Path::new(&profile));
    world.client.wait_until_ready(DEADLINE).await.unwrap();
    let registered_at = registration(&world).await;
    let checkpoint = life_of_a_channel(&world, registered_at).await;
    a_crowd(&world, checkpoint).await;
    all_at_once(&world).await;
}

async fn registration(world: &World) -> u64 {
    let bank = world.bank_key.public_key();
    let command = world.registration(&world.admin.ledger_id());
    assert_eq!(world.vendor.bank(bank).await.unwrap(), None);
    assert_refused(world.client.register_bank(&command).await, Refusal::NotAdmin);
    assert_refused(world.client.open(&world.channel().open).await, Refusal::UnknownBank);

    let registered = world.admin.register_bank(&command).await.unwrap();
    eprintln!("RegisterBank: block {}, {:?}", registered.block, registered.timing);
    assert_eq!(registered.record.bank_key(), bank);
    assert_eq!(world.admin.bank(bank).await.unwrap().as_ref(), Some(&registered.record));
    let again = world.admin.register_bank(&command).await.unwrap();
    assert_eq!(again.record, registered.record);
    assert!(again.tx_id != registered.tx_id && again.block > registered.block);
    registered.block
}

async fn life_of_a_channel(world: &World, from: u64) -> EventCheckpoint {
    let channel = world.channel();
    let id = channel.open.channel_id();
    assert_eq!(world.client.channel(id).await.unwrap(), None);
    assert!(world.client.history(id).await.unwrap().is_empty());
    assert_refused(world.vendor.close_by_release(&world.close(&channel)).await, Refusal::UnknownChannel);

    let opened = world.client.open(&channel.open).await.unwrap();
    eprintln!("Open: block {}, {:?}", opened.block, opened.timing);
    assert_eq!(opened.record.state(), ChannelState::Open);
    let forged = SignedOpening::sign(world.channel().open.opening().clone(), &world.vendor_key);
    assert_refused(world.client.open(&Open::new(forged)).await, Refusal::BadBankSignature);
    let again = world.vendor.open(&channel.open).await.unwrap();
    assert_eq!(again.record, opened.record);

    let closed = world.vendor.close_by_release(&world.close(&channel)).await.unwrap();
    eprintln!("CloseByRelease: block {}, {:?}", closed.block, closed.timing);
    assert_eq!(closed.record.state(), ChannelState::Closed);
    assert_eq!(world.vendor.channel(id).await.unwrap().as_ref(), Some(&closed.record));

    let history = world.vendor.history(id).await.unwrap();
    let versions: Vec<_> = history.iter().map(|version| (&version.tx_id, version.record.as_ref())).collect();
    assert_eq!(versions, [(&opened.tx_id, Some(&opened.record)), (&closed.tx_id, Some(&closed.record))]);

    // From the beginning, and after the first of the two: neither is lost, none comes twice, and "again" announced nothing.
    let mut events = world.admin.events(EventStart::Block(from)).await.unwrap();
    let (first, second) = (next(&mut events).await, next(&mut events).await);
    assert_eq!(
        (first.name.as_str(), first.block, &first.tx_id),
        ("ChannelOpened", opened.block, &opened.tx_id)
    );
    assert_eq!(
        (second.name.as_str(), second.block, &second.tx_id),
        ("ChannelClosed", closed.block, &closed.tx_id)
    );
    let change = second.changes.first().unwrap();
    assert_eq!(
        (change.channel_id, change.to_vendor, change.to_client),
        (id, Amount::from_micros(30_000), Amount::from_micros(970_000))
    );
    let mut resumed = world.admin.events(EventStart::After(first.checkpoint())).await.unwrap();
    assert_eq!(next(&mut resumed).await, second);
    second.checkpoint()
}

async fn a_crowd(world: &World, checkpoint: EventCheckpoint) {
    let channels: Vec<Channel> = (0..CROWD).map(|_| world.channel()).collect();
    let started = Instant::now();
    let opens = channels.iter().map(|channel| world.client.open(&channel.open));
    let opened: Vec<_> = future::try_join_all(opens).await.unwrap();
    report("opens", &opened.iter().map(|submitted| submitted.timing).collect::<Vec<_>>(), started);

    let started = Instant::now();
    let closes: Vec<_> = channels.iter().map(|channel| world.close(channel)).collect();
    let closed =
        future::try_join_all(closes.iter().map(|close| world.vendor.close_by_release(close))).await.unwrap();
    report("closes", &closed.iter().map(|submitted| submitted.timing).collect::<Vec<_>>(), started);

    let mut events = world.vendor.events(EventStart::After(checkpoint)).await.unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 2 * CROWD {
        for change in next(&mut events).await.changes {
            assert!(seen.insert((change.channel_id, change.state)), "{change:?} came twice");
        }
    }
    assert_eq!(listed(world).await.len(), CROWD + 1);
}

/// One opening submitted by all three at the same time: whoever loses proposes again, and finds it done.
async fn all_at_once(world: &World) {
    let channel = world.channel();
    let submitters = [&world.admin, &world.client, &world.vendor, &world.client, &world.vendor];
    let opened = future::try_join_all(submitters.map(|ledger| ledger.open(&channel.open))).await.unwrap();
    let blocks: BTreeSet<u64> = opened.iter().map(|submitted| submitted.block).collect();
    eprintln!("one opening submitted {} times at once: committed in blocks {blocks:?}", opened.len());
    assert!(opened.windows(2).all(|pair| pair[0].record.opening() == pair[1].record.opening()));
    assert_eq!(world.vendor.history(channel.open.channel_id()).await.unwrap().len(), 1);
}

/// All channels of the vendor, page by page.
async fn listed(world: &World) -> BTreeSet<ChannelId> {
    let party = Party::Vendor(*world.vendor_key.public_key());
    let pages = stream::unfold(Some(String::new()), |bookmark| async {
        let page = world.vendor.channels(party, PageRequest { size: 90, bookmark: bookmark? }).await.unwrap();
        let more = (!page.bookmark.is_empty()).then_some(page.bookmark);
        Some((page.channels, more))
    });
    pages.map(stream::iter).flatten().map(|record| record.channel_id()).collect().await
}

fn report(what: &str, timings: &[Timing], started: Instant) {
    let median = |part: fn(&Timing) -> Duration| {
        let mut all: Vec<_> = timings.iter().map(part).collect();
        all.sort_unstable();
        all[all.len() / 2]
    };
    eprintln!(
        "{} {what} at once in {:?}; medians: endorse {:?}, order {:?}, commit {:?}",
        timings.len(),
        started.elapsed(),
        median(|timing| timing.endorse),
        median(|timing| timing.order),
        median(|timing| timing.commit)
    );
}
