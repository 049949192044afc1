//! Clients that come from the past or too late: a wallet restored from an old copy, payments on a channel that is closing or that runs
//! out, payments by a clock that is off. Each is refused, and nothing is lost.

use std::fs;
use std::time::Duration;

use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::{Refusal, Units};
use serde_json::{Value, json};

use super::endings::reach;
use crate::folder;
use crate::forge::{after, now};
use crate::hostile::{Hostile, Said};
use crate::process::ProcessError;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::witness::number;
use crate::world::{Party, World, text};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "a wallet that is said to be restored pays on nothing that it finds, and on new channels",
        run: restored_copy,
    },
    Scenario {
        name: "a wallet from an old copy stops, and its money comes back by close and by refund",
        run: old_copy,
    },
    Scenario { name: "a payment by a clock that is off is refused, and costs nothing", run: clocks },
    Scenario { name: "nothing is accepted on a channel that is closing", run: closing },
    Scenario { name: "nothing is accepted past the vendor's margin", run: margin },
];

fn ends_with<T: std::fmt::Debug>(
    what: &str,
    result: Result<T, ProcessError>,
    expected: i32,
) -> Result<(), Failure> {
    match result {
        Err(ProcessError::Failed { code: Some(code), .. }) => expect_eq(what, code, expected),
        other => Err(Failure::new(format!("{what}: {other:?}"))),
    }
}

fn restored_copy(context: &Context) -> Result<(), Failure> {
    let world = World::found_in_a_hurry(context, "100")?;
    let opened = world.open("0.01", 100)?;
    let channel = text(&opened, "channel_id")?;
    let pay = |channel: &str| world.json(Party::Client, &["pay", channel, "--count", "5"]).map(drop);
    pay(channel)?;
    let (home, copy) = (world.home(Party::Client), world.file("copy"));
    folder::copy(&home, &copy)?;
    fs::remove_dir_all(&home)?;
    fs::rename(&copy, &home)?;

    // The vendor has nothing that the copy lacks, so only the explicit act can stop it.
    let stopped = world.json(Party::Client, &["restored"])?;
    expect_eq("stopped", &stopped, &json!({ "stopped": [channel] }))?;
    expect_eq("stopped again", &world.json(Party::Client, &["restored"])?, &json!({ "stopped": [] }))?;
    ends_with("a payment from the copy", pay(channel), 1)?;
    ends_with("a release", world.json(Party::Client, &["release", channel]), 1)?;
    world.json(Party::Vendor, &["close", channel, "--by-token", "--wait", "60s"])?;
    let record = world.until_state(channel, ChannelState::Closed)?;
    expect_eq("claimed", record.claim().map(|claim| claim.units), Some(Units::from_count(5)))?;

    let fresh = world.open("0.01", 10)?;
    let fresh = text(&fresh, "channel_id")?;
    pay(fresh)?;
    world.json(Party::Client, &["release", fresh])?;
    world.until_balances(99_900_000, 100_000)?;
    world.stop()
}

fn old_copy(context: &Context) -> Result<(), Failure> {
    let mut world = World::found_in_a_hurry(context, "100")?;
    let (closed, refunded) = (world.open("0.01", 100)?, world.open_for("0.01", 100, "30s")?);
    let (closed, refunded) = (text(&closed, "channel_id")?, text(&refunded, "channel_id")?);
    let pay = |channel: &str| world.json(Party::Client, &["pay", channel, "--count", "5"]).map(drop);
    pay(closed)?;
    pay(refunded)?;
    let (home, old) = (world.home(Party::Client), world.file("old-copy"));
    folder::copy(&home, &old)?;
    pay(closed)?;
    pay(refunded)?;
    fs::remove_dir_all(&home)?;
    fs::rename(&old, &home)?;

    // Exit 7: the vendor remembers what this journal does not. Then 1: the channel is stopped, for ever.
    for channel in [closed, refunded] {
        for code in [7, 1] {
            ends_with("a payment from the old copy", pay(channel), code)?;
        }
        ends_with("a release", world.json(Party::Client, &["release", channel]), 1)?;
        expect_eq("the phase", world.phase(Party::Client, channel)?.as_str(), "stopped")?;
        expect_eq("the vendor's payments", world.payments(Party::Vendor, channel)?, 10)?;
    }

    world.json(Party::Vendor, &["close", closed, "--by-token", "--wait", "60s"])?;
    let record = world.until_state(closed, ChannelState::Closed)?;
    expect_eq("claimed", record.claim().map(|claim| claim.units), Some(Units::from_count(10)))?;
    // A vendor that has gone for good, and a bank that does not refund in its client's stead.
    world.kill(Party::Vendor);
    world.kill(Party::Bank);
    let mut done = Value::Null;
    world.until("the channel expires", || {
        Ok(world.json(Party::Client, &["refund", refunded]).map(|answer| done = answer).is_ok())
    })?;
    text(&done, "tx_id")?;
    world.restart(Party::Bank)?;
    world.until_state(refunded, ChannelState::Refunded)?;
    world.until_balances(99_900_000, 100_000)?;
    world.stop()
}

