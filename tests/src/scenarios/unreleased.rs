//! Channels that end without a release, with bank, vendor and client as processes: by token and by refund.

use serde_json::Value;

use crate::process::ProcessError;
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::world::{Party, World, text};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a vendor closes by token without its client", run: by_token },
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

fn refund(context: &Context) -> Result<(), Failure> {
    let world = World::found_in_a_hurry(context, "100")?;
    let opened = world.open_for("0.01", 1_000, "20s")?;
    let channel = text(&opened, "channel_id")?;
    expect_eq("reserved", world.balance(world.client_key())?.reserved, 10_000_000)?;
    match world.json(Party::Client, &["refund", channel]) {
        Err(ProcessError::Failed { code: Some(1), .. }) => {}
        other => return Err(Failure::new(format!("a refund before expiry: {other:?}"))),
    }
    world.until("the channel expires", || Ok(world.json(Party::Client, &["refund", channel]).is_ok()))?;
    world.until("the bank posts the refund", || {
        Ok(world.balance(world.client_key())?.balance == 100_000_000)
    })?;
    let again = world.json(Party::Client, &["refund", channel])?;
    expect_eq("the same again", again.get("state").and_then(Value::as_str), Some("refunded"))?;
    world.audit()?;
    world.stop()
}
