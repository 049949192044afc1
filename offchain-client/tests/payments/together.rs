//! Two processes of one wallet on one channel: neither takes the other's payments for somebody else's.

use std::collections::VecDeque;

use async_trait::async_trait;
use lockstep::store::{Change, Journal as _, JournalError, Phase, SqliteJournal, StoredChannel, Ticket};
use lockstep::wallet::{Wallet, WalletError};
use lockstep_protocol::hash::ChannelId;
use tokio::sync::Mutex;

use crate::faulty::{Fault, Faulty};
use crate::stranger::n;
use crate::world::{World, all, order};

/// A journal as a process sees it that loses the processor at the worst moment.
#[derive(Debug)]
struct Slow {
    /// What was read before another process wrote.
    read: Mutex<VecDeque<StoredChannel>>,
    /// Another process, which pays just before this one changes the channel's phase.
    other: Mutex<Option<Wallet>>,
}

impl Slow {
    async fn open(world: &World, read: Vec<StoredChannel>, other: Option<Wallet>) -> Wallet {
        let slow = Self { read: Mutex::new(read.into()), other: Mutex::new(other) };
        world.wallet_on(Faulty::open(&world.wallet_folder().join("journal.db"), slow).await)
    }
}

#[async_trait]
impl Fault for Slow {
    async fn submit(&self, inner: &SqliteJournal, change: Change) -> Result<Ticket, JournalError> {
        if let Change::Advance(advance) = &change
            && let Some(other) = self.other.lock().await.take()
        {
            assert_eq!(all(other.pay(advance.channel, order(3), |_| {}).await.unwrap()), 3);
        }
        inner.submit(change).await
    }

    async fn channel(
        &self,
        inner: &SqliteJournal,
        id: ChannelId,
    ) -> Result<Option<StoredChannel>, JournalError> {
        match self.read.lock().await.pop_front() {
            Some(old) => Ok(Some(old)),
            None => inner.channel(id).await,
        }
    }
}

/// A channel with five payments, and what the journal said after two of them.
async fn five_and_two(world: &World) -> (Wallet, ChannelId, StoredChannel) {
    let (wallet, channel) = world.channel(100).await;
    assert_eq!(all(wallet.pay(channel, order(2), |_| {}).await.unwrap()), 2);
    let two = wallet.stored(channel).await.unwrap().0;
    assert_eq!(all(wallet.pay(channel, order(3), |_| {}).await.unwrap()), 3);
    (wallet, channel, two)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_paid_before_the_welcome_is_no_reason_to_stop() {
    let world = World::new().await;
    let (_, channel, two) = five_and_two(&world).await;
    let slow = Slow::open(&world, vec![two], None).await;
    assert_eq!(all(slow.pay(channel, order(4), |_| {}).await.unwrap()), 4);
    assert_eq!(world.vendor_journal().await.channel(channel).await.unwrap().unwrap().n, n(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_marked_only_if_the_journal_is_as_it_was_compared() {
    let world = World::new().await;
    let (wallet, channel, two) = five_and_two(&world).await;
    let slow = Slow::open(&world, vec![two.clone(), two], None).await;
    let moved = slow.pay(channel, order(1), |_| {}).await;
    assert!(matches!(moved, Err(WalletError::Journal(JournalError::Conflict))), "{moved:?}");
    assert_eq!(wallet.stored(channel).await.unwrap().0.phase, Phase::Open);
    assert_eq!(all(wallet.pay(channel, order(1), |_| {}).await.unwrap()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_never_leaves_behind_what_another_process_has_paid() {
    let world = World::new().await;
    let (wallet, channel, _) = five_and_two(&world).await;
    let slow = Slow::open(&world, vec![], Some(wallet)).await;
    assert_eq!(slow.release(channel).await.unwrap().last.number, n(8));
}
