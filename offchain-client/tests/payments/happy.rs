//! Open, pay, release, close; what it costs; what it leaves behind.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lockstep::store::Phase;
use lockstep::wallet::{Order, Pace, PayOutcome, WalletError};
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::memo::Memo;
use lockstep_protocol::payer::PayError;
use lockstep_protocol::units::{PaymentNumber, Units};

use crate::world::{World, all, order};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_payments_are_paid_released_unlocked_and_closed() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10_000).await;
    let seen = AtomicU32::new(0);
    let PayOutcome::All(paid) =
        wallet.pay(channel, order(10_000), |done| seen.store(done, Ordering::SeqCst)).await.unwrap()
    else {
        panic!("the vendor closes")
    };
    assert_eq!((paid.payments, seen.load(Ordering::SeqCst)), (10_000, 10_000));
    assert_eq!(paid.total.as_micros(), 100_000_000);
    assert_eq!(paid.left, Units::ZERO);
    let began = Instant::now();
    let released = wallet.release(channel).await.unwrap();
    println!(
        "paid in {:?}, {} bytes sent, {} received; released in {:?} ({:?} in all), unlocked in {} µs",
        paid.elapsed,
        paid.bytes_sent,
        paid.bytes_received,
        released.release,
        began.elapsed(),
        released.unlocked.micros
    );
    assert_eq!(released.unlocked.receipts, 10_000);
    assert_eq!(released.record.state(), ChannelState::Closed);
    assert_eq!(released.record.change().unwrap().to_vendor.as_micros(), 100_000_000);
    // 110 bytes a payment and a little for frames.
    assert!(paid.bytes_sent < 10_000 * 116, "{} bytes sent", paid.bytes_sent);
    let stored = world.vendor_journal().await.channel(channel).await.unwrap().unwrap();
    assert_eq!((stored.phase, stored.n), (Phase::Closed, PaymentNumber::from_index(10_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn single_payments_with_memos_and_several_units_add_up() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(100).await;
    for units in [1, 5, 2] {
        let memo = Memo::new("a memo of its own").unwrap();
        let order = Order { count: 1, units: Units::from_count(units), memo, pace: Pace::Unbounded };
        assert_eq!(all(wallet.pay(channel, order, |_| {}).await.unwrap()), 1);
    }
    let released = wallet.release(channel).await.unwrap();
    assert_eq!(released.last.released, Units::from_count(8));
    assert_eq!(released.settled.units, Units::from_count(8));
    let change = released.record.change().unwrap();
    assert_eq!((change.to_vendor.as_micros(), change.to_client.as_micros()), (80_000, 920_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_keep_the_rate_that_was_asked_for() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(100).await;
    let began = Instant::now();
    let paced = Order { pace: Pace::PerSecond(100.0), ..order(31) };
    assert_eq!(all(wallet.pay(channel, paced, |_| {}).await.unwrap()), 31);
    // The thirty-first payment is due after 300 ms.
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_channel_cannot_hold_signs_nothing() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(4), |_| {}).await.unwrap()), 4);
    let too_much = wallet.pay(channel, order(7), |_| {}).await;
    assert!(matches!(too_much, Err(WalletError::Pay(PayError::Exhausted { left })) if left.as_count() == 6));
    let (stored, _) = wallet.stored(channel).await.unwrap();
    assert_eq!(stored.n, PaymentNumber::from_index(4));
    assert_eq!(all(wallet.pay(channel, order(6), |_| {}).await.unwrap()), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_without_a_payment_has_nothing_to_release() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    let nothing = wallet.release(channel).await;
    assert!(matches!(nothing, Err(WalletError::NothingPaid(_))), "{nothing:?}");
    // It can still be paid on.
    assert_eq!(all(wallet.pay(channel, order(1), |_| {}).await.unwrap()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_channel_is_released_again_with_the_same_end_and_takes_no_payment() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(3), |_| {}).await.unwrap()), 3);
    let first = wallet.release(channel).await.unwrap();
    let second = wallet.release(channel).await.unwrap();
    assert_eq!((first.settled, first.last), (second.settled, second.last));
    let after = wallet.pay(channel, order(1), |_| {}).await;
    assert!(matches!(after, Err(WalletError::Phase { phase: Phase::Closed, .. })), "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_read_rarely() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(2000).await;
    let before = world.ledger.reads();
    assert_eq!(all(wallet.pay(channel, order(2000), |_| {}).await.unwrap()), 2000);
    // The wallet's own look, the vendor's taking, the vendor's first view.
    assert!(world.ledger.reads() - before <= 4, "{}", world.ledger.reads() - before);
}
