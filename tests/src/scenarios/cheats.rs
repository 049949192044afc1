//! Parties that cheat, with bank and vendor as processes: what each lie comes to on the ledger, in the books and in the reputations.

use lockstep::ledger::{Ledger as _, LedgerError};
use lockstep_protocol::ledger::{ChannelState, Refund, Resolve};
use lockstep_protocol::{Refusal, Units};
use serde_json::Value;

use super::endings::reach;
use crate::forge::after;
use crate::hostile::Hostile;
use crate::process::ProcessError;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::world::{Party, World, text};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "a bad lock is proven to the bank, and the vendor is paid from the frozen channel",
        run: bad_lock,
    },
    Scenario {
        name: "a proven cheat is never refunded, and its vendor claims after expiry too",
        run: late_claim,
    },
    Scenario { name: "a bad release convicts nobody, and the vendor closes by token", run: bad_release },
    Scenario { name: "an accused vendor loses reputation only by the operator's decision", run: accused },
];

/// Opens a channel of a hundred cents and gives its id and a hostile payer on it.
fn cheat(world: &World, life: &str) -> Result<(String, Hostile), Failure> {
    let opened = world.open_for("0.01", 100, life)?;
    let channel = text(&opened, "channel_id")?.to_owned();
    let payer = Hostile::new(world, &channel)?;
    Ok((channel, payer))
}

/// A verb that must be refused.
fn refused(what: &str, result: Result<Value, ProcessError>) -> Result<(), Failure> {
    match result {
        Err(ProcessError::Failed { code: Some(1), .. }) => Ok(()),
        other => Err(Failure::new(format!("{what}: {other:?}"))),
    }
}

fn refused_by_contract<T: std::fmt::Debug>(
    what: &str,
    result: Result<T, LedgerError>,
    refusal: Refusal,
) -> Result<(), Failure> {
    match result {
        Err(LedgerError::Refused(found)) => expect_eq(what, found, refusal),
        other => Err(Failure::new(format!("{what}: {other:?}"))),
    }
}

fn bad_lock(context: &Context) -> Result<(), Failure> {
    let world = World::found(context, "100")?;
    world.set_reputations_to_ninety()?;
    let (channel, mut payer) = cheat(&world, "1h")?;
    let row = payer.row(5, &[2])?;
    block_on(async {
        expect_eq("units", payer.send_row(&row).await?.acknowledged()?.released.as_count(), 5)
    })?;
    let certificate = world.certificate(Party::Bank);
    let proof = ["proof", &channel, "--bank", world.bank_url(), "--bank-ca", &certificate];
    refused("a proof before there is one", world.json(Party::Vendor, &proof))?;
    block_on(async { payer.release().await?.expect_refused("the release", Refusal::BadRelease, true) })?;
    let record = world.until_state(&channel, ChannelState::Resolved)?;
    expect_eq("claimed", record.claim().map(|claim| claim.units), Some(Units::from_count(5)))?;
    // What the vendor has brought there already is taken again, and convicts once.
    for _ in 0..2 {
        let brought = world.json(Party::Vendor, &proof)?;
        expect_eq("the proof is about", text(&brought, "channel_id")?, channel.as_str())?;
        text(&brought, "evidence")?;
    }
    world.until_balances(99_950_000, 50_000)?;
    let (movements, changes) = world.causes(world.client_key())?;
    expect_eq(
        "the client's movements",
        movements.iter().map(String::as_str).collect::<Vec<_>>(),
        vec!["deposit", "reserve", "frozen", "claimed", "resolved"],
    )?;
    expect_eq("changes", changes.last().map(String::as_str), Some("fraud_proof"))?;
    expect_eq("the client's reputation", world.reputation(world.client_key())?, 30)?;
    expect_eq("the vendor's reputation", world.reputation(world.vendor_key())?, 90)?;
    refused("another opening", world.open("0.01", 100))?;
    world.stop()
}

