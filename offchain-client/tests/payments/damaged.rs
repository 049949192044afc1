//! A vendor of which something is broken: a row of its journal, one of its tasks.

use std::time::Duration;

use lockstep::store::{Advance, Change, Phase};
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::units::Units;
use sqlx::SqlitePool;

use crate::claims::{claimed, closed};
use crate::world::{World, all, order};

/// Writes a number of payments that there cannot be behind the vendor's back.
async fn damage(world: &World, channel: ChannelId) {
    let path = world.vendor_folder().join("journal.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let update = sqlx::query("UPDATE channels SET n = -1 WHERE channel_id = $1");
    let updated = update.bind(&channel.as_bytes()[..]).execute(&pool).await.unwrap();
    assert_eq!(updated.rows_affected(), 1);
    assert!(world.vendor_journal().await.channel(channel).await.is_err());
}

async fn mark_closing(world: &World, channel: ChannelId) {
    let mark = Advance::new(channel, Phase::Open, Phase::Closing);
    world.vendor_journal().await.save(Change::Advance(mark)).await.unwrap();
}

async fn paid(world: &World) -> ChannelId {
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(3), |_| {}).await.unwrap()), 3);
    channel
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_costs_its_own_channel_alone() {
    let mut world = World::new().await;
    world.rules.release_wait = Duration::from_millis(100);
    world.stop_vendor().await.unwrap();
    world.start_vendor().await;
    let (before, broken, behind) = (paid(&world).await, paid(&world).await, paid(&world).await);
    for channel in [before, broken] {
        mark_closing(&world, channel).await;
    }
    // While it runs: the row is in one page with the others.
    damage(&world, broken).await;
    closed(&world, before).await;
    assert_eq!(claimed(&world, before), Some(Units::from_count(3)));
    // From its start on: it has to read past that row to find what is behind it.
    world.stop_vendor().await.unwrap();
    mark_closing(&world, behind).await;
    world.start_vendor().await;
    closed(&world, behind).await;
    assert_eq!(claimed(&world, behind), Some(Units::from_count(3)));
    // It goes on taking channels.
    let fresh = paid(&world).await;
    mark_closing(&world, fresh).await;
    closed(&world, fresh).await;
    world.stop_vendor().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_whose_rounds_panic_stops() {
    let mut world = World::new().await;
    // A clock past the last time there is, which the tests' own clock does not survive.
    world.vendor_hands.ahead(Duration::from_millis(u64::MAX));
    world.vendor_panicked().await;
}
