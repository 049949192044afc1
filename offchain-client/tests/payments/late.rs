//! Releases that come late: the close goes first, and the receipts are recovered behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lockstep::party::Clock;
use lockstep::store::{Change, Journal as _, JournalError, Phase, SqliteJournal, Ticket};
use lockstep::vendor::ReceiptReader;
use lockstep::wallet::{Released, Wallet, WalletError};
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::transcript::Transcript;
use lockstep_protocol::units::Units;

use crate::claims::{claimed, closed};
use crate::faulty::{Fault, Faulty};
use crate::ledger::MemLedger;
use crate::settle::phase;
use crate::stranger::n;
use crate::world::{Hands, World, all, eventually, order};

/// L, so that a busy machine leaves the tests where they are to be in the safety margin; D is 30 s.
const L: Duration = Duration::from_secs(20);
/// How long the disk keeps a walk from its end.
const LONG: Duration = Duration::from_secs(5);

/// A disk on which receipts take longer than the channel has to live, unless it is closed meanwhile.
#[derive(Debug)]
pub(crate) struct Slow {
    ledger: Arc<MemLedger>,
    hands: [Hands; 2],
    /// How far off the expiry is when the first receipts are written.
    left: Duration,
    /// The vendor does not live to write receipts behind the close.
    dies: AtomicBool,
}

impl Slow {
    /// More than D + 2 L, less than D + 3 L.
    pub(crate) const TIME_FOR_A_RELEASE: Duration = Duration::from_secs(30 + 20 + 20 + 10);
    /// Less than D + 2 L.
    const TIME_FOR_TOKENS: Duration = Duration::from_secs(30 + 20 + 10);

    /// Starts the world's vendor on such a disk.
    pub(crate) async fn start(world: &mut World, left: Duration) -> Arc<Faulty<Self>> {
        Self::start_to_die(world, left, false).await
    }

    async fn start_to_die(world: &mut World, left: Duration, dies: bool) -> Arc<Faulty<Self>> {
        world.stop_vendor().await.unwrap();
        world.rules.commit_bound = L;
        let slow = Self {
            ledger: Arc::clone(&world.ledger),
            hands: [world.hands.clone(), world.vendor_hands.clone()],
            left,
            dies: AtomicBool::new(dies),
        };
        let journal = Faulty::open(&world.vendor_folder().join("journal.db"), slow).await;
        world.start_vendor_on(Arc::<Faulty<Self>>::clone(&journal)).await;
        journal
    }

    fn is_open(&self, channel: ChannelId) -> bool {
        self.ledger.record(channel).state() == ChannelState::Open
    }

    /// Sets the clocks to so long before a channel's expiry.
    fn set_before_expiry(&self, channel: ChannelId, left: Duration) {
        let expiry = self.ledger.record(channel).opening().terms().expiry.as_unix_millis();
        let ahead = expiry - Clock::system().now().as_unix_millis();
        self.hands.iter().for_each(|hands| hands.ahead(Duration::from_millis(ahead) - left));
    }
}

/// The channel whose receipts are written.
fn walked(change: &Change) -> Option<ChannelId> {
    match change {
        Change::Receipts(receipts) => Some(receipts.channel),
        Change::Advance(advance) => advance.receipts.as_ref().map(|receipts| receipts.channel),
        _ => None,
    }
}

#[async_trait]
impl Fault for Slow {
    async fn submit(&self, inner: &SqliteJournal, change: Change) -> Result<Ticket, JournalError> {
        if let Some(channel) = walked(&change) {
            if self.is_open(channel) {
                self.set_before_expiry(channel, self.left);
                tokio::time::sleep(LONG).await;
                self.set_before_expiry(channel, Duration::ZERO);
            } else if self.dies.load(Ordering::SeqCst) {
                let (path, reason) = ("journal.db".to_owned(), "no space left on device".to_owned());
                return Err(JournalError::Write { path, reason });
            }
        }
        inner.submit(change).await
    }
}

/// A channel with three rows of payments.
async fn paid(world: &World) -> (Wallet, ChannelId) {
    let (wallet, channel) = world.channel(300).await;
    assert_eq!(all(wallet.pay(channel, order(300), |_| {}).await.unwrap()), 300);
    (wallet, channel)
}

async fn release(wallet: &Wallet, channel: ChannelId) -> Result<Released, WalletError> {
    tokio::time::timeout(3 * LONG, wallet.release(channel)).await.expect("the vendor closes in time")
}

async fn all_receipts_are_there(world: &World, channel: ChannelId) -> bool {
    let journal = world.vendor_journal().await;
    let Ok(mut reader) = ReceiptReader::open(&*journal, channel).await else { return false };
    let mut transcript = Transcript::begin(reader.opening()).unwrap();
    loop {
        let row = reader.next_row().await.unwrap();
        if row.is_empty() {
            return transcript.number() == n(300);
        }
        row.iter().for_each(|receipt| transcript.add(receipt).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_that_takes_too_long_goes_on_behind_the_close_by_release() {
    let mut world = World::new().await;
    let _slow = Slow::start(&mut world, Slow::TIME_FOR_A_RELEASE).await;
    let (wallet, channel) = paid(&world).await;
    let released = release(&wallet, channel).await.unwrap();
    assert_eq!(released.record.state(), ChannelState::Closed);
    assert_eq!((released.unlocked.receipts, released.settled.units), (300, Units::from_count(300)));
    assert_eq!(phase(&world, channel).await, Phase::Closed);
    assert!(all_receipts_are_there(&world, channel).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_only_two_token_closes_have_time_left_no_release_is_tried() {
    let mut world = World::new().await;
    let _slow = Slow::start(&mut world, Slow::TIME_FOR_TOKENS).await;
    let (wallet, channel) = paid(&world).await;
    let token = release(&wallet, channel).await;
    assert!(matches!(token, Err(WalletError::ClosedByToken { said: 300, .. })), "{token:?}");
    assert_eq!(claimed(&world, channel), Some(Units::from_count(300)));
    // The release is good for the receipts all the same.
    assert!(all_receipts_are_there(&world, channel).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_dies_behind_the_close_recovers_the_receipts_when_it_is_back() {
    let mut world = World::new().await;
    let _slow = Slow::start_to_die(&mut world, Slow::TIME_FOR_A_RELEASE, true).await;
    let (wallet, channel) = paid(&world).await;
    assert!(release(&wallet, channel).await.is_err());
    assert!(world.vendor_stopped().await.is_err());
    assert!(world.ledger.record(channel).release().is_some());
    assert!(!all_receipts_are_there(&world, channel).await);
    world.start_vendor().await;
    closed(&world, channel).await;
    eventually(async || all_receipts_are_there(&world, channel).await).await;
    assert_eq!(wallet.release(channel).await.unwrap().unlocked.receipts, 300);
}
