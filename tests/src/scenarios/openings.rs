//! What the contract opens, and what it refuses to.

use std::time::{Duration, Instant};

use lockstep_protocol::ledger::{ChannelRecord, Command, Open, RegisterBank};
use lockstep_protocol::opening::SignedOpening;
use lockstep_protocol::{Amount, LedgerId, Refusal, ShortText, Units};

use crate::contract::{As, ObservedContract};
use crate::forge::{Forge, ForgedChannel, after, now};
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};

/// How long a peer may be behind, and how often it is asked.
const CATCH_UP: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a bank is registered by its organisation's administrator alone", run: registration },
    Scenario { name: "an opening is recorded once, and the same again is success", run: twice },
    Scenario { name: "an opening needs its bank's own signature", run: signatures },
    Scenario { name: "an opening for another ledger is refused", run: other_ledgers },
    Scenario { name: "an opening is refused after its latest time", run: past_open_by },
    Scenario { name: "one payment key opens one channel", run: one_key_twice },
    Scenario { name: "an opening whose amounts do not fit is refused", run: amounts },
];

/// Registers a forged bank and gives the contract as its organisation's user.
pub(super) async fn registered(
    context: &Context,
    scenario: &'static str,
    forge: &Forge,
) -> Result<ObservedContract, Failure> {
    let admin = context.contract(scenario, "BankMSP", As::Admin)?;
    let call = admin
        .submit("register the bank", RegisterBank::FUNCTION, &document(&forge.registration("BankMSP")))
        .await;
    call.json()?;
    let key = forge.bank().public_key().to_string().into_bytes();
    // A peer that is some blocks behind would refuse what follows.
    for msp_id in ["BankMSP", "ClientMSP", "VendorMSP"] {
        let peer = context.unobserved(&context.contract(scenario, msp_id, As::User)?);
        let give_up = Instant::now() + CATCH_UP;
        while let Err(failure) = peer.evaluate("the bank", "Bank", std::slice::from_ref(&key)).await.json() {
            if Instant::now() >= give_up {
                return Err(failure);
            }
            tokio::time::sleep(POLL).await;
        }
    }
    context.contract(scenario, "ClientMSP", As::User)
}

/// A command as the one argument that a contract function takes.
pub(super) fn document(command: &impl Command) -> Vec<Vec<u8>> {
    vec![command.to_json().into_bytes()]
}

async fn refused(
    contract: &ObservedContract,
    step: &str,
    command: &Open,
    expected: Refusal,
) -> Result<(), Failure> {
    let call = contract.submit(step, Open::FUNCTION, &document(command)).await;
    expect_eq(step, call.refusal()?, expected)
}

fn registration(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "a bank is registered by its organisation's administrator alone";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let document = document(&forge.registration("BankMSP"));
        let user = context.contract(NAME, "BankMSP", As::User)?;
        let stranger = context.contract(NAME, "VendorMSP", As::Admin)?;
        let admin = context.contract(NAME, "BankMSP", As::Admin)?;

        let call = user.submit("a user registers", RegisterBank::FUNCTION, &document).await;
        expect_eq("a user", call.refusal()?, Refusal::NotAdmin)?;
        let call = stranger
            .submit("another organisation's administrator registers", RegisterBank::FUNCTION, &document)
            .await;
        expect_eq("another organisation", call.refusal()?, Refusal::NotAdmin)?;
        let call = user
            .evaluate("nobody is registered", "Bank", &[forge.bank().public_key().to_string().into_bytes()])
            .await;
        expect_eq("unregistered", call.refusal()?, Refusal::UnknownBank)?;

        let first = admin.submit("the administrator registers", RegisterBank::FUNCTION, &document).await;
        let again = admin.submit("the same again", RegisterBank::FUNCTION, &document).await;
        expect_eq("the same again", again.json()?, first.json()?)?;
        let read = user
            .evaluate(
                "the registration is read",
                "Bank",
                &[forge.bank().public_key().to_string().into_bytes()],
            )
            .await;
        expect_eq("the registration", read.json()?, first.json()?)?;

        let longer = lockstep_protocol::MaxDrift::from_millis(31_000)?;
        let changed =
            RegisterBank::sign(&context.ledger_id()?, ShortText::new("BankMSP")?, longer, forge.bank());
        let call = admin.submit("another drift", RegisterBank::FUNCTION, &self::document(&changed)).await;
        expect_eq("another drift", call.refusal()?, Refusal::BankRegisteredOtherwise)
    })
}

