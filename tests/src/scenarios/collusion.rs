//! Endorsers that lie together, and endorsers whose clocks differ.

use std::time::Duration;

use futures::join;
use hlf_gateway::EndorseError;
use lockstep_protocol::ledger::{ChannelState, Command, Open, Refund, RegisterBank};
use lockstep_protocol::{ChannelId, MaxDrift, Refusal, Timestamp};
use serde_json::{Value, json};

use super::endings::reach;
use super::openings::document;
use crate::contract::As;
use crate::endorsers::Liars;
use crate::forge::{Forge, after, now};
use crate::liar::LIE;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::world::{Party, World, text};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: UNJUST, run: unjust },
    Scenario { name: "endorsers whose clocks differ by D agree on claim or refund", run: skewed },
];

const UNJUST: &str = "endings that two colluding peers wrote are not posted, and the others are";

fn unjust(context: &Context) -> Result<(), Failure> {
    let mut world = World::found(context, "100")?;
    let mut channels = Vec::new();
    for _ in 0..3 {
        let channel = text(&world.open("0.01", 1_000)?, "channel_id")?.to_owned();
        world.json(Party::Client, &["pay", &channel, "--count", "100"])?;
        channels.push(channel);
    }
    let [claimed, refunded, honest] = channels.as_slice() else {
        return Err(Failure::new("three channels were opened"));
    };

    let liars = Liars::take_the_place_of(context, &["ClientMSP", "VendorMSP"], 0)?;
    // The vendor takes everything with a token of nothing, and a signature that is not its own.
    let everything = |record: &Value| {
        json!({"kind": "token", "units": 1_000, "to_vendor": "10000000", "token": "07".repeat(32),
               "vendor_signature": record["bank_signature"], "ts": record["ts"]})
    };
    lie(context, claimed, "closed", everything)?;
    // The client takes everything back an hour before its time.
    let early = |_: &Value| json!({"kind": "refund", "ts": now()});
    lie(context, refunded, "refunded", early)?;

    let alarmed = || -> Result<Vec<String>, Failure> {
        let alarms = world.json(Party::Bank, &["alarms"])?;
        let listed = alarms.as_array().into_iter().flatten();
        Ok(listed.filter_map(|a| a.get("channel")?.as_str().map(ToOwned::to_owned)).collect())
    };
    world.until("the bank raises both alarms", || Ok(alarmed()?.len() == 2))?;
    let mut named = alarmed()?;
    named.sort_unstable();
    let mut expected = vec![claimed.clone(), refunded.clone()];
    expected.sort_unstable();
    expect_eq("the channels of the alarms", named, expected)?;
    liars.put_back()?;

    world.json(Party::Client, &["release", honest])?;
    world.until("the bank posts the honest close", || {
        Ok(world.balance(world.vendor_key())?.balance == 1_000_000)
    })?;
    // What the unjust endings would have moved lies where it lay.
    let check = |world: &World| -> Result<(), Failure> {
        let client = world.balance(world.client_key())?;
        expect_eq("the client's account", (client.balance, client.reserved), (79_000_000, 20_000_000))?;
        expect_eq("the vendor's account", world.balance(world.vendor_key())?.balance, 1_000_000)?;
        let audit = world.json(Party::Bank, &["audit"])?;
        let count = |list: &str| audit.get(list).and_then(Value::as_array).map(Vec::len);
        expect_eq("findings and alarms", (count("findings"), count("alarms")), (Some(0), Some(2)))
    };
    check(&world)?;
    let listed = world.json(Party::Bank, &["channels"])?;
    let halted = listed.as_array().into_iter().flatten().filter(|c| c["halted"] == json!(true)).count();
    expect_eq("channels on which posting has stopped", halted, 2)?;
    // A restart reads the same records again, and neither posts them nor raises the alarms twice.
    world.kill(Party::Bank);
    world.restart(Party::Bank)?;
    check(&world)?;
    world.stop()
}

/// Writes a channel's record with another state and ending.
fn lie(
    context: &Context,
    channel: &str,
    state: &str,
    ending: impl FnOnce(&Value) -> Value,
) -> Result<(), Failure> {
    block_on(async {
        let contract = context.unobserved(&context.contract(UNJUST, "ClientMSP", As::User)?);
        let contract = contract.endorsed_by(&["ClientMSP", "VendorMSP"]);
        let id: ChannelId = channel.parse().map_err(|_| Failure::new("no channel id"))?;
        let mut record = contract.evaluate("read", "Channel", &[id.to_string().into_bytes()]).await.json()?;
        let ending = ending(&record);
        let fields = record.as_object_mut().ok_or_else(|| Failure::new("a record is an object"))?;
        fields.insert("state".to_owned(), json!(state));
        fields.insert("ending".to_owned(), ending);
        let call = contract.submit("lie", LIE, &[serde_json::to_vec(&record)?]).await;
        if call.committed.is_some() {
            return Ok(());
        }
        Err(Failure::new(format!("the lie is not on the ledger: {:?}", call.outcome)))
    })
}

