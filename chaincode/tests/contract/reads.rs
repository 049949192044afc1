//! `Channel`, `Channels` and `History`.

use lockstep_protocol::Refusal;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState};
use serde::Deserialize;
use serde_json::Value;

use crate::world::{NOW, World, answer, assert_refused, key};

#[derive(Deserialize)]
struct Page {
    channels: Vec<ChannelRecord>,
    bookmark: String,
}

#[derive(Deserialize)]
struct Version {
    tx_id: String,
    timestamp: u64,
    record: ChannelRecord,
}

#[tokio::test]
async fn a_record_is_read_as_our_own_struct_writes_it() {
    let mut world = World::new().await;
    let id = world.open(1).await;
    let name = format!("channel:{id}");
    let ours = world.ledger.get(&name).unwrap().to_vec();
    // CouchDB gives the fields back in another order.
    let reordered: Value = serde_json::from_slice(&ours).unwrap();
    let reordered = serde_json::to_vec(&reordered).unwrap();
    assert_ne!(reordered, ours);
    world.ledger.put(&name, reordered);
    let done = world.read("Channel", &[&id.to_string()]).await;
    assert_eq!(done.response.payload(), ours);
    let opening = world.opening(1);
    assert_eq!(world.submit(&opening).await.response.payload(), ours);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_refused() {
    let mut world = World::new().await;
    let id = world.open(1).await;
    world.ledger.put(format!("channel:{id}"), "{}");
    let (opening, close) = (world.opening(1), world.close(1, world.payment(1)));
    assert_refused(&world.read("Channel", &[&id.to_string()]).await, Refusal::UnreadableRecord);
    assert_refused(&world.submit(&opening).await, Refusal::UnreadableRecord);
    assert_refused(&world.submit(&close).await, Refusal::UnreadableRecord);
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let mut world = World::new().await;
    let id = world.opening(1).channel_id().to_string();
    assert_refused(&world.read("Channel", &[&id]).await, Refusal::UnknownChannel);
    assert_refused(&world.read("History", &[&id]).await, Refusal::UnknownChannel);
    assert_refused(&world.read("Bank", &[&key(50).public_key().to_string()]).await, Refusal::UnknownBank);
    let vendor = key(50).public_key().to_string();
    let page: Page = answer(&world.read("Channels", &["vendor", &vendor, "10", ""]).await);
    assert!(page.channels.is_empty() && page.bookmark.is_empty());
}

#[tokio::test]
async fn channels_are_listed_by_each_party_page_by_page() {
    let mut world = World::new().await;
    let mut ids = Vec::new();
    for count in 1..=5 {
        ids.push(world.open(count).await);
    }
    ids.sort();
    for (role, party) in
        [("bank", world.bank.public_key().to_string()), ("vendor", world.vendor.public_key().to_string())]
    {
        let (mut found, mut bookmark, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page: Page = answer(&world.read("Channels", &[role, &party, "2", &bookmark]).await);
            found.extend(page.channels.iter().map(ChannelRecord::channel_id));
            pages += 1;
            bookmark = page.bookmark;
            if bookmark.is_empty() {
                break;
            }
        }
        assert_eq!((found, pages), (ids.clone(), 3), "{role}");
    }
    let client = key(103).public_key().to_string();
    let page: Page = answer(&world.read("Channels", &["client", &client, "100", ""]).await);
    assert_eq!(page.channels.len(), 1);
    assert_eq!(page.channels[0].opening().terms().client_key, *key(103).public_key());
}

#[tokio::test]
async fn a_page_has_a_size_and_a_bookmark_of_this_list() {
    let mut world = World::new().await;
    for count in 1..=3 {
        world.open(count).await;
    }
    let bank = world.bank.public_key().to_string();
    for size in ["0", "101", "4294967295"] {
        assert_refused(&world.read("Channels", &["bank", &bank, size, ""]).await, Refusal::PageOutOfRange);
    }
    for size in ["-1", "ten", "4294967296", "1.0"] {
        assert_refused(&world.read("Channels", &["bank", &bank, size, ""]).await, Refusal::MalformedValue);
    }
    for bookmark in ["x", "0", "ff", "00ff"] {
        assert_refused(
            &world.read("Channels", &["bank", &bank, "10", bookmark]).await,
            Refusal::PageOutOfRange,
        );
    }
    // Hexadecimal of nothing in particular, and of another party's entries: places before this list.
    for made_up in ["00", &hex::encode("\0bank~channel\0"), "2d"] {
        let done =
            world.read("Channels", &["vendor", &world.vendor.public_key().to_string(), "10", made_up]).await;
        if done.response.is_success() {
            let page: Page = answer(&done);
            let of_vendor =
                |record: &ChannelRecord| record.opening().terms().vendor_key == *world.vendor.public_key();
            assert!(page.channels.iter().all(of_vendor));
        } else {
            assert_refused(&done, Refusal::PageOutOfRange);
        }
    }
    assert_refused(&world.read("Channels", &["owner", &bank, "10", ""]).await, Refusal::MalformedValue);
}

#[tokio::test]
async fn the_history_has_every_version_oldest_first() {
    let mut world = World::new().await;
    let opening = world.opening(1);
    let opened = world.submit(&opening).await;
    world.set_time(NOW + 1_000);
    let close = world.close(1, world.payment(1));
    let closed = world.submit(&close).await;
    let id = opening.channel_id().to_string();
    let versions: Vec<Version> = answer(&world.read("History", &[&id]).await);
    let found: Vec<_> = versions
        .iter()
        .map(|version| (version.tx_id.as_str(), version.timestamp, version.record.state()))
        .collect();
    let expected = [
        (opened.tx_id.as_str(), NOW, ChannelState::Open),
        (closed.tx_id.as_str(), NOW + 1_000, ChannelState::Closed),
    ];
    assert_eq!(found, expected);
}
