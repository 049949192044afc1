//! Channels that end without a release, with bank, vendor and client as processes: by token and by refund.

use std::time::Duration;

use lockstep_protocol::Units;
use lockstep_protocol::ledger::ChannelState;
use lockstep_protocol::rules::latest_claim;
use serde_json::Value;

use super::endings::reach;
use crate::hostile::{Hostile, Said};
use crate::process::ProcessError;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::world::{Party, World, text};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a vendor closes by token without its client", run: by_token },
    Scenario { name: "a vendor closes an unused channel, and all of it goes back", run: unused },
    Scenario { name: "a vendor that comes back just before expiry is paid", run: just_before_expiry },
    Scenario { name: "a client takes an expired channel back", run: refund },
];

fn by_token(context: &Context) -> Result<(), Failure> {
    let world = World::found(context, "100")?;
    let used = world.open("0.01", 1_000)?;
    let used = text(&used, "channel_id")?;
    world.json(Party::Client, &["pay", used, "--count", "300", "--units", "2"])?;
    world.json(Party::Vendor, &["close", used, "--by-token"])?;
    world
        .until("the bank posts the claim", || Ok(world.balance(world.vendor_key())?.balance == 6_000_000))?;
    let client = world.balance(world.client_key())?;
    expect_eq("the client's account", (client.balance, client.reserved), (94_000_000, 0))?;
    match world.json(Party::Client, &["pay", used]) {
        Err(ProcessError::Failed { .. }) => {}
        other => return Err(Failure::new(format!("a payment after the close: {other:?}"))),
    }
    world.audit()?;
    world.stop()
}

/// A client that names its channel to the vendor and pays nothing: the vendor closes at c = 0, without any payment.
fn unused(context: &Context) -> Result<(), Failure> {
    let world = World::found(context, "100")?;
    world.set_reputations_to_ninety()?;
    let channel = text(&world.open("0.01", 1_000)?, "channel_id")?.to_owned();
    let client = Hostile::new(&world, &channel)?;
    // Bytes that are no batch: the vendor hears of the channel, and has nothing.
    match block_on(client.send_bytes(Vec::new()))? {
        Said::Refused(_) => {}
        other => return Err(Failure::new(format!("no payment: {other:?}"))),
    }
    expect_eq("the vendor's phase", world.phase(Party::Vendor, &channel)?.as_str(), "open")?;
    world.json(Party::Vendor, &["close", &channel, "--by-token", "--wait", "60s"])?;
    expect_eq("the vendor's phase", world.phase(Party::Vendor, &channel)?.as_str(), "closed")?;
    let record = world.until_state(&channel, ChannelState::Closed)?;
    expect_eq("claimed", record.claim().map(|claim| claim.units), Some(Units::ZERO))?;
    expect_eq("to the client", record.change()?.to_client, record.opening().terms().total)?;
    world.until_balances(100_000_000, 0)?;
    let (movements, changes) = world.causes(world.client_key())?;
    expect_eq("movements", movements, ["deposit", "reserve", "closed"].map(ToOwned::to_owned).to_vec())?;
    expect_eq("changes of the client's reputation", changes.len(), 1)?;
    world.json(Party::Vendor, &["close", &channel, "--by-token", "--wait", "60s"])?;
    world.until_balances(100_000_000, 0)?;
    world.stop()
}

/// From expiry − D on the ledger takes no claim of now; one that is dated before it is taken as long as the endorsers' clocks allow.
fn just_before_expiry(context: &Context) -> Result<(), Failure> {
    let mut world = World::found_in_a_hurry_with_drift(context, "100", "12s")?;
    let opened = world.open_for("0.01", 1_000, "98s")?;
    let channel = text(&opened, "channel_id")?;
    world.json(Party::Client, &["pay", channel, "--count", "5"])?;
    world.kill(Party::Vendor);
    let record = world.record(channel)?;
    let (drift, expiry) = (record.max_drift(), record.opening().terms().expiry);
    let near = expiry.checked_sub(Duration::from_millis(11_500));
    block_on(reach(near.ok_or_else(|| Failure::new("the clock is near 1970"))?));
    world.restart(Party::Vendor)?;
    let record = world.until_state(channel, ChannelState::Closed)?;
    let claim = record.claim().map(|claim| (claim.units, Some(claim.ts)));
    expect_eq("claimed", claim, Some((Units::from_count(5), latest_claim(drift, expiry))))?;
    world.until_balances(99_950_000, 50_000)?;
    world.stop()
}

fn refund(context: &Context) -> Result<(), Failure> {
    let mut world = World::found_in_a_hurry(context, "100")?;
    let opened = world.open_for("0.01", 1_000, "20s")?;
    let channel = text(&opened, "channel_id")?;
    expect_eq("reserved", world.balance(world.client_key())?.reserved, 10_000_000)?;
    match world.json(Party::Client, &["refund", channel]) {
        Err(ProcessError::Failed { code: Some(1), .. }) => {}
        other => return Err(Failure::new(format!("a refund before expiry: {other:?}"))),
    }
    // The bank refunds as well: it is not there to do so.
    world.kill(Party::Bank);
    let mut refunded = Value::Null;
    world.until("the channel expires", || {
        Ok(world.json(Party::Client, &["refund", channel]).map(|done| refunded = done).is_ok())
    })?;
    text(&refunded, "tx_id")?;
    world.restart(Party::Bank)?;
    world.until("the bank posts the refund", || {
        Ok(world.balance(world.client_key())?.balance == 100_000_000)
    })?;
    let again = world.json(Party::Client, &["refund", channel])?;
    expect_eq("the same again", again.get("state").and_then(Value::as_str), Some("refunded"))?;
    world.audit()?;
    world.stop()
}
