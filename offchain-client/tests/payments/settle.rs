//! Releases, walks and closes that are interrupted, asked for, or dishonest.

use std::sync::atomic::{AtomicU32, Ordering};

use lockstep::party::replay;
use lockstep::party::transcript::{self, BadTranscript};
use lockstep::store::{Advance, Change, JournalError, Phase};
use lockstep::stream::{ToClient, ToVendor};
use lockstep::vendor::{Ending, ReceiptReader, ServeError};
use lockstep::wallet::{Order, Pace, PayOutcome, WalletError};
use lockstep_protocol::ledger::ChannelState;

use crate::crash::{Moment, Mortal};
use crate::stranger::{Hand, Stranger, n};
use crate::world::{World, all, eventually, order};

/// Which changes count.
type Kind = fn(&Change) -> bool;

fn receipts(change: &Change) -> bool {
    matches!(change, Change::Receipts(_))
}

fn unlocks(change: &Change) -> bool {
    matches!(change, Change::Advance(advance) if advance.to == Phase::Unlocked)
}

fn advances(change: &Change) -> bool {
    matches!(change, Change::Advance(_))
}

pub(crate) async fn phase(world: &World, channel: lockstep_protocol::hash::ChannelId) -> Phase {
    world.vendor_journal().await.channel(channel).await.unwrap().unwrap().phase
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_dies_at_any_step_of_a_settlement_goes_on_from_its_store() {
    // Advances: 1 released, 2 unlocked, 3 closed. Receipts: one row for each of the eight batches, the last one with advance 2.
    let deaths: [(Kind, u32); 6] =
        [(advances, 1), (receipts, 1), (receipts, 5), (receipts, 7), (advances, 2), (advances, 3)];
    for moment in [Moment::Before, Moment::After] {
        for (kind, countdown) in deaths {
            let mut world = World::new().await;
            let (wallet, channel) = world.channel(1000).await;
            assert_eq!(all(wallet.pay(channel, order(1000), |_| {}).await.unwrap()), 1000);
            world.stop_vendor().await.unwrap();
            let path = world.vendor_folder().join("journal.db");
            world.start_vendor_on(Mortal::open(&path, kind, moment, countdown).await).await;
            let broken = wallet.release(channel).await;
            assert!(broken.is_err(), "{moment:?} {countdown}: {broken:?}");
            let stopped = world.vendor_stopped().await;
            assert!(matches!(stopped, Err(ServeError::Journal(JournalError::Write { .. }))), "{stopped:?}");
            world.start_vendor().await;
            let released = wallet.release(channel).await.unwrap();
            assert_eq!(released.unlocked.receipts, 1000, "{moment:?} {countdown}");
            assert_eq!(phase(&world, channel).await, Phase::Closed);
            let journal = world.vendor_journal().await;
            let mut reader = ReceiptReader::open(&*journal, channel).await.unwrap();
            let mut transcript = lockstep_protocol::transcript::Transcript::begin(reader.opening()).unwrap();
            loop {
                let row = reader.next_row().await.unwrap();
                if row.is_empty() {
                    break;
                }
                row.iter().for_each(|receipt| transcript.add(receipt).unwrap());
            }
            assert_eq!(transcript.number(), n(1000));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_channel_is_closed_without_the_client_once_the_vendor_is_back() {
    let mut world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(10), |_| {}).await.unwrap()), 10);
    world.stop_vendor().await.unwrap();
    let path = world.vendor_folder().join("journal.db");
    world.start_vendor_on(Mortal::open(&path, unlocks, Moment::Before, 1).await).await;
    assert!(wallet.release(channel).await.is_err());
    assert!(world.vendor_stopped().await.is_err());
    world.start_vendor().await;
    eventually(async || phase(&world, channel).await == Phase::Closed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_dies_while_releasing_releases_the_same_payment_again() {
    for moment in [Moment::Before, Moment::After] {
        let world = World::new().await;
        let (wallet, channel) = world.channel(10).await;
        assert_eq!(all(wallet.pay(channel, order(7), |_| {}).await.unwrap()), 7);
        let path = world.wallet_folder().join("journal.db");
        let mortal = world.wallet_on(Mortal::open(&path, advances, moment, 1).await);
        assert!(matches!(mortal.release(channel).await, Err(WalletError::Journal(_))));
        assert_eq!(phase(&world, channel).await, Phase::Open, "nothing was sent");
        let wallet = world.wallet().await;
        if moment == Moment::After {
            // It is marked: not another payment leaves this wallet.
            let after = wallet.pay(channel, order(1), |_| {}).await;
            assert!(matches!(after, Err(WalletError::Phase { phase: Phase::Released, .. })), "{after:?}");
        }
        assert_eq!(wallet.release(channel).await.unwrap().last.number, n(7));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_waits_for_a_ledger_that_is_away() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(10), |_| {}).await.unwrap()), 10);
    let facts = wallet.stored(channel).await.unwrap().1;
    let mut hand = Hand::new(&world, &facts);
    world.ledger.set_down(true);
    // The wallet would ask the ledger first; this client knows its own signature.
    let (mut client, last) = Stranger::greet(&world, channel).await;
    let own = wallet.audit(channel, |_| {}).await.unwrap();
    assert_eq!(last.number, own.number());
    hand.replay(&wallet, channel).await;
    client.say(ToVendor::Release(hand.signature)).await;
    assert!(matches!(client.hear().await, ToClient::Unlocked(unlocked) if unlocked.receipts == 10));
    assert_eq!(phase(&world, channel).await, Phase::Unlocked);
    world.ledger.set_down(false);
    assert!(matches!(client.hear().await, ToClient::Settled(settled) if settled.units.as_count() == 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_wants_to_close_stops_taking_payments_and_asks_for_the_release() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(100_000).await;
    let closing = world.vendor_journal().await;
    let paced = Order { pace: Pace::PerSecond(2000.0), ..order(100_000) };
    let seen = AtomicU32::new(0);
    let paying = wallet.pay(channel, paced, |done| seen.store(done, Ordering::SeqCst));
    let close = async {
        eventually(async || seen.load(Ordering::SeqCst) > 100).await;
        // What `lockstep vendor close` does, from another process.
        let mark = Advance::new(channel, Phase::Open, Phase::Closing);
        closing.save(Change::Advance(mark)).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(paying, close);
    let PayOutcome::VendorCloses(paid) = outcome.unwrap() else { panic!("everything was paid") };
    let kept = closing.channel(channel).await.unwrap().unwrap().n;
    assert!(paid.last.number <= kept, "{paid:?} {kept:?}");
    let released = wallet.release(channel).await.unwrap();
    assert_eq!(released.last.number, kept);
    assert_eq!(released.record.state(), ChannelState::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_verifies_and_no_bit_of_it_can_be_flipped() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(4), |_| {}).await.unwrap()), 4);
    wallet.release(channel).await.unwrap();
    let journal = world.vendor_journal().await;
    let mut reader = ReceiptReader::open(&*journal, channel).await.unwrap();
    let mut text = Vec::new();
    transcript::write_heading(&mut text, reader.opening()).unwrap();
    for receipt in reader.next_row().await.unwrap() {
        transcript::write_receipt(&mut text, &receipt).unwrap();
    }
    let checked = transcript::check(&mut &text[..], |_| {}).unwrap();
    assert_eq!((checked.transcript.number(), checked.opening.opening().channel_id()), (n(4), channel));
    // One hexadecimal digit of every 41st byte: opening, fields, memo, signature, all of them.
    let mut flipped = 0;
    for place in (0..text.len()).step_by(41).filter(|place| text[*place].is_ascii_hexdigit()) {
        let mut spoilt = text.clone();
        spoilt[place] = if text[place] == b'0' { b'1' } else { b'0' };
        if spoilt != text {
            assert!(transcript::check(&mut &spoilt[..], |_| {}).is_err(), "byte {place} can be changed");
            flipped += 1;
        }
    }
    assert!(flipped > 30, "{flipped}");
    // A line that is missing in the middle, and one that is cut.
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let gap = [lines[0], lines[1], lines[3]].concat();
    assert!(matches!(transcript::check(&mut &gap[..], |_| {}), Err(BadTranscript::Receipt(_))));
    let cut = &text[..text.len() - 1];
    assert!(matches!(transcript::check(&mut &cut[..], |_| {}), Err(BadTranscript::Line { line: 5 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journals_tell_the_ending() {
    let world = World::new().await;
    let (wallet, channel) = world.channel(10).await;
    assert_eq!(all(wallet.pay(channel, order(2), |_| {}).await.unwrap()), 2);
    let released = wallet.release(channel).await.unwrap();
    let stored = world.vendor_journal().await.channel(channel).await.unwrap().unwrap();
    let ending: Ending = replay::decode_note(&stored.ending).unwrap();
    assert_eq!(ending.settled.as_ref(), Some(&released.settled));
    let (stored, _) = wallet.stored(channel).await.unwrap();
    let ending: lockstep::wallet::Ending = replay::decode_note(&stored.ending).unwrap();
    assert_eq!((stored.phase, ending.settled), (Phase::Closed, Some(released.settled)));
}