fn late_claim(context: &Context) -> Result<(), Failure> {
    let mut world = World::found_in_a_hurry(context, "100")?;
    let (channel, mut payer) = cheat(&world, "30s")?;
    let row = payer.row(5, &[2])?;
    block_on(payer.send_row(&row))?.acknowledged()?;
    // What the vendor would do with its proof is done for it, so that it is not there to claim before expiry.
    world.kill(Party::Vendor);
    let vendor = world.key(Party::Vendor, "account-key.pem")?;
    let [_, earlier, later, ..] = row.as_slice() else { return Err(Failure::new("a row of five")) };
    let proof = payer.proof(earlier, later);
    let (id, bank) = (channel.parse()?, world.bank()?);
    let first = block_on(bank.report_fraud(&vendor, id, &proof))?;
    expect_eq("frozen", (first.frozen, first.evidence), (true, proof.evidence()))?;
    let again = block_on(bank.report_fraud(&vendor, id, &proof))?;
    expect_eq("the same proof again", again.evidence, first.evidence)?;
    let record = world.until_state(&channel, ChannelState::Frozen)?;
    world.until("the bank withholds", || Ok(world.balance(world.client_key())?.withheld == 1_000_000))?;
    let (_, changes) = world.causes(world.client_key())?;
    expect_eq("convictions", changes.iter().filter(|cause| *cause == "fraud_proof").count(), 1)?;
    expect_eq("the client's reputation", world.reputation(world.client_key())?, 40)?;

    // A bank in a hurry: it cannot resolve what nobody has claimed and what has not expired.
    world.kill(Party::Bank);
    let ledger = world.ledger("BankMSP")?;
    let key = world.key(Party::Bank, "bank-key.pem")?;
    let early = block_on(ledger.resolve(&Resolve::sign(id, Units::ZERO, &key)));
    refused_by_contract("resolved before expiry", early, Refusal::TooEarlyToResolve)?;
    refused("a refund before expiry", world.json(Party::Client, &["refund", &channel]))?;

    let drift = record.max_drift().as_duration();
    block_on(reach(after(record.opening().terms().expiry, drift * 2)));
    refused("a refund after expiry", world.json(Party::Client, &["refund", &channel]))?;
    let refund = block_on(ledger.refund(&Refund::new(id)));
    refused_by_contract("a refund by somebody else", refund, Refusal::WrongState)?;

    // The vendor goes on from its own journal alone, and the bank from its own books.
    world.restart(Party::Vendor)?;
    let record = world.until_state(&channel, ChannelState::Claimed)?;
    let change = record.change()?;
    expect_eq("claimed", (change.to_vendor.as_micros(), change.withheld.as_micros()), (50_000, 950_000))?;
    world.restart(Party::Bank)?;
    world.until_state(&channel, ChannelState::Resolved)?;
    world.until_balances(99_950_000, 50_000)?;
    expect_eq("the client's reputation after all", world.reputation(world.client_key())?, 40)?;
    world.stop()
}

fn bad_release(context: &Context) -> Result<(), Failure> {
    let world = World::found_in_a_hurry(context, "100")?;
    world.set_reputations_to_ninety()?;

    // Anybody can send a signature that does not verify: it changes nothing, and no release is accepted.
    let (one, mut payer) = cheat(&world, "1h")?;
    let row = payer.row(3, &[])?;
    let other = payer.sign(row.first().ok_or_else(|| Failure::new("a row of three"))?);
    block_on(async {
        payer.send_row(&row).await?.acknowledged()?;
        payer.release_with(other).await?.expect_refused("a bad release", Refusal::BadRelease, true)
    })?;
    expect_eq("the vendor's phase", world.phase(Party::Vendor, &one)?.as_str(), "open")?;
    expect_eq("the state", world.record(&one)?.state(), ChannelState::Open)?;
    world.json(Party::Vendor, &["close", &one, "--wait", "60s"])?;

    // A good signature above a bad lock is the client's, and proves nothing: the vendor waits for nothing more.
    let (two, mut payer) = cheat(&world, "1h")?;
    let row = payer.row(4, &[4])?;
    block_on(async {
        payer.send_row(&row).await?.acknowledged()?;
        payer.release().await?.expect_refused("a bad last lock", Refusal::BadRelease, true)
    })?;
    for (channel, units) in [(&one, 3), (&two, 4)] {
        let record = world.until_state(channel, ChannelState::Closed)?;
        expect_eq("a release", record.release().is_some(), false)?;
        expect_eq("units", record.claim().map(|claim| claim.units), Some(Units::from_count(units)))?;
    }
    world.until_balances(99_930_000, 70_000)?;
    expect_eq("the client's reputation", world.reputation(world.client_key())?, 90)?;
    expect_eq("the vendor's reputation", world.reputation(world.vendor_key())?, 90)?;
    world.stop()
}

