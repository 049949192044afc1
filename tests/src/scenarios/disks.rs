//! Disks that are full: whoever cannot save stops and says so, nothing that was acknowledged is lost, and it goes on when there is room.
//!
//! The journals lie on a real file system with a few kilobytes of room. Where the machine does not let its user mount one, the
//! scenarios count as skipped, on either network.

use lockstep_protocol::ledger::ChannelState;
use serde_json::Value;

use crate::process::{self, ProcessError};
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::small_disk::SmallDisk;
use crate::witness::number;
use crate::world::{Party, World, text};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a vendor whose disk is full stops, and goes on when there is room", run: vendor },
    Scenario { name: "a wallet whose disk is full stops, and goes on when there is room", run: wallet },
    Scenario { name: "a bank whose books have no room stops, and goes on when there is room", run: books },
    Scenario {
        name: "a bank whose log of openings has no room stops, and goes on when there is room",
        run: log,
    },
];

/// The exit code of a program that cannot save.
const STORAGE: i32 = 6;

/// Room on the small disk, in kilobytes.
const ROOM: u32 = 256;

/// More payments than the small disk has room for.
const MANY: &str = "40000";

/// Units of the channels.
const UNITS: u32 = 100_000;

/// Openings that are tried until the bank's disk is full.
const OPENINGS: u32 = 400;

/// Asked before anything is started.
fn small_disks() -> Result<(), Failure> {
    if SmallDisk::is_permitted() {
        return Ok(());
    }
    Err(Failure::not_possible_here(
        "no file system can be mounted here: it needs unprivileged user namespaces",
    ))
}

/// What a failed command says: its exit code, sentence and hint.
fn complaint<T: std::fmt::Debug>(result: Result<T, ProcessError>) -> Result<(i32, String, String), Failure> {
    let (code, stderr) = match result {
        Err(ProcessError::Failed { code: Some(code), stderr, .. }) => (code, stderr),
        other => return Err(Failure::new(format!("expected a failure, found {other:?}"))),
    };
    let last = stderr.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
    let error = last.as_ref().and_then(|line| line.get("error")).cloned().unwrap_or_default();
    let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((code, part("message"), part("hint")))
}

fn expect_in(what: &str, text: &str, wanted: &str) -> Result<(), Failure> {
    if text.contains(wanted) {
        return Ok(());
    }
    Err(Failure::new(format!("{what}: expected {wanted:?} in {text:?}")))
}

/// Pays once more, releases, and checks that everything that was signed has been paid.
fn settle(world: &World, channel: &str) -> Result<(), Failure> {
    world.json(Party::Client, &["pay", channel, "--count", "5"])?;
    let paid = world.payments(Party::Client, channel)?;
    expect_eq("payments of the vendor", world.payments(Party::Vendor, channel)?, paid)?;
    let released = world.json(Party::Client, &["release", channel])?;
    expect_eq("receipts", number(&released, "receipts_verified")?, paid)?;
    world.until_state(channel, ChannelState::Closed)?;
    world.until_balances(2_000_000_000 - paid * 10_000, paid * 10_000)
}

fn vendor(context: &Context) -> Result<(), Failure> {
    small_disks()?;
    let mut world = World::found(context, "2000")?;
    let opened = world.open("0.01", UNITS)?;
    let channel = text(&opened, "channel_id")?;
    world.json(Party::Client, &["pay", channel, "--count", "10"])?;
    world.kill(Party::Vendor);
    let home = world.home(Party::Vendor);
    world.lay_on_small_disk(Party::Vendor, Some((&home, ROOM)))?;
    world.restart(Party::Vendor)?;

    let (_, _, hint) = complaint(world.json(Party::Client, &["pay", channel, "--count", MANY]))?;
    let acknowledged: u64 = hint.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
    expect_eq("the vendor's exit code", world.ended(Party::Vendor)?, STORAGE)?;
    expect_in("the vendor's log", &world.log(Party::Vendor), "journal.db cannot be written")?;
    // What it acknowledged it has.
    let kept = world.payments(Party::Vendor, channel)?;
    if acknowledged == 0 || kept < 10 + acknowledged {
        return Err(Failure::new(format!("10 and {acknowledged} were acknowledged, {kept} are kept")));
    }
    world.lay_on_small_disk(Party::Vendor, None)?;
    world.restart(Party::Vendor)?;
    settle(&world, channel)?;
    world.stop()
}

