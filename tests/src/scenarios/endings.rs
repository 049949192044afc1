//! The endings without a release: by token, by refund, by cancelling; and the time that decides between them.

use std::time::Duration;

use lockstep_protocol::ledger::{Cancel, ChannelRecord, ChannelState, CloseByToken, Command, Refund};
use lockstep_protocol::{MaxDrift, Refusal, Timestamp, Token, Units};

use super::openings::{document, registered};
use crate::contract::ObservedContract;
use crate::forge::{Forge, ForgedChannel, after, now};
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a token closes a channel without a release", run: token },
    Scenario { name: "an expired channel is refunded, an unexpired one is not", run: refund },
    Scenario { name: "an opening that was cancelled never opens", run: cancel },
    Scenario { name: "a transaction's time must be near the endorsers'", run: clocks },
];

/// A D that lets a channel expire within seconds.
pub(super) fn short_drift() -> Result<MaxDrift, Failure> {
    Ok(MaxDrift::from_millis(1_000)?)
}

/// Submits and expects a refusal.
pub(super) async fn refused(
    contract: &ObservedContract,
    step: &str,
    command: &impl Command,
    expected: Refusal,
) -> Result<(), Failure> {
    let call = submitted(contract, step, command).await;
    expect_eq(step, call.refusal()?, expected)
}

/// Submits and expects the channel to stand so afterwards; gives the record.
pub(super) async fn reaches(
    contract: &ObservedContract,
    step: &str,
    command: &impl Command,
    state: ChannelState,
) -> Result<ChannelRecord, Failure> {
    let call = submitted(contract, step, command).await;
    call.json()?;
    let record = ChannelRecord::from_json(&call.payload)?;
    expect_eq(step, record.state(), state)?;
    Ok(record)
}

async fn submitted<T: Command>(
    contract: &ObservedContract,
    step: &str,
    command: &T,
) -> crate::contract::Call {
    contract.submit(step, T::FUNCTION, &document(command)).await
}

/// Waits until this machine's clock, which is the peers' too, has reached a time.
pub(super) async fn reach(time: Timestamp) {
    let millis = time.as_unix_millis().saturating_sub(now().as_unix_millis());
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// When every honest clock says that a channel has expired.
pub(super) fn surely_expired(forge: &Forge, channel: &ForgedChannel<'_>) -> Timestamp {
    after(channel.terms.expiry, forge.drift().as_duration() + Duration::from_millis(1))
}

fn token(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "a token closes a channel without a release";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = registered(context, NAME, &forge).await?;
        let (mut used, mut unused) = (forge.channel(10), forge.channel(10));
        for channel in [&used, &unused] {
            reaches(&contract, "open", &channel.open(), ChannelState::Open).await?;
        }

        let eleven =
            CloseByToken::sign(used.id(), Units::from_count(11), Token::from_bytes([7; 32]), forge.vendor());
        refused(&contract, "more units than the channel", &eleven, Refusal::UnitsOutOfRange).await?;
        let wrong =
            CloseByToken::sign(used.id(), Units::from_count(6), Token::from_bytes([7; 32]), forge.vendor());
        refused(&contract, "a token of nothing", &wrong, Refusal::WrongToken).await?;
        let claim = used.claim(6);
        let client = CloseByToken::sign(used.id(), Units::ZERO, used.terms.token_root, used.client());
        refused(&contract, "a close at nothing by the client", &client, Refusal::BadVendorSignature).await?;

        let record = reaches(&contract, "six units", &claim, ChannelState::Closed).await?;
        expect_eq("to the vendor", record.change()?.to_vendor.as_micros(), 60_000)?;
        expect_eq("to the client", record.change()?.to_client.as_micros(), 40_000)?;
        reaches(&contract, "the same again", &claim, ChannelState::Closed).await?;
        refused(&contract, "a second, different one", &used.claim(7), Refusal::WrongState).await?;
        let (fields, _) = used.pay(&[6]);
        refused(&contract, "a release with as many units", &used.close(fields), Refusal::WrongState).await?;

        let record = reaches(&contract, "an unused channel", &unused.claim(0), ChannelState::Closed).await?;
        expect_eq("to the client", record.change()?.to_client, unused.terms.total)
    })
}

