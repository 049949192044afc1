//! A bank whose books come from an older copy, and an opening that comes too late, with bank, vendor and client as processes.

use std::fs;
use std::path::PathBuf;

use lockstep::ledger::profile::Profile;
use lockstep_protocol::ledger::{ChannelState, Command, Open};
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::{Refusal, Units};
use serde_json::Value;

use super::openings::document;
use crate::contract::As;
use crate::hostile::Hostile;
use crate::process::ProcessError;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::world::{Balance, Party, World, text};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a bank with yesterday's books loses nothing and posts nothing twice", run: yesterday },
    Scenario { name: "a bank with yesterday's books keeps its convictions and decisions", run: decided },
    Scenario { name: "with the log lost too the loss stands in suspense and nowhere else", run: without_log },
    Scenario { name: HELD_BACK, run: held_back },
];

const HELD_BACK: &str = "an opening that was held back is cancelled by the bank and comes too late";

/// The files of the bank's books, as they are.
struct Copy(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Copy {
    /// Stops the bank for the copy, and starts it again.
    fn of(world: &mut World) -> Result<Self, Failure> {
        world.kill(Party::Bank);
        let home = world.home(Party::Bank);
        let files = ["books.db", "books.db-wal", "books.db-shm"].map(|name| home.join(name));
        let copy = Self(files.into_iter().map(|file| (file.clone(), fs::read(file).ok())).collect());
        world.restart(Party::Bank)?;
        Ok(copy)
    }

    /// Puts the copy into the place of what a killed bank has left.
    fn put_back(&self, world: &mut World) -> Result<(), Failure> {
        world.kill(Party::Bank);
        for (file, bytes) in &self.0 {
            match bytes {
                Some(bytes) => fs::write(file, bytes)?,
                None if file.exists() => fs::remove_file(file)?,
                None => {}
            }
        }
        Ok(())
    }
}

fn opened(world: &World, price: &str, count: u32) -> Result<String, Failure> {
    Ok(text(&world.open(price, count)?, "channel_id")?.to_owned())
}

fn both(world: &World) -> Result<(Balance, Balance), Failure> {
    Ok((world.balance(world.client_key())?, world.balance(world.vendor_key())?))
}

fn alarms(world: &World) -> Result<usize, Failure> {
    Ok(world.json(Party::Bank, &["alarms"])?.as_array().map_or(0, Vec::len))
}

fn yesterday(context: &Context) -> Result<(), Failure> {
    let mut world = World::found(context, "100")?;
    let first = opened(&world, "0.01", 1_000)?;
    world.json(Party::Client, &["pay", &first, "--count", "100"])?;
    let copy = Copy::of(&mut world)?;

    world.json(Party::Client, &["release", &first])?;
    let second = opened(&world, "0.01", 2_000)?;
    world.json(Party::Client, &["pay", &second, "--count", "200"])?;
    let third = opened(&world, "0.01", 500)?;
    world.json(Party::Client, &["pay", &third, "--count", "50"])?;
    world.json(Party::Client, &["release", &third])?;
    let key = world.client_key().to_owned();
    let deposit = ["deposit", &key, "50", "--reference", "the second deposit"];
    world.json(Party::Bank, &deposit)?;
    world.until("the bank posts both closes", || {
        Ok(world.balance(world.vendor_key())?.balance == 1_500_000)
    })?;
    // More than is there without the second deposit and without what came back from the first and third channel.
    let fourth = opened(&world, "0.12", 1_000)?;
    let before = both(&world)?;
    expect_eq("the client's account", (before.0.balance, before.0.reserved), (8_500_000, 140_000_000))?;

    copy.put_back(&mut world)?;
    world.restart(Party::Bank)?;
    // All that the ledger moved stands in the books when the bank is ready, and the deposit alone is missing.
    let restored = both(&world)?;
    expect_eq("the vendor's account", restored.1, before.1)?;
    expect_eq("the client's account", (restored.0.balance, restored.0.reserved), (0, 98_500_000))?;
    expect_eq("alarms", alarms(&world)?, 1)?;
    world.json(Party::Bank, &deposit)?;
    expect_eq("both accounts, the deposit entered again", both(&world)?, before)?;
    world.audit()?;

    for channel in [&second, &fourth] {
        world.json(Party::Client, &["pay", channel, "--count", "10"])?;
        world.json(Party::Client, &["release", channel])?;
    }
    let end = |world: &World| -> Result<bool, Failure> {
        let (client, vendor) = both(world)?;
        Ok((client.balance, client.reserved, vendor.balance) == (145_200_000, 0, 4_800_000))
    };
    world.until("the bank posts the last closes", || end(&world))?;
    closings(&world, &[&first, &second, &third, &fourth])?;
    world.kill(Party::Bank);
    world.restart(Party::Bank)?;
    expect_eq("nothing is posted twice", end(&world)?, true)?;
    world.audit()?;
    world.stop()
}

/// The client's statement has each channel's closing once.
fn closings(world: &World, channels: &[&String]) -> Result<(), Failure> {
    let statement = world.json(Party::Bank, &["statement", world.client_key()])?;
    let lines = statement.get("lines").and_then(Value::as_array);
    for channel in channels {
        let closings = lines.into_iter().flatten().filter(|line| {
            line.get("cause").and_then(Value::as_str) == Some("closed")
                && line.get("channel").and_then(Value::as_str) == Some(channel.as_str())
        });
        expect_eq(&format!("closings of {channel}"), closings.count(), 1)?;
    }
    Ok(())
}

/// What was decided since the backup stands in the log alone when the books are put back: the conviction, which the vendor
/// does not report again, and the operator's word on a channel that is not resolved yet.
fn decided(context: &Context) -> Result<(), Failure> {
    let mut world = World::found(context, "100")?;
    world.set_reputations_to_ninety()?;
    let (cheated, disputed) = (opened(&world, "0.01", 100)?, opened(&world, "0.01", 100)?);
    world.json(Party::Client, &["pay", &disputed, "--count", "10"])?;
    let mut payer = Hostile::new(&world, &cheated)?;
    let row = payer.row(5, &[2])?;
    block_on(payer.send_row(&row))?.acknowledged()?;
    let copy = Copy::of(&mut world)?;

    block_on(payer.release())?.expect_refused("the release", Refusal::BadRelease, true)?;
    world.until_state(&cheated, ChannelState::Resolved)?;
    world.json(Party::Bank, &["freeze", &disputed, "--reason", "2", "--evidence", "it did not deliver"])?;
    world.until_state(&disputed, ChannelState::Frozen)?;
    // The decision on the units is for a channel that the books have seen frozen.
    world.until("the bank withholds", || Ok(world.balance(world.client_key())?.withheld == 1_000_000))?;
    world.json(Party::Bank, &["resolve", &disputed, "--units", "15"])?;
    world.json(Party::Bank, &["accuse", &disputed, "--statement", "I paid and got nothing"])?;
    world.json(Party::Bank, &["decide", &disputed, "--at-fault"])?;
    let log = world.home(Party::Bank).join("openings.jsonl");
    world.until("the decisions stand in the log", || {
        let log = fs::read_to_string(&log)?;
        Ok(log.contains("\"decided\":15") && log.contains("at_fault"))
    })?;
    let before = both(&world)?;

    copy.put_back(&mut world)?;
    world.restart(Party::Bank)?;
    let reputations = |world: &World| -> Result<(u64, u64), Failure> {
        Ok((world.reputation(world.client_key())?, world.reputation(world.vendor_key())?))
    };
    let changes = |world: &World, cause: &str, key: &str| -> Result<usize, Failure> {
        Ok(world.causes(key)?.1.iter().filter(|change| *change == cause).count())
    };
    expect_eq("both accounts", both(&world)?, before)?;
    expect_eq("both reputations", reputations(&world)?, (30, 70))?;
    world.json(Party::Vendor, &["close", &disputed, "--by-token", "--wait", "60s"])?;
    let record = world.until_state(&disputed, ChannelState::Resolved)?;
    let claimed = record.claim().map(|claim| claim.units);
    expect_eq("claimed", claimed, Some(Units::from_count(10)))?;
    expect_eq("by the resolution", record.change()?.to_vendor.as_micros(), 50_000)?;
    world.until_balances(99_800_000, 200_000)?;
    world.kill(Party::Bank);
    world.restart(Party::Bank)?;
    expect_eq("both reputations after all", reputations(&world)?, (30, 70))?;
    expect_eq("convictions", changes(&world, "fraud_proof", world.client_key())?, 1)?;
    expect_eq("verdicts", changes(&world, "failed_delivery", world.vendor_key())?, 1)?;
    world.stop()
}

fn without_log(context: &Context) -> Result<(), Failure> {
    let mut world = World::found(context, "100")?;
    let kept = opened(&world, "0.01", 500)?;
    world.json(Party::Client, &["pay", &kept, "--count", "100"])?;
    let copy = Copy::of(&mut world)?;
    let lost = opened(&world, "0.01", 1_000)?;
    world.json(Party::Client, &["pay", &lost, "--count", "300"])?;

    copy.put_back(&mut world)?;
    fs::remove_file(world.home(Party::Bank).join("openings.jsonl"))?;
    // Books that know of openings in the log do not start without it.
    match world.json(Party::Bank, &["serve"]) {
        Err(ProcessError::Failed { code: Some(7), .. }) => {}
        other => return Err(Failure::new(format!("a bank without its log: {other:?}"))),
    }
    world.serve_bank_with(&["--rewrite-log"])?;
    let client = world.balance(world.client_key())?;
    expect_eq("the client's account", (client.balance, client.reserved), (95_000_000, 5_000_000))?;
    expect_eq("alarms", alarms(&world)?, 1)?;

    for channel in [&kept, &lost] {
        world.json(Party::Client, &["release", channel])?;
    }
    world.until("the bank posts both closes", || {
        Ok(world.balance(world.vendor_key())?.balance == 4_000_000)
    })?;
    let client = world.balance(world.client_key())?;
    expect_eq("the client's account", (client.balance, client.reserved), (99_000_000, 0))?;
    let audit = world.json(Party::Bank, &["audit"])?;
    expect_eq("suspense", text(&audit, "suspense")?, "-3000000")?;
    expect_eq("findings", audit.get("findings").and_then(Value::as_array).map(Vec::len), Some(0))?;
    world.stop()
}

fn held_back(context: &Context) -> Result<(), Failure> {
    let world = World::found_in_a_hurry(context, "100")?;
    let config = world.home(Party::Client).join("config.toml");
    let honest = fs::read_to_string(&config)?;
    fs::write(&config, with_profile(&honest, &unreachable(context, &world)?)?)?;
    // The bank grants the opening, and the client does not bring it to the ledger.
    match world.open_for("0.01", 1_000, "20s") {
        Err(ProcessError::Failed { .. }) => {}
        other => return Err(Failure::new(format!("an opening without a ledger: {other:?}"))),
    }
    fs::write(&config, honest)?;
    expect_eq("reserved", world.balance(world.client_key())?.reserved, 10_000_000)?;
    let log = fs::read_to_string(world.home(Party::Bank).join("openings.jsonl"))?;
    let line: Value = serde_json::from_str(log.lines().last().unwrap_or_default())?;
    let opening = line.get("opening").cloned().ok_or_else(|| Failure::new("the log has no opening"))?;
    let opening: SignedOpening = serde_json::from_value(opening)?;
    let id = opening.opening().channel_id().to_string();

    world.until("the bank cancels the opening", || {
        Ok(world.balance(world.client_key())?.balance == 100_000_000)
    })?;
    let open = Open::new(opening);
    let refusal = block_on(async {
        let contract = context.unobserved(&context.contract(HELD_BACK, "ClientMSP", As::User)?);
        contract.submit("too late", Open::FUNCTION, &document(&open)).await.refusal()
    })?;
    expect_eq("the opening that was held back", refusal, Refusal::WrongState)?;
    let channels = world.json(Party::Bank, &["channels", "--all"])?;
    let states = channels.as_array().into_iter().flatten();
    let states = states.filter(|c| c.get("channel_id").and_then(Value::as_str) == Some(&id));
    let states: Vec<_> = states.filter_map(|c| c.get("state")?.as_str()).collect();
    expect_eq("its state in the books", states, vec!["cancelled"])?;

    // The client goes on, with a fresh payment key.
    let next = opened(&world, "0.01", 1_000)?;
    world.json(Party::Client, &["pay", &next, "--count", "10"])?;
    world.json(Party::Client, &["release", &next])?;
    world.until("the bank posts the close", || Ok(world.balance(world.vendor_key())?.balance == 100_000))?;
    world.audit()?;
    world.stop()
}

/// The network's profile for a client to whom no peer answers, of its own organisation or another.
fn unreachable(context: &Context, world: &World) -> Result<PathBuf, Failure> {
    let mut profile = Profile::clone(&context.profile);
    for organization in &mut profile.organizations {
        for peer in &mut organization.peers {
            // Port 1 is nobody's.
            peer.address = "127.0.0.1:1".to_owned();
        }
    }
    let file = world.file("unreachable.toml");
    fs::write(&file, toml::to_string(&profile)?)?;
    Ok(file)
}

/// A configuration with another profile.
fn with_profile(config: &str, profile: &std::path::Path) -> Result<String, Failure> {
    let mut table: toml::Table = toml::from_str(config)?;
    table.insert("profile".to_owned(), toml::Value::String(profile.display().to_string()));
    Ok(toml::to_string(&table)?)
}