/// Opens a channel of a hundred cents and gives its id and a payer on it that says what it likes.
fn hostile(world: &World, life: &str) -> Result<(String, Hostile), Failure> {
    let opened = world.open_for("0.01", 100, life)?;
    let channel = text(&opened, "channel_id")?.to_owned();
    let payer = Hostile::new(world, &channel)?;
    Ok((channel, payer))
}

fn clocks(context: &Context) -> Result<(), Failure> {
    let world = World::found(context, "100")?;
    let (channel, mut payer) = hostile(&world, "1h")?;
    let hour = Duration::from_secs(3600);
    let ahead = payer.dated(after(now(), hour))?;
    let behind = now().checked_sub(hour).ok_or_else(|| Failure::new("the clock is near 1970"))?;
    let behind = payer.dated(behind)?;
    block_on(async {
        let said = payer.send_row(&[ahead]).await?;
        said.expect_refused("dated an hour ahead", Refusal::TimeAhead, false)?;
        let said = payer.send_row(&[behind]).await?;
        said.expect_refused("dated before the opening", Refusal::TimeRunsBackwards, true)
    })?;
    world.json(Party::Client, &["pay", &channel, "--count", "3"])?;
    let released = world.json(Party::Client, &["release", &channel])?;
    expect_eq("receipts", number(&released, "receipts_verified")?, 3)?;
    world.until_balances(99_970_000, 30_000)?;
    world.stop()
}

fn closing(context: &Context) -> Result<(), Failure> {
    let world = World::found(context, "100")?;
    let (channel, mut payer) = hostile(&world, "1h")?;
    let row = payer.row(2, &[])?;
    block_on(payer.send_row(&row))?.acknowledged()?;
    ends_with(
        "a close that waits for nobody",
        world.json(Party::Vendor, &["close", &channel, "--wait", "0s"]),
        1,
    )?;
    expect_eq("the phase", world.phase(Party::Vendor, &channel)?.as_str(), "closing")?;
    let more = payer.row(1, &[])?;
    let said = block_on(payer.send_row(&more))?;
    said.expect_refused("a payment on a closing channel", Refusal::ChannelClosing, true)?;
    expect_eq("payments", world.payments(Party::Vendor, &channel)?, 2)?;
    // The vendor waits for the release of what it has, and closes by token without it.
    world.json(Party::Vendor, &["close", &channel, "--by-token", "--wait", "60s"])?;
    world.until_balances(99_980_000, 20_000)?;
    match block_on(payer.send_row(&more))? {
        Said::Settled(settled) => expect_eq("units", settled.units, Units::from_count(2))?,
        other => return Err(Failure::new(format!("a payment on a closed channel: {other:?}"))),
    }
    world.stop()
}

fn margin(context: &Context) -> Result<(), Failure> {
    let world = World::found_in_a_hurry(context, "100")?;
    let (taken, mut payer) = hostile(&world, "20s")?;
    let (untaken, mut late) = hostile(&world, "20s")?;
    let row = payer.row(2, &[])?;
    block_on(payer.send_row(&row))?.acknowledged()?;
    // D + 3L + R of a vendor in a hurry, and the rest for the second channel.
    let record = world.record(&untaken)?;
    let near = record.opening().terms().expiry.checked_sub(Duration::from_secs(6));
    block_on(reach(near.ok_or_else(|| Failure::new("the clock is near 1970"))?));
    let more = payer.row(1, &[])?;
    let said = block_on(payer.send_row(&more))?;
    match said {
        // It closes by itself, and may be through with it by now.
        Said::Settled(settled) => expect_eq("units", settled.units, Units::from_count(2))?,
        said => said.expect_refused("a payment past the margin", Refusal::ChannelClosing, true)?,
    }
    let first = late.row(1, &[])?;
    let said = block_on(late.send_row(&first))?;
    said.expect_refused("a first payment past the margin", Refusal::LifeOutsideTerms, true)?;
    let record = world.until_state(&taken, ChannelState::Closed)?;
    expect_eq("claimed", record.claim().map(|claim| claim.units), Some(Units::from_count(2)))?;
    world.until_state(&untaken, ChannelState::Refunded)?;
    world.until_balances(99_980_000, 20_000)?;
    world.stop()
}