/// The operator's verbs: what is decided twice changes nothing more, and nothing is decided otherwise afterwards.
fn accused(context: &Context) -> Result<(), Failure> {
    let world = World::found(context, "100")?;
    world.set_reputations_to_ninety()?;
    let again = |verb: &[&str]| {
        let answer = world.json(Party::Bank, verb)?;
        Ok::<_, Failure>(answer.get("already_done").and_then(Value::as_bool))
    };
    // At fault, and the units that the operator decides are fewer than the vendor holds tokens for: its claim wins.
    // Not at fault, and the vendor gets what it has not claimed as well.
    for (verdict, other, decided, paid, points) in
        [("--at-fault", "--not-at-fault", "0", 10, 70), ("--not-at-fault", "--at-fault", "15", 15, 70)]
    {
        let opened = world.open("0.01", 100)?;
        let channel = text(&opened, "channel_id")?;
        world.json(Party::Client, &["pay", channel, "--count", "10"])?;
        // The operator's verbs are for channels that the books have seen open.
        world.until("the books have the opening", || {
            let listed = world.listed(Party::Bank, channel)?;
            Ok(listed.and_then(|row| row.get("state")?.as_str().map(|state| state == "open")) == Some(true))
        })?;
        refused("a decision without an accusation", world.json(Party::Bank, &["decide", channel, verdict]))?;
        let freeze = ["freeze", channel, "--reason", "2", "--evidence", "nothing was delivered"];
        expect_eq("a freeze", again(&freeze)?, Some(false))?;
        expect_eq("the same freeze", again(&freeze)?, Some(true))?;
        world.until_state(channel, ChannelState::Frozen)?;
        refused("a payment on a frozen channel", world.json(Party::Client, &["pay", channel]))?;

        let accuse = ["accuse", channel, "--statement", "I paid and got nothing"];
        expect_eq("an accusation", again(&accuse)?, Some(false))?;
        expect_eq("the same accusation", again(&accuse)?, Some(true))?;
        let decide = ["decide", channel, verdict];
        expect_eq("a decision", again(&decide)?, Some(false))?;
        expect_eq("the same decision", again(&decide)?, Some(true))?;
        refused("the other decision", world.json(Party::Bank, &["decide", channel, other]))?;
        expect_eq("the vendor's reputation", world.reputation(world.vendor_key())?, points)?;

        world.until("the books have the freeze", || {
            Ok(world.balance(world.client_key())?.withheld == 1_000_000)
        })?;
        world.json(Party::Bank, &["resolve", channel, "--units", decided])?;
        world.json(Party::Vendor, &["close", channel, "--by-token", "--wait", "60s"])?;
        let record = world.until_state(channel, ChannelState::Resolved)?;
        expect_eq("claimed", record.claim().map(|claim| claim.units), Some(Units::from_count(10)))?;
        let change = record.change()?;
        expect_eq("by the resolution", change.to_vendor.as_micros(), (paid - 10) * 10_000)?;
        world.until("the books have the resolution", || {
            Ok(world.balance(world.client_key())?.withheld == 0)
        })?;
    }
    world.until_balances(99_750_000, 250_000)?;
    expect_eq("the client's reputation", world.reputation(world.client_key())?, 90)?;
    world.stop()
}
