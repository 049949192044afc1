//! Channels that end without the vendor, and what the wallet says of its channels.

use std::time::Duration;

use lockstep::store::Phase;
use lockstep::wallet::{NotSeen, Seen, Wallet, WalletError};
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::time::MaxDrift;

use crate::world::{HOUR, World, all, order};

/// Everybody's clock.
fn set_ahead(world: &World, by: Duration) {
    world.hands.ahead(by);
    world.vendor_hands.ahead(by);
}

/// What the doctor says.
async fn doctor(wallet: &Wallet, channel: ChannelId) -> (Phase, Seen, String) {
    let found = wallet.examine(&wallet.stored(channel).await.unwrap().0).await.unwrap();
    (found.phase, found.ledger, found.advice)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_refunded_once_its_time_has_come_and_says_when_before() {
    let mut world = World::new().await;
    let (wallet, channel) = world.channel(100).await;
    assert_eq!(all(wallet.pay(channel, order(5), |_| {}).await.unwrap()), 5);
    world.stop_vendor().await.unwrap();
    let expiry = wallet.stored(channel).await.unwrap().1.given.opening().terms().expiry;
    let due = expiry.checked_add(MaxDrift::DEFAULT.as_duration()).unwrap();
    // Now, and after the expiry while the tolerance lasts.
    for ahead in [Duration::ZERO, 24 * HOUR + Duration::from_secs(5)] {
        set_ahead(&world, ahead);
        let early = wallet.refund(channel).await;
        assert!(matches!(early, Err(WalletError::TooEarly { from, .. }) if from == due), "{early:?}");
        let (_, _, advice) = doctor(&wallet, channel).await;
        assert!(advice.contains(&lockstep::wallet::Moment(due).to_string()), "{advice}");
    }
    set_ahead(&world, 24 * HOUR + Duration::from_secs(31));
    assert!(doctor(&wallet, channel).await.2.contains("client refund"), "it is time");
    let first = wallet.refund(channel).await.unwrap();
    assert_eq!(first.record.state(), ChannelState::Refunded);
    assert_eq!(first.record.change().unwrap().to_client.as_micros(), 1_000_000);
    assert!(first.transaction.is_some());
    let again = wallet.refund(channel).await.unwrap();
    assert_eq!((again.record, again.transaction), (first.record, None));
    // It is over in the journal too.
    let (phase, seen, _) = doctor(&wallet, channel).await;
    assert_eq!((phase, seen), (Phase::Closed, Seen::State(ChannelState::Refunded)));
    for after in [wallet.pay(channel, order(1), |_| {}).await.err(), wallet.release(channel).await.err()] {
        assert!(matches!(after, Some(WalletError::Phase { phase: Phase::Closed, .. })), "{after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_channel_and_one_that_somebody_else_refunds_come_back_too() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(100).await;
    let mark = lockstep::store::Advance::new(channel, Phase::Open, Phase::Stopped);
    wallet.journal().save(lockstep::store::Change::Advance(mark)).await.unwrap();
    assert!(doctor(&wallet, channel).await.2.contains("comes from a copy"));
    set_ahead(&world, 24 * HOUR + Duration::from_secs(31));
    // The bank was faster.
    world.ledger.refund(channel);
    let refunded = wallet.refund(channel).await.unwrap();
    assert_eq!((refunded.record.state(), refunded.transaction), (ChannelState::Refunded, None));
    assert_eq!(wallet.stored(channel).await.unwrap().0.phase, Phase::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_closed_or_was_never_opened_is_not_refunded() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(100).await;
    assert_eq!(all(wallet.pay(channel, order(5), |_| {}).await.unwrap()), 5);
    wallet.release(channel).await.unwrap();
    let never = wallet.remember(&world.facts(10, |_| {})).await.unwrap();
    let (phase, seen, advice) = doctor(&wallet, never).await;
    assert_eq!((phase, seen), (Phase::Granted, Seen::Otherwise(NotSeen::None)));
    assert!(advice.contains("client pay"), "{advice}");
    set_ahead(&world, 24 * HOUR + Duration::from_secs(31));
    let closed = wallet.refund(channel).await;
    assert!(matches!(closed, Err(WalletError::Ended { state: ChannelState::Closed, .. })), "{closed:?}");
    let unknown = wallet.refund(never).await;
    assert!(matches!(unknown, Err(WalletError::NeverOpened(_))), "{unknown:?}");
    let (phase, seen, advice) = doctor(&wallet, channel).await;
    assert_eq!((phase, seen), (Phase::Closed, Seen::State(ChannelState::Closed)));
    assert!(
        advice.contains("5 units, 0.05 dollars to the vendor, 0.95 came back. There is nothing"),
        "{advice}"
    );
    assert!(doctor(&wallet, never).await.2.contains("nothing to do"), "the bank cancels it");
    // A ledger that is away is a finding.
    world.ledger.set_down(true);
    assert_eq!(doctor(&wallet, channel).await.1, Seen::Otherwise(NotSeen::Unknown));
}