fn twice(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "an opening is recorded once, and the same again is success";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = registered(context, NAME, &forge).await?;
        let channel = forge.channel(10);

        let first = contract.submit("open", Open::FUNCTION, &document(&channel.open())).await;
        let event = contract.event("the event", &first).await?;
        expect_eq("the event's name", event.name.as_str(), "ChannelOpened")?;
        let record = ChannelRecord::from_json(&first.payload)?;
        expect_eq("the record's opening", record.opening(), &channel.opening())?;

        let again = contract.submit("open again", Open::FUNCTION, &document(&channel.open())).await;
        expect_eq("the answer", again.json()?, first.json()?)?;
        let history = contract.evaluate("history", "History", &[channel.id().to_string().into_bytes()]).await;
        let versions = history.json()?.as_array().map(Vec::len);
        expect_eq("versions of the record", versions, Some(1))
    })
}

fn signatures(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "an opening needs its bank's own signature";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let stranger = Forge::new(context.ledger_id()?);
        let unknown = stranger.channel(10).open();
        let contract = registered(context, NAME, &forge).await?;
        refused(&contract, "a bank that is not registered", &unknown, Refusal::UnknownBank).await?;

        let channel = forge.channel(10);
        let digest = channel.id().as_tx().as_digest();
        let forged = SignedOpening::from_parts(channel.opening(), stranger.bank().sign(&digest));
        refused(&contract, "another key's signature", &Open::new(forged), Refusal::BadBankSignature).await?;
        let other = *forge.channel(10).open().signed_opening().bank_signature();
        let replayed = SignedOpening::from_parts(channel.opening(), other);
        refused(&contract, "another opening's signature", &Open::new(replayed), Refusal::BadBankSignature)
            .await
    })
}

fn other_ledgers(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "an opening for another ledger is refused";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = registered(context, NAME, &forge).await?;
        let (channel, chaincode) = (&context.profile.channel, &context.profile.chaincode);
        let elsewhere = [
            ("another Fabric channel", "elsewhere", chaincode.as_str()),
            ("another chaincode name", channel.as_str(), "lockstep-too"),
        ];
        for (step, channel, chaincode) in elsewhere {
            let mut opening = forge.channel(10);
            opening.terms.ledger = LedgerId::of(&ShortText::new(channel)?, &ShortText::new(chaincode)?);
            refused(&contract, step, &opening.open(), Refusal::OtherLedger).await?;
        }
        Ok(())
    })
}

fn past_open_by(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "an opening is refused after its latest time";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = registered(context, NAME, &forge).await?;
        let mut channel = forge.channel(10);
        let hour = Duration::from_secs(3600);
        channel.terms.opened =
            now().checked_sub(hour).ok_or_else(|| Failure::new("the clock is near 1970"))?;
        channel.terms.open_by = after(channel.terms.opened, Duration::from_secs(60));
        refused(&contract, "an hour late", &channel.open(), Refusal::OpenByPassed).await
    })
}

fn one_key_twice(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "one payment key opens one channel";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = registered(context, NAME, &forge).await?;
        let first = forge.channel(10);
        contract.submit("open", Open::FUNCTION, &document(&first.open())).await.json()?;
        let mut second = forge.channel(10);
        second.terms.client_key = *first.client().public_key();
        refused(&contract, "another opening under the same key", &second.open(), Refusal::ClientKeyUsed).await
    })
}

fn amounts(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "an opening whose amounts do not fit is refused";
    type Spoil = fn(&mut ForgedChannel<'_>);
    const SPOILT: [(&str, Refusal, Spoil); 8] = [
        ("total above price times count", Refusal::TotalMismatch, |c| {
            c.terms.total = Amount::from_micros(100_001)
        }),
        ("total of zero", Refusal::TotalMismatch, |c| c.terms.total = Amount::ZERO),
        ("no token", Refusal::TokenCountOutOfRange, |c| {
            c.terms.token_count = Units::ZERO;
            c.terms.total = Amount::ZERO;
        }),
        ("one token too many", Refusal::TokenCountOutOfRange, |c| {
            c.terms.token_count = Units::from_count(1_048_577);
            c.terms.total = Amount::from_micros(10_485_770_000);
        }),
        ("price of zero", Refusal::UnitPriceOutOfRange, |c| {
            c.terms.unit_price = Amount::ZERO;
            c.terms.total = Amount::ZERO;
        }),
        ("price above ten dollars", Refusal::UnitPriceOutOfRange, |c| {
            c.terms.unit_price = Amount::from_micros(10_000_001);
            c.terms.total = Amount::from_micros(100_000_010);
        }),
        ("latest time after an hour", Refusal::OpenByOutOfRange, |c| {
            c.terms.open_by = after(c.terms.opened, Duration::from_secs(3601));
        }),
        ("expiry within four drifts", Refusal::ExpiryTooEarly, |c| {
            c.terms.expiry = after(c.terms.open_by, Duration::from_millis(119_999));
        }),
    ];
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = registered(context, NAME, &forge).await?;
        for (step, expected, spoil) in SPOILT {
            let mut channel = forge.channel(10);
            spoil(&mut channel);
            refused(&contract, step, &channel.open(), expected).await?;
        }
        Ok(())
    })
}
