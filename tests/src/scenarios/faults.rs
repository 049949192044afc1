//! Processes of the network that end and come back, with bank, vendor and client as processes above them. devnet is one process, so
//! there only its chaincodes can be taken away.

use std::process::{Child, Stdio};

use lockstep::ledger::Ledger as _;
use lockstep::ledger::fabric::{Caller, FabricLedger};
use lockstep_protocol::ledger::ChannelState;
use serde_json::Value;

use crate::network::NetworkProcesses;
use crate::process::ProcessError;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::world::{Party, World, text};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a chaincode process is killed in mid-channel", run: chaincode },
    Scenario { name: "every peer is killed in mid-channel, one after the other", run: peers },
    Scenario { name: "an opening and a close wait for a stopped orderer and commit once", run: orderer },
    Scenario { name: "a claim goes through another peer when the vendor's own is gone", run: own_peer },
    Scenario { name: "a claim goes through another peer when the vendor's own hangs", run: hanging_peer },
];

/// The network's processes; skips the scenario where peers and orderer are none of their own.
fn separate(context: &Context) -> Result<NetworkProcesses, Failure> {
    let network = processes(context)?;
    if network.is_fabric() {
        return Ok(network);
    }
    Err(Failure::not_applicable("devnet is one process: it has no peer and no orderer that could end alone"))
}

fn processes(context: &Context) -> Result<NetworkProcesses, Failure> {
    NetworkProcesses::of(&context.profile, &context.profile_file, &context.programs)
}

/// What the bank's peer has of a channel: its state, and how many versions of the record there were.
fn on_ledger(context: &Context, channel: &str) -> Result<(Option<ChannelState>, usize), Failure> {
    let id = channel.parse()?;
    block_on(async {
        let ledger = FabricLedger::connect(&context.profile, "BankMSP", Caller::User)?;
        let record = ledger.channel(id).await?;
        Ok((record.map(|record| record.state()), ledger.history(id).await?.len()))
    })
}

/// A channel of the vendor's store.
fn at_vendor(world: &World, channel: &str, field: &str) -> Result<Option<Value>, Failure> {
    let channels = world.json(Party::Vendor, &["channels"])?;
    let of = |c: &&Value| c.get("channel_id").and_then(Value::as_str) == Some(channel);
    Ok(channels.as_array().into_iter().flatten().find(of).and_then(|c| c.get(field)).cloned())
}

fn is_at_vendor(world: &World, channel: &str, phase: &str) -> Result<bool, Failure> {
    Ok(at_vendor(world, channel, "phase")?.is_some_and(|found| found == phase))
}

