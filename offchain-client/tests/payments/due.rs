//! Several channels that expire around one time at a vendor whose ledger closes one of them at a time: all but the last are closed
//! earlier, and nothing is accepted after that.

use std::time::Duration;

use lockstep::store::Phase;
use lockstep::stream::{ToClient, ToVendor};
use lockstep::wallet::{PayOutcome, Wallet};
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::refusal::Refusal;

use crate::settle::phase;
use crate::stranger::Stranger;
use crate::world::{HOUR, World, all, order};

const L: Duration = Duration::from_secs(2);
const R: Duration = Duration::from_secs(60);
/// D + 3 L + R.
const MARGIN: Duration = Duration::from_secs(30 + 6 + 60);
/// 3 L + R.
const WINDOW: Duration = Duration::from_secs(66);

/// A vendor that has one turn for channels whose time has come.
async fn narrow() -> World {
    let mut world = World::new().await;
    world.stop_vendor().await.unwrap();
    (world.rules.commit_bound, world.rules.release_wait) = (L, R);
    world.closes_per_second = Some(1);
    world.start_vendor().await;
    world
}

async fn pays(wallet: &Wallet, channel: ChannelId) -> bool {
    matches!(wallet.pay(channel, order(1), |_| {}).await.unwrap(), PayOutcome::All(_))
}

fn set_ahead(world: &World, ahead: Duration) {
    world.hands.ahead(ahead);
    world.vendor_hands.ahead(ahead);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_channels_the_first_ends_two_closes_before_its_margin() {
    let mut world = narrow().await;
    let mut channels = Vec::new();
    for _ in 0..3 {
        let (wallet, channel) = world.channel(100).await;
        assert_eq!(all(wallet.pay(channel, order(2), |_| {}).await.unwrap()), 2);
        channels.push((wallet, channel));
    }
    let [(one, first), (two, second), (three, third)] = &channels[..] else { panic!("three") };
    // A restart finds the same times.
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    set_ahead(&world, 24 * HOUR - MARGIN - 3 * WINDOW);
    assert!(pays(one, *first).await && pays(two, *second).await && pays(three, *third).await);
    set_ahead(&world, 24 * HOUR - MARGIN - 2 * WINDOW + Duration::from_secs(10));
    assert!(!pays(one, *first).await);
    assert!(pays(two, *second).await && pays(three, *third).await);
    assert_ne!(phase(&world, *first).await, Phase::Open);
    set_ahead(&world, 24 * HOUR - MARGIN - WINDOW + Duration::from_secs(10));
    assert!(!pays(two, *second).await);
    assert!(pays(three, *third).await);
    set_ahead(&world, 24 * HOUR - MARGIN);
    assert!(!pays(three, *third).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_for_which_there_is_no_time_is_not_taken_for_now() {
    let world = narrow().await;
    let expiry =
        world.hands.clock().now().checked_add(MARGIN + Duration::from_secs(60) + WINDOW / 2).unwrap();
    let mut said = Vec::new();
    for _ in 0..2 {
        let facts = world.facts(100, |terms| {
            terms.open_by = terms.opened.checked_add(Duration::from_secs(60)).unwrap();
            terms.expiry = expiry;
        });
        let wallet = world.wallet().await;
        let channel = wallet.remember(&facts).await.unwrap();
        wallet.submit_open(channel).await.unwrap();
        let mut stranger = Stranger::connect(&world).await;
        stranger.say(ToVendor::Hello(channel)).await;
        said.push(stranger.hear().await);
    }
    let [ToClient::Welcome(_), ToClient::Refused(refused)] = &said[..] else { panic!("{said:?}") };
    assert_eq!((refused.code, refused.over), (u32::from(Refusal::VendorUnavailable.number()), false));
}