fn wallet(context: &Context) -> Result<(), Failure> {
    small_disks()?;
    let world = World::found(context, "2000")?;
    let opened = world.open("0.01", UNITS)?;
    let channel = text(&opened, "channel_id")?;
    let disk = SmallDisk::new(&world.home(Party::Client), &world.empty_folder("under-a-small-disk")?, ROOM);
    let pay = world.command(Party::Client, &["pay", channel, "--count", MANY]);
    let (code, message, _) = complaint(process::json(disk.run(&pay)))?;
    expect_eq("the wallet's exit code", code, STORAGE)?;
    expect_in("the wallet's sentence", &message, "journal.db cannot be written")?;
    // What the vendor has, the wallet has signed and kept.
    let kept = world.payments(Party::Client, channel)?;
    let taken = world.payments(Party::Vendor, channel)?;
    if taken == 0 || taken > kept {
        return Err(Failure::new(format!("the vendor has {taken} payments, the wallet kept {kept}")));
    }
    settle(&world, channel)?;
    world.stop()
}

fn books(context: &Context) -> Result<(), Failure> {
    small_disks()?;
    let log = tempfile::tempdir()?;
    let mut world = World::found_with_log_in(context, "2000", log.path())?;
    let home = world.home(Party::Bank);
    world.kill(Party::Bank);
    world.lay_on_small_disk(Party::Bank, Some((&home, ROOM)))?;
    full_bank(world)
}

fn log(context: &Context) -> Result<(), Failure> {
    small_disks()?;
    let log = tempfile::tempdir()?;
    let mut world = World::found_with_log_in(context, "2000", log.path())?;
    world.kill(Party::Bank);
    world.lay_on_small_disk(Party::Bank, Some((log.path(), 8)))?;
    full_bank(world)
}

/// Opens channels until the bank cannot save, gives it room, and checks that every opening that it gave stands, and no other.
fn full_bank(mut world: World) -> Result<(), Failure> {
    world.restart(Party::Bank)?;
    let mut opened = Vec::new();
    let failed = loop {
        match world.open("0.01", 100) {
            Ok(answer) => opened.push(text(&answer, "channel_id")?.to_owned()),
            failed => break failed,
        }
        if opened.len() > usize::try_from(OPENINGS)? {
            return Err(Failure::new("the disk is large enough for everything"));
        }
    };
    complaint(failed)?;
    expect_eq("the bank's exit code", world.ended(Party::Bank)?, STORAGE)?;
    // Whichever part of the bank meets the full disk first says what to do.
    expect_in("the bank's log", &world.log(Party::Bank), "check the disk's space and health")?;
    world.lay_on_small_disk(Party::Bank, None)?;
    world.restart(Party::Bank)?;

    // The interrupted opening is taken up, and reserves nothing twice.
    let last = world.open("0.01", 100)?;
    opened.push(text(&last, "channel_id")?.to_owned());
    opened.sort_unstable();
    opened.dedup();
    let channels = u64::try_from(opened.len())?;
    world.until("the bank has posted every opening", || {
        let list = world.json(Party::Bank, &["channels"])?;
        let rows = list.get("channels").unwrap_or(&list).as_array().cloned().unwrap_or_default();
        let open = rows.iter().filter(|row| row.get("state").and_then(Value::as_str) == Some("open"));
        Ok(u64::try_from(open.count())? == channels)
    })?;
    let client = world.balance(world.client_key())?;
    expect_eq(
        "reserved",
        (client.balance, client.reserved),
        (2_000_000_000 - channels * 1_000_000, channels * 1_000_000),
    )?;
    world.audit()?;
    let channel = opened.last().ok_or_else(|| Failure::new("no channel"))?;
    world.json(Party::Client, &["pay", channel, "--count", "5"])?;
    world.json(Party::Client, &["release", channel])?;
    world.until("the bank posts the close", || Ok(world.balance(world.vendor_key())?.balance == 50_000))?;
    world.audit()?;
    world.stop()
}
