//! The happy path: bank, vendor and client as processes, from deposit to posted close, every receipt verified.

use std::fs;

use lockstep_protocol::Refusal;
use serde_json::Value;

use crate::process::ProcessError;
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::world::{Party, World, text};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "a channel is opened, paid, released and closed, and every account adds up",
        run: settle,
    },
    Scenario { name: "a channel survives the death of vendor and client between payments", run: restarted },
    Scenario { name: "an opening below reputation 50 is refused by the bank", run: reputation },
];

/// Payments in the happy path.
const PAYMENTS: u64 = 2_000;

fn number(value: &Value, field: &str) -> Option<u64> {
    value.get(field).and_then(Value::as_u64)
}

/// The number of the refusal that a failed command printed.
fn refusal_of<T: std::fmt::Debug>(result: Result<T, ProcessError>) -> Result<u64, Failure> {
    let stderr = match result {
        Err(ProcessError::Failed { stderr, code: Some(1), .. }) => stderr,
        other => return Err(Failure::new(format!("expected a refusal, found {other:?}"))),
    };
    let last = stderr.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
    last.as_ref()
        .and_then(|v| v.pointer("/error/refusal"))
        .and_then(Value::as_u64)
        .ok_or_else(|| Failure::new(format!("no refusal's number in {stderr}")))
}

fn settle(context: &Context) -> Result<(), Failure> {
    let world = World::found(context, "100")?;
    let opened = world.open("0.01", 4_000)?;
    let channel = text(&opened, "channel_id")?;
    let reserved = world.balance(world.client_key())?;
    expect_eq("reserved", (reserved.balance, reserved.reserved), (60_000_000, 40_000_000))?;

    let paid = world.json(Party::Client, &["pay", channel, "--count", &PAYMENTS.to_string()])?;
    expect_eq("payments", number(&paid, "payments"), Some(PAYMENTS))?;
    world.json(Party::Client, &["pay", channel, "--units", "10", "--memo", "ten at once"])?;

    let released = world.json(Party::Client, &["release", channel])?;
    expect_eq("receipts", number(&released, "receipts_verified"), Some(PAYMENTS + 1))?;
    world
        .until("the bank posts the close", || Ok(world.balance(world.vendor_key())?.balance == 20_100_000))?;
    let after = world.balance(world.client_key())?;
    expect_eq("the client's account", (after.balance, after.reserved), (79_900_000, 0))?;
    world.audit()?;

    let transcript = world.file("transcript");
    let path = transcript.display().to_string();
    world.json(Party::Vendor, &["receipts", channel, "--out", &path])?;
    let verified = world.json(Party::Client, &["receipts", &path])?;
    expect_eq("receipts in the transcript", number(&verified, "receipts_verified"), Some(PAYMENTS + 1))?;
    spoil(&transcript)?;
    match world.json(Party::Client, &["receipts", &path]) {
        Err(ProcessError::Failed { code: Some(7), .. }) => {}
        other => return Err(Failure::new(format!("a spoilt transcript: {other:?}"))),
    }
    world.stop()
}

/// Changes one digit in the middle of the file.
fn spoil(file: &std::path::Path) -> Result<(), Failure> {
    let mut bytes = fs::read(file)?;
    let middle = bytes.len() / 2;
    let digit = bytes.iter_mut().skip(middle).find(|b| b.is_ascii_digit());
    let digit = digit.ok_or_else(|| Failure::new("the transcript has no digit"))?;
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    fs::write(file, bytes)?;
    Ok(())
}

fn restarted(context: &Context) -> Result<(), Failure> {
    let mut world = World::found(context, "100")?;
    let opened = world.open("0.01", 1_000)?;
    let channel = text(&opened, "channel_id")?.to_owned();
    world.json(Party::Client, &["pay", &channel, "--count", "100"])?;

    // A client killed in mid-stream: at twenty a second it cannot have finished.
    let slow = ["pay", &channel, "--count", "600", "--rate", "20"];
    let mut killed = world.command(Party::Client, &slow).spawn()?;
    world.until("payments pass", || Ok(vendor_count(&world, &channel)? > 105))?;
    killed.kill()?;
    killed.wait()?;

    world.kill(Party::Vendor);
    world.kill(Party::Bank);
    world.restart(Party::Bank)?;
    world.restart(Party::Vendor)?;

    let before = vendor_count(&world, &channel)?;
    world.json(Party::Client, &["pay", &channel, "--count", "50"])?;
    let released = world.json(Party::Client, &["release", &channel])?;
    let receipts = number(&released, "receipts_verified").unwrap_or_default();
    if receipts < before + 50 {
        return Err(Failure::new(format!("{before} payments, then 50 more, gave {receipts} receipts")));
    }
    world.until("the bank posts the close", || {
        Ok(world.balance(world.vendor_key())?.balance == receipts * 10_000)
    })?;
    world.audit()?;
    world.stop()
}

/// How many payments of a channel the vendor has.
fn vendor_count(world: &World, channel: &str) -> Result<u64, Failure> {
    let channels = world.json(Party::Vendor, &["channels"])?;
    let listed = channels.as_array().or_else(|| channels.get("channels").and_then(Value::as_array));
    let found =
        listed.into_iter().flatten().find(|c| c.get("channel_id").and_then(Value::as_str) == Some(channel));
    Ok(found.and_then(|c| number(c, "payments")).unwrap_or_default())
}

fn reputation(context: &Context) -> Result<(), Failure> {
    let world = World::found(context, "100")?;
    let set = |key: &str, points: &str| world.json(Party::Bank, &["reputation", key, points]);
    set(world.client_key(), "49")?;
    let refused = refusal_of(world.open("0.01", 100))?;
    expect_eq("a client below 50", refused, Refusal::ClientReputationTooLow.number().into())?;
    set(world.client_key(), "50")?;
    set(world.vendor_key(), "49")?;
    let refused = refusal_of(world.open("0.01", 100))?;
    expect_eq("a vendor below 50", refused, Refusal::VendorReputationTooLow.number().into())?;
    set(world.vendor_key(), "50")?;
    world.open("0.01", 100)?;
    let refused = refusal_of(world.open("0.01", 10_000))?;
    expect_eq("more than the account holds", refused, Refusal::InsufficientFunds.number().into())?;
    expect_eq("reserved", world.balance(world.client_key())?.reserved, 1_000_000)?;
    world.stop()
}
