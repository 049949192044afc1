//! Payments that the wallet has signed and the vendor has not accepted: no reason not to settle.

use std::time::Duration;

use lockstep::wallet::{LineError, Order, PayOutcome, WalletError};
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::units::Units;

use crate::crash::{Moment, Mortal, appends};
use crate::stranger::n;
use crate::world::{HOUR, World, all, order};

/// A wallet dies between saving a payment and sending it.
async fn unsent(world: &World, channel: ChannelId, units: u32) {
    let path = world.wallet_folder().join("journal.db");
    let mortal = world.wallet_on(Mortal::open(&path, appends, Moment::After, 1).await);
    let order = Order { units: Units::from_count(units), ..order(1) };
    assert!(matches!(mortal.pay(channel, order, |_| {}).await, Err(WalletError::Journal(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_the_vendor_will_not_take_does_not_keep_the_channel_from_being_settled() {
    let mut world = World::new().await;
    let (wallet, channel) = world.channel(1000).await;
    assert_eq!(all(wallet.pay(channel, order(7), |_| {}).await.unwrap()), 7);
    unsent(&world, channel, 2).await;
    // Meanwhile the vendor takes single units only.
    world.rules.largest_units = Units::from_count(1);
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let wallet = wallet.with_vendor_at(Some(format!("https://{}", world.address)));
    let refused = wallet.pay(channel, order(1), |_| {}).await;
    assert!(matches!(refused, Err(WalletError::Line(LineError::Refused(_)))), "{refused:?}");
    let released = wallet.release(channel).await.unwrap();
    assert_eq!((released.last.number, released.settled.units), (n(7), Units::from_count(7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_closes_while_it_gets_payments_again_is_closing_and_nothing_else() {
    let mut world = World::new().await;
    world.rules.release_wait = Duration::from_secs(60);
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let (wallet, channel) = world.channel(1000).await;
    assert_eq!(all(wallet.pay(channel, order(7), |_| {}).await.unwrap()), 7);
    unsent(&world, channel, 1).await;
    // Inside the margin of 105 s, and in time for a release: D + 3 L is 45 s.
    for hands in [&world.hands, &world.vendor_hands] {
        hands.ahead(24 * HOUR - Duration::from_secs(100));
    }
    let outcome = wallet.pay(channel, order(1), |_| {}).await.unwrap();
    assert!(matches!(outcome, PayOutcome::VendorCloses(paid) if paid.payments == 0), "{outcome:?}");
    assert_eq!(wallet.release(channel).await.unwrap().last.number, n(7));
}
