//! What the contract closes by release, and what it refuses to.

use lockstep_protocol::ledger::{ChannelRecord, ChannelState, CloseByRelease, Command, Open};
use lockstep_protocol::payment::PaymentFields;
use lockstep_protocol::{Lock, PaymentNumber, Refusal, TxHash, Units};

use super::openings::{document, registered};
use crate::contract::ObservedContract;
use crate::forge::Forge;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a close by release pays the vendor, once", run: close },
    Scenario { name: "a close out of bounds is refused", run: bounds },
    Scenario { name: "a close needs both signatures on this channel's payment", run: signatures },
];

async fn refused(
    contract: &ObservedContract,
    step: &str,
    command: &CloseByRelease,
    expected: Refusal,
) -> Result<(), Failure> {
    let call = contract.submit(step, CloseByRelease::FUNCTION, &document(command)).await;
    expect_eq(step, call.refusal()?, expected)
}

fn close(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "a close by release pays the vendor, once";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = registered(context, NAME, &forge).await?;
        let mut channel = forge.channel(10);
        let (fields, _) = channel.pay(&[1, 2, 3]);
        let command = channel.close(fields);
        refused(&contract, "before it is open", &command, Refusal::UnknownChannel).await?;
        contract.submit("open", Open::FUNCTION, &document(&channel.open())).await.json()?;

        let first = contract.submit("close", CloseByRelease::FUNCTION, &document(&command)).await;
        let event = contract.event("the event", &first).await?;
        expect_eq("the event's name", event.name.as_str(), "ChannelClosed")?;
        let record = ChannelRecord::from_json(&first.payload)?;
        expect_eq("the state", record.state(), ChannelState::Closed)?;
        let change = record.change()?;
        expect_eq("to the vendor", change.to_vendor.as_micros(), 60_000)?;
        expect_eq("to the client", change.to_client.as_micros(), 40_000)?;

        let again = contract.submit("the same again", CloseByRelease::FUNCTION, &document(&command)).await;
        expect_eq("the same again", again.json()?, first.json()?)?;
        let (more, _) = channel.pay(&[1, 2, 3, 4]);
        refused(&contract, "a second, different close", &channel.close(more), Refusal::WrongState).await?;
        let opening = contract.submit("open again", Open::FUNCTION, &document(&channel.open())).await;
        expect_eq("what open answers now", opening.json()?, first.json()?)?;
        let history = contract.evaluate("history", "History", &[channel.id().to_string().into_bytes()]).await;
        expect_eq("versions of the record", history.json()?.as_array().map(Vec::len), Some(2))
    })
}

fn bounds(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "a close out of bounds is refused";
    type Spoil = fn(&mut PaymentFields);
    const SPOILT: [(&str, Refusal, Spoil); 8] = [
        ("no unit", Refusal::PaymentUnitsOutOfRange, |f| f.units = Units::ZERO),
        ("more units in the payment than in all", Refusal::PaymentUnitsOutOfRange, |f| {
            f.units = Units::from_count(7)
        }),
        ("more units than the channel", Refusal::UnitsOutOfRange, |f| f.released = Units::from_count(1_025)),
        ("the largest units there are", Refusal::UnitsOutOfRange, |f| {
            f.released = Units::from_count(u32::MAX)
        }),
        ("number zero", Refusal::PaymentNumberOutOfRange, |f| f.number = PaymentNumber::OPENING),
        ("a number above the units", Refusal::PaymentNumberOutOfRange, |f| {
            f.number = PaymentNumber::from_index(7)
        }),
        ("a payment over ten dollars", Refusal::PaymentLimitExceeded, |f| {
            f.released = Units::from_count(1_001);
            f.units = Units::from_count(1_001);
        }),
        ("a first payment that follows another", Refusal::FirstPaymentUnchained, |f| {
            f.number = PaymentNumber::FIRST;
            f.previous = TxHash::from_bytes([7; 32]);
            f.previous_lock = Lock::ZERO;
            f.units = f.released;
        }),
    ];
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = registered(context, NAME, &forge).await?;
        let mut channel = forge.channel(1_024);
        contract.submit("open", Open::FUNCTION, &document(&channel.open())).await.json()?;
        let (honest, _) = channel.pay(&[1, 2, 3]);
        for (step, expected, spoil) in SPOILT {
            let mut fields = honest;
            spoil(&mut fields);
            refused(&contract, step, &channel.close(fields), expected).await?;
        }
        let closed = contract
            .submit("the honest close", CloseByRelease::FUNCTION, &document(&channel.close(honest)))
            .await;
        expect_eq("the state", ChannelRecord::from_json(&closed.payload)?.state(), ChannelState::Closed)
    })
}

fn signatures(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "a close needs both signatures on this channel's payment";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = registered(context, NAME, &forge).await?;
        let (mut one, mut two) = (forge.channel(10), forge.channel(10));
        for channel in [&one, &two] {
            contract.submit("open", Open::FUNCTION, &document(&channel.open())).await.json()?;
        }
        let (fields, signature) = one.pay(&[1, 2, 3]);
        let (other, other_signature) = two.pay(&[4]);

        let command = CloseByRelease::sign(fields, other_signature, forge.vendor());
        refused(&contract, "another payment's signature", &command, Refusal::BadClientSignature).await?;
        let command = CloseByRelease::sign(fields, signature, one.client());
        refused(&contract, "the vendor's signature by another key", &command, Refusal::BadVendorSignature)
            .await?;
        let honest = two.close(other);
        let swapped =
            CloseByRelease::from_parts(one.id(), other, other_signature, *honest.vendor_signature());
        refused(&contract, "the last payment of another channel of the two", &swapped, Refusal::OtherChannel)
            .await
    })
}
