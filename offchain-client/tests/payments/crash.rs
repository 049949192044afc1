//! Processes that end between saving and sending, and wallets that are not what they were.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use lockstep::store::{Advance, Change, Journal as _, JournalError, Phase, SqliteJournal, Ticket};
use lockstep::vendor::ServeError;
use lockstep::wallet::WalletError;
use lockstep_protocol::hash::ChannelId;

use crate::faulty::{Fault, Faulty};
use crate::stranger::{Stranger, n};
use crate::world::{World, all, order};

/// When the disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The change is lost.
    Before,
    /// The change is durable, and the process does not live to see it.
    After,
}

/// A journal whose `countdown`-th change of a kind is the process's last.
#[derive(Debug)]
pub(crate) struct Mortal {
    kind: fn(&Change) -> bool,
    moment: Moment,
    countdown: AtomicU32,
}

impl Mortal {
    pub(crate) async fn open(
        path: &Path,
        kind: fn(&Change) -> bool,
        moment: Moment,
        countdown: u32,
    ) -> Arc<Faulty<Self>> {
        Faulty::open(path, Self { kind, moment, countdown: AtomicU32::new(countdown) }).await
    }
}

fn dead() -> JournalError {
    JournalError::Write { path: "journal.db".to_owned(), reason: "no space left on device".to_owned() }
}

#[async_trait]
impl Fault for Mortal {
    async fn submit(&self, inner: &SqliteJournal, change: Change) -> Result<Ticket, JournalError> {
        let left = self.countdown.load(Ordering::SeqCst);
        if left == 0 {
            return Err(dead());
        }
        if (self.kind)(&change) {
            self.countdown.store(left - 1, Ordering::SeqCst);
            if left == 1 {
                let last = match self.moment {
                    Moment::After => change,
                    // Nobody's, and refused. Its answer says that all that was queued before it is durable.
                    Moment::Before => Change::Advance(Advance::new(
                        ChannelId::from_bytes([0; 32]),
                        Phase::Open,
                        Phase::Open,
                    )),
                };
                match inner.save(last).await {
                    Ok(()) | Err(JournalError::Conflict) => return Err(dead()),
                    Err(error) => return Err(error),
                }
            }
        }
        inner.submit(change).await
    }
}