/// Starts a verb of the client beside everything else.
fn beside(world: &World, arguments: &[&str]) -> Result<Child, Failure> {
    Ok(world.command(Party::Client, arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?)
}

/// Has the vendor close by token; whether it is done soon is not this call's business.
fn claim(world: &World, channel: &str) -> Result<(), Failure> {
    match world.json(Party::Vendor, &["close", channel, "--by-token", "--wait", "100ms"]) {
        Ok(_) | Err(ProcessError::Failed { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn posted(world: &World, earned: u64) -> Result<(), Failure> {
    world.until("the bank posts the close", || Ok(world.balance(world.vendor_key())?.balance == earned))?;
    world.audit().map(drop)
}

fn chaincode(context: &Context) -> Result<(), Failure> {
    let network = processes(context)?;
    let world = World::found(context, "100")?;
    let opened = world.open("0.01", 1_000)?;
    let channel = text(&opened, "channel_id")?;
    let mut paying = beside(&world, &["pay", channel, "--count", "200", "--rate", "20"])?;
    world.until("payments pass", || {
        Ok(at_vendor(&world, channel, "payments")?.is_some_and(|n| n.as_u64() > Some(5)))
    })?;
    network.kill("vendor-chaincode")?;
    network.kill("client-chaincode")?;
    network.start_chaincodes()?;
    expect_eq("the paying client ends well", paying.wait()?.success(), true)?;
    let released = world.json(Party::Client, &["release", channel])?;
    expect_eq("receipts", released.get("receipts_verified").and_then(Value::as_u64), Some(200))?;
    posted(&world, 2_000_000)?;
    world.stop()
}

fn peers(context: &Context) -> Result<(), Failure> {
    let network = separate(context)?;
    let world = World::found(context, "100")?;
    let opened = world.open("0.01", 1_000)?;
    let channel = text(&opened, "channel_id")?;
    let mut paying = beside(&world, &["pay", channel, "--count", "400", "--rate", "20"])?;
    world.until("payments pass", || {
        Ok(at_vendor(&world, channel, "payments")?.is_some_and(|n| n.as_u64() > Some(5)))
    })?;
    for peer in ["vendor-peer", "client-peer", "bank-peer"] {
        network.kill(peer)?;
        network.start()?;
    }
    expect_eq("the paying client ends well", paying.wait()?.success(), true)?;
    let released = world.json(Party::Client, &["release", channel])?;
    expect_eq("receipts", released.get("receipts_verified").and_then(Value::as_u64), Some(400))?;
    posted(&world, 4_000_000)?;
    expect_eq("on the ledger", on_ledger(context, channel)?, (Some(ChannelState::Closed), 2))?;
    world.stop()
}

fn orderer(context: &Context) -> Result<(), Failure> {
    let network = separate(context)?;
    let world = World::found(context, "100")?;
    let opened = world.open("0.01", 1_000)?;
    let used = text(&opened, "channel_id")?;
    world.json(Party::Client, &["pay", used, "--count", "30"])?;

    network.stop("orderer")?;
    claim(&world, used)?;
    let certificate = world.certificate(Party::Vendor);
    let open = ["open", "--vendor", world.vendor_url(), "--vendor-ca", &certificate, "--unit-price", "0.01"];
    let open = [&open[..], &["--count", "500"]].concat();
    let mut opening = beside(&world, &open)?;
    let mut waiting = None;
    world.until("the wallet has the opening and the vendor claims", || {
        let channels = world.json(Party::Client, &["channels"])?;
        let of = |c: &&Value| c.get("phase").is_some_and(|phase| phase == "granted");
        let granted = channels.as_array().into_iter().flatten().find(of);
        waiting = granted.and_then(|c| c.get("channel_id")?.as_str().map(ToOwned::to_owned));
        Ok(waiting.is_some() && is_at_vendor(&world, used, "claiming")?)
    })?;
    let waiting = waiting.unwrap_or_default();
    expect_eq("the close before the orderer is back", on_ledger(context, used)?.0, Some(ChannelState::Open))?;
    expect_eq("the opening before the orderer is back", on_ledger(context, &waiting)?.0, None)?;
    network.start()?;

    // It waited long enough, or says that nobody knows: then the same again goes on with the same channel.
    if !opening.wait()?.success() {
        let again = world.json(Party::Client, &open)?;
        expect_eq("the channel that was opened", text(&again, "channel_id")?, waiting.as_str())?;
    }
    world.until("the vendor knows of its close", || is_at_vendor(&world, used, "closed"))?;
    posted(&world, 300_000)?;
    expect_eq("the close", on_ledger(context, used)?, (Some(ChannelState::Closed), 2))?;
    expect_eq("the opening", on_ledger(context, &waiting)?, (Some(ChannelState::Open), 1))?;
    let reserved = world.balance(world.client_key())?.reserved;
    expect_eq("reserved for one channel", reserved, 5_000_000)?;
    world.stop()
}

fn own_peer(context: &Context) -> Result<(), Failure> {
    without_own_peer(context, |network| network.kill("vendor-peer"), |network, ()| Ok(network.start()?))
}

/// The connections stand: it is no failed call that sends the vendor elsewhere, but its patience.
fn hanging_peer(context: &Context) -> Result<(), Failure> {
    without_own_peer(
        context,
        |network| network.hang("vendor-peer"),
        |_, hanging| {
            drop(hanging);
            Ok(())
        },
    )
}

fn without_own_peer<T>(
    context: &Context,
    take_away: impl FnOnce(&NetworkProcesses) -> Result<T, Failure>,
    bring_back: impl FnOnce(&NetworkProcesses, T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let network = separate(context)?;
    let world = World::found(context, "100")?;
    let opened = world.open("0.01", 1_000)?;
    let channel = text(&opened, "channel_id")?;
    world.json(Party::Client, &["pay", channel, "--count", "70"])?;
    let away = take_away(&network)?;
    claim(&world, channel)?;
    world.until("the claim is on the ledger without the vendor's peer", || {
        Ok(on_ledger(context, channel)?.0 == Some(ChannelState::Closed))
    })?;
    posted(&world, 700_000)?;
    expect_eq(
        "the vendor takes nobody else's word for it",
        is_at_vendor(&world, channel, "claiming")?,
        true,
    )?;
    bring_back(&network, away)?;
    world.until("the vendor's own peer tells it", || is_at_vendor(&world, channel, "closed"))?;
    expect_eq("the close", on_ledger(context, channel)?, (Some(ChannelState::Closed), 2))?;
    world.stop()
}