/// D of the skewed network: its quarters are long enough for a slow machine.
const DRIFT: Duration = Duration::from_secs(12);

fn skewed(context: &Context) -> Result<(), Failure> {
    let half = i64::try_from(DRIFT.as_millis() / 2)?;
    let ahead = Liars::take_the_place_of(context, &["ClientMSP"], half)?;
    let behind = Liars::take_the_place_of(context, &["VendorMSP"], -half)?;
    let played = block_on(claim_and_refund(context));
    behind.put_back()?;
    ahead.put_back()?;
    played
}

/// The client's peer is half a D ahead of the bank's, the vendor's half a D behind.
async fn claim_and_refund(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "endorsers whose clocks differ";
    let drift = MaxDrift::from_millis(u64::try_from(DRIFT.as_millis())?)?;
    let forge = Forge::with_drift(context.ledger_id()?, drift);
    let admin = context.unobserved(&context.contract(NAME, "BankMSP", As::Admin)?);
    let registration = document(&forge.registration("BankMSP"));
    admin.submit("register", RegisterBank::FUNCTION, &registration).await.json()?;
    let contract = context.unobserved(&context.contract(NAME, "ClientMSP", As::User)?);
    let (late, early) =
        (contract.endorsed_by(&["BankMSP", "VendorMSP"]), contract.endorsed_by(&["BankMSP", "ClientMSP"]));
    let apart = contract.endorsed_by(&["ClientMSP", "VendorMSP"]);

    let mut channel = forge.channel(10);
    channel.terms.open_by = after(channel.terms.opened, Duration::from_secs(20));
    channel.terms.expiry = after(channel.terms.open_by, DRIFT * 4);
    let (id, expiry) = (channel.id(), channel.terms.expiry);
    contract.submit("open", Open::FUNCTION, &document(&channel.open())).await.json()?;
    let last_claim = before(expiry, DRIFT + Duration::from_millis(1))?;
    let first_refund = after(expiry, DRIFT);
    let (claim, refund) = (channel.claim(3), Refund::new(id));

    // A quarter of D before expiry: the two whose clocks say so still sign a claim, the one ahead does not, and no
    // two sign a refund.
    reach(before(expiry, DRIFT / 4)?).await;
    let claimed = late.endorsed_at(last_claim, &claim).await;
    let refused = early.endorsed_at(last_claim, &claim).await;
    let too_early =
        [early.endorsed_at(first_refund, &refund).await, apart.endorsed_at(first_refund, &refund).await];
    if now() >= expiry {
        return Err(Failure::new("this machine took seconds for four endorsements"));
    }
    let claimed = claimed?;
    clock_off("a claim after expiry by the clock that is ahead", refused)?;
    for refused in too_early {
        clock_off("a refund before expiry by an honest clock", refused)?;
    }
    // At expiry: the two whose clocks are past it sign the refund, and the one behind does not.
    reach(expiry).await;
    let refunded = early.endorsed_at(first_refund, &refund).await?;
    clock_off("a claim at expiry", late.endorsed_at(last_claim, &claim).await)?;
    // Both are endorsed; both read and write one key.
    let (claimed, refunded) = join!(claimed.submit(), refunded.submit());
    let claimed = claimed?.status().await?.code().is_valid();
    let refunded = refunded?.status().await?.code().is_valid();
    if claimed == refunded {
        return Err(Failure::new(format!("claim committed: {claimed}, refund committed: {refunded}")));
    }
    let record = contract.evaluate("read", "Channel", &[id.to_string().into_bytes()]).await.json()?;
    let state = if claimed { ChannelState::Closed } else { ChannelState::Refunded };
    expect_eq("the state", text(&record, "state")?, state.name())
}

fn before(time: Timestamp, by: Duration) -> Result<Timestamp, Failure> {
    time.checked_sub(by).ok_or_else(|| Failure::new("the clock is near 1970"))
}

/// The proposal was refused for its time.
fn clock_off<T>(what: &str, endorsed: Result<T, EndorseError>) -> Result<(), Failure> {
    let Err(error) = endorsed else { return Err(Failure::new(format!("{what} is endorsed"))) };
    let message = error.chaincode_message().unwrap_or_default();
    let refusal = Refusal::find_in(message).map_err(|_| Failure::new(format!("{what}: {error}")))?;
    expect_eq(what, refusal, Refusal::ClockOff)
}