fn refund(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "an expired channel is refunded, an unexpired one is not";
    block_on(async {
        let forge = Forge::with_drift(context.ledger_id()?, short_drift()?);
        let contract = registered(context, NAME, &forge).await?;
        let mut channel = forge.channel(10).short_lived();
        reaches(&contract, "open", &channel.open(), ChannelState::Open).await?;
        let refund = Refund::new(channel.id());
        refused(&contract, "a refund before expiry", &refund, Refusal::TooEarlyToRefund).await?;

        reach(channel.terms.expiry).await;
        refused(&contract, "a claim after expiry", &channel.claim(5), Refusal::TooLateToClaim).await?;
        let (fields, _) = channel.pay(&[5]);
        refused(&contract, "a release after expiry", &channel.close(fields), Refusal::TooLateToClaim).await?;

        reach(surely_expired(&forge, &channel)).await;
        let record = reaches(&contract, "a refund after expiry", &refund, ChannelState::Refunded).await?;
        expect_eq("to the client", record.change()?.to_client, channel.terms.total)?;
        reaches(&contract, "the same again", &refund, ChannelState::Refunded).await?;
        refused(&contract, "a claim after the refund", &channel.claim(5), Refusal::WrongState).await
    })
}

fn cancel(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "an opening that was cancelled never opens";
    block_on(async {
        let forge = Forge::with_drift(context.ledger_id()?, short_drift()?);
        let contract = registered(context, NAME, &forge).await?;
        let held = forge.channel(10).short_lived();
        let cancel = Cancel::new(held.open().signed_opening().clone());
        refused(&contract, "while it may still open", &cancel, Refusal::OpenByNotPassed).await?;
        reach(after(held.terms.open_by, forge.drift().as_duration() + Duration::from_millis(1))).await;
        let record = reaches(&contract, "afterwards", &cancel, ChannelState::Cancelled).await?;
        expect_eq("to the client", record.change()?.to_client, held.terms.total)?;
        reaches(&contract, "the same again", &cancel, ChannelState::Cancelled).await?;
        refused(&contract, "the opening that was held back", &held.open(), Refusal::WrongState).await
    })
}

/// The D of the other scenarios is half a minute: a minute more is refused by the contract, an hour by it or by Fabric itself.
fn clocks(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "a transaction's time must be near the endorsers'";
    const MINUTE_MORE: i64 = 90_000;
    const HOUR: i64 = 3_600_000;
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = registered(context, NAME, &forge).await?;
        let mut channel = forge.channel(10);
        reaches(&contract, "open", &channel.open(), ChannelState::Open).await?;
        for (ahead, off) in [("ahead", MINUTE_MORE), ("behind", -MINUTE_MORE)] {
            let caller = contract.with_clock_off_by(off);
            refused(&caller, &format!("a claim by a clock {ahead}"), &channel.claim(1), Refusal::ClockOff)
                .await?;
            let another = forge.channel(10);
            refused(&caller, &format!("an opening by a clock {ahead}"), &another.open(), Refusal::ClockOff)
                .await?;
            let key = forge.bank().public_key().to_string().into_bytes();
            let read = caller.evaluate(&format!("the bank by a clock {ahead}"), "Bank", &[key]).await;
            expect_eq("the bank", read.refusal()?, Refusal::ClockOff)?;
        }
        for (ahead, off) in [("ahead", HOUR), ("behind", -HOUR)] {
            let caller = context.unobserved(&contract).with_clock_off_by(off);
            let call = caller.submit("an hour", CloseByToken::FUNCTION, &document(&channel.claim(1))).await;
            if call.committed.is_some() {
                return Err(Failure::new(format!("a claim by a clock an hour {ahead} was committed")));
            }
        }
        reaches(&contract, "the contract lives", &channel.claim(1), ChannelState::Closed).await.map(drop)
    })
}