pub(crate) fn appends(change: &Change) -> bool {
    matches!(change, Change::Append(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_dies_while_saving_goes_on_with_the_same_payments() {
    for moment in [Moment::Before, Moment::After] {
        let world = World::new().await;
        let (wallet, channel) = world.channel(2000).await;
        drop(wallet);
        let path = world.wallet_folder().join("journal.db");
        let mortal = world.wallet_on(Mortal::open(&path, appends, moment, 3).await);
        let died = mortal.pay(channel, order(1000), |_| {}).await;
        assert!(matches!(died, Err(WalletError::Journal(JournalError::Write { .. }))), "{died:?}");
        // Batches of 128: two were saved and perhaps sent, the third was saved or not, and never sent.
        let wallet = world.wallet().await;
        let saved = wallet.stored(channel).await.unwrap().0.n;
        assert_eq!(saved, n(if moment == Moment::After { 384 } else { 256 }));
        assert_eq!(all(wallet.pay(channel, order(500), |_| {}).await.unwrap()), 500);
        let (mine, theirs) = (wallet.stored(channel).await.unwrap().0, world.vendor_journal().await);
        let theirs = theirs.channel(channel).await.unwrap().unwrap();
        assert_eq!((mine.n, mine.head.clone()), (n(saved.as_index() + 500), theirs.head));
        assert_eq!(wallet.release(channel).await.unwrap().unlocked.receipts, saved.as_index() + 500);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_whose_disk_is_full_stops_and_loses_nothing_that_it_acknowledged() {
    for moment in [Moment::Before, Moment::After] {
        let mut world = World::new().await;
        let (wallet, channel) = world.channel(3000).await;
        world.stop_vendor().await.unwrap();
        let path = world.vendor_folder().join("journal.db");
        world.start_vendor_on(Mortal::open(&path, appends, moment, 4).await).await;
        let acknowledged = AtomicU32::new(0);
        let wallet = wallet.with_vendor_at(Some(format!("https://{}", world.address)));
        let broken =
            wallet.pay(channel, order(2000), |done| acknowledged.store(done, Ordering::SeqCst)).await;
        assert!(broken.is_err(), "{broken:?}");
        assert!(matches!(world.vendor_stopped().await, Err(ServeError::Journal(JournalError::Write { .. }))));
        // A new vendor on the same store: everything acknowledged is there, and the rest comes again.
        let kept = world.vendor_journal().await.channel(channel).await.unwrap().unwrap().n.as_index();
        assert!(kept >= acknowledged.load(Ordering::SeqCst));
        world.start_vendor().await;
        let signed = wallet.stored(channel).await.unwrap().0.n.as_index();
        assert_eq!(all(wallet.pay(channel, order(10), |_| {}).await.unwrap()), 10);
        let kept = world.vendor_journal().await.channel(channel).await.unwrap().unwrap().n.as_index();
        assert_eq!(kept, signed + 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_from_an_old_copy_stops_for_ever() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(100).await;
    assert_eq!(all(wallet.pay(channel, order(5), |_| {}).await.unwrap()), 5);
    let old = world.folder.path().join("old.db");
    copy_database(&world.wallet_folder().join("journal.db"), &old).await;
    assert_eq!(all(wallet.pay(channel, order(5), |_| {}).await.unwrap()), 5);
    let vendor_has = world.vendor_journal().await.channel(channel).await.unwrap().unwrap().head;

    let copy = world.wallet_on(Arc::new(SqliteJournal::open(&old).await.unwrap()));
    let stopped = copy.pay(channel, order(1), |_| {}).await;
    assert!(matches!(stopped, Err(WalletError::Poisoned(_))), "{stopped:?}");
    for again in [copy.pay(channel, order(1), |_| {}).await.err(), copy.release(channel).await.err()] {
        assert!(matches!(again, Some(WalletError::Phase { phase: Phase::Stopped, .. })), "{again:?}");
    }
    assert_eq!(world.vendor_journal().await.channel(channel).await.unwrap().unwrap().head, vendor_has);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_is_said_to_be_restored_signs_nothing_on_what_it_finds_and_goes_on_with_new_channels() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(100).await;
    let granted = wallet.remember(&world.facts(50, |_| {})).await.unwrap();
    let (_, released) = world.channel(10).await;
    for (channel, count) in [(channel, 5), (released, 2)] {
        assert_eq!(all(wallet.pay(channel, order(count), |_| {}).await.unwrap()), count);
    }
    wallet.release(released).await.unwrap();
    let copied = world.folder.path().join("copied.db");
    copy_database(&world.wallet_folder().join("journal.db"), &copied).await;

    // The vendor has seen nothing that the copy lacks: comparing with it would let the copy go on beside the original.
    let copy = world.wallet_on(Arc::new(SqliteJournal::open(&copied).await.unwrap()));
    let mut stopped = copy.restored().await.unwrap();
    stopped.sort_unstable();
    let mut expected = vec![channel, granted];
    expected.sort_unstable();
    assert_eq!(stopped, expected);
    assert_eq!(copy.restored().await.unwrap(), []);
    for channel in [channel, granted] {
        for said in [copy.pay(channel, order(1), |_| {}).await.err(), copy.release(channel).await.err()] {
            assert!(matches!(said, Some(WalletError::Phase { phase: Phase::Stopped, .. })), "{said:?}");
        }
    }
    assert_eq!(copy.stored(released).await.unwrap().0.phase, Phase::Closed);
    let fresh = copy.remember(&world.facts(10, |_| {})).await.unwrap();
    assert_eq!(all(copy.pay(fresh, order(3), |_| {}).await.unwrap()), 3);
}

/// A copy of a database that somebody has open, so that its log stays beside it, and nobody is writing to.
async fn copy_database(from: &Path, to: &Path) {
    for end in ["", "-wal"] {
        let with = |path: &Path| std::path::PathBuf::from(format!("{}{end}", path.display()));
        if with(from).exists() {
            tokio::fs::copy(with(from), with(to)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_forgot_payments_gets_them_again() {
    let mut world = World::new().await;
    let (wallet, channel) = world.channel(100).await;
    assert_eq!(all(wallet.pay(channel, order(3), |_| {}).await.unwrap()), 3);
    // The vendor's books of yesterday: without the channel.
    world.stop_vendor().await.unwrap();
    for end in ["", "-wal", "-shm"] {
        let file = world.vendor_folder().join(format!("journal.db{end}"));
        if file.exists() {
            std::fs::remove_file(file).unwrap();
        }
    }
    world.start_vendor().await;
    assert_eq!(all(wallet.pay(channel, order(2), |_| {}).await.unwrap()), 2);
    let stored = world.vendor_journal().await.channel(channel).await.unwrap().unwrap();
    assert_eq!(stored.n, n(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_wallets_on_one_journal_one_gives_way() {
    let world = World::new().await;
    let (one, channel) = world.channel(4000).await;
    let two = world.wallet().await;
    let (first, second) =
        tokio::join!(one.pay(channel, order(1000), |_| {}), two.pay(channel, order(1000), |_| {}));
    assert!(first.is_err() || second.is_err(), "{first:?} {second:?}");
    // Whoever comes next finds one history, on both sides.
    let wallet = world.wallet().await;
    assert_eq!(all(wallet.pay(channel, order(10), |_| {}).await.unwrap()), 10);
    let mine = wallet.stored(channel).await.unwrap().0;
    let theirs = world.vendor_journal().await.channel(channel).await.unwrap().unwrap();
    assert_eq!((mine.n, mine.head), (theirs.n, theirs.head));
    assert_eq!(wallet.release(channel).await.unwrap().unlocked.receipts, mine.n.as_index());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_takes_over_from_its_lost_connection() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    // A connection that nobody uses any more, but that has not been noticed to be dead.
    let (_lost, _) = Stranger::greet(&world, channel).await;
    assert_eq!(all(wallet.pay(channel, order(4), |_| {}).await.unwrap()), 4);
}
