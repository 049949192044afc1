//! What the vendor refuses on the payment stream, and that the honest client goes on unharmed.

use lockstep_protocol::payment::PaymentRecord;
use lockstep_protocol::{PaymentNumber, Refusal, Token};
use serde_json::Value;

use crate::hostile::Hostile;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::world::{Party, World, text};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a payment that does not fit is refused with its code", run: unfit },
    Scenario {
        name: "a repeated payment is acknowledged again, another one with its number refused",
        run: repeated,
    },
    Scenario { name: "a payment of another channel of the same two parties is refused", run: other_channel },
];

/// Opens a channel and gives its id and a hostile payer on it.
fn hostile(world: &World, price: &str, count: u32) -> Result<(String, Hostile), Failure> {
    let opened = world.open(price, count)?;
    let channel = text(&opened, "channel_id")?.to_owned();
    let payer = Hostile::new(world, &channel)?;
    Ok((channel, payer))
}

/// The honest client still can pay and settle: what was refused cost nothing.
fn goes_on(world: &World, channel: &str, receipts: u64) -> Result<(), Failure> {
    world.json(Party::Client, &["pay", channel])?;
    let released = world.json(Party::Client, &["release", channel])?;
    expect_eq("receipts", released.get("receipts_verified").and_then(Value::as_u64), Some(receipts))
}

fn unfit(context: &Context) -> Result<(), Failure> {
    let world = World::found(context, "1000")?;
    let (channel, mut client) = hostile(&world, "6", 10)?;
    let good = client.honest(1, "")?.record();
    block_on(async {
        let wrong = PaymentRecord { token: Token::from_bytes([9; 32]), ..good.clone() };
        client.send(1, vec![wrong]).await?.expect_refused(
            "a wrong token",
            Refusal::WrongPaymentToken,
            true,
        )?;
        client.send(2, vec![good.clone()]).await?.expect_refused(
            "a number ahead",
            Refusal::NumberAhead,
            false,
        )?;
        let twelve = client.honest(2, "")?.record();
        client.send(1, vec![twelve]).await?.expect_refused(
            "twelve dollars",
            Refusal::PaymentTooLarge,
            true,
        )?;
        let said = client.send_bytes(b"no batch at all".to_vec()).await?;
        said.expect_refused("bytes that are no batch", Refusal::MalformedMessage, true)?;
        let mut huge = PaymentNumber::FIRST.as_index().to_be_bytes().to_vec();
        huge.resize(900 * 1024, 0);
        let said = client.send_bytes(huge).await?;
        said.expect_refused("a batch of nothing but zeros", Refusal::MalformedMessage, true)
    })?;
    goes_on(&world, &channel, 1)?;
    world.stop()
}

fn repeated(context: &Context) -> Result<(), Failure> {
    let world = World::found(context, "1000")?;
    let (_, mut client) = hostile(&world, "0.01", 100)?;
    block_on(async {
        let payment = client.honest(1, "the first")?;
        let other = client.honest(1, "another first")?;
        let ack = client.send(1, vec![payment.record()]).await?.acknowledged()?;
        expect_eq("the acknowledgement", ack.number, PaymentNumber::FIRST)?;
        let again = client.send(1, vec![payment.record()]).await?.acknowledged()?;
        expect_eq("the acknowledgement again", again, ack)?;
        client.send(1, vec![other.record()]).await?.expect_refused(
            "another first",
            Refusal::NumberUsed,
            true,
        )?;
        client.advance(&payment);
        let second = client.honest(2, "the second")?;
        let ack = client.send(2, vec![second.record()]).await?.acknowledged()?;
        expect_eq("units", ack.released.as_count(), 3)
    })?;
    world.stop()
}

fn other_channel(context: &Context) -> Result<(), Failure> {
    let world = World::found(context, "1000")?;
    let (one, mut first) = hostile(&world, "0.01", 100)?;
    let (two, second) = hostile(&world, "0.01", 100)?;
    block_on(async {
        let payment = first.honest(1, "")?;
        let said = second.send(1, vec![payment.record()]).await?;
        said.expect_refused("a payment of the other channel", Refusal::WrongPaymentToken, true)
    })?;
    goes_on(&world, &one, 1)?;
    goes_on(&world, &two, 1)?;
    world.stop()
}
