//! Channels that the bank froze: no refund any more, the vendor's claim still good, the rest on the bank's word.

use lockstep_protocol::ledger::{ChannelState, CloseByToken, Freeze, FreezeReason, Refund, Resolve};
use lockstep_protocol::{EvidenceHash, Refusal, Units};

use super::endings::{reach, reaches, refused, short_drift, surely_expired};
use super::openings::registered;
use crate::forge::Forge;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a frozen channel is claimed by token and resolved by the bank", run: claimed },
    Scenario { name: "a frozen channel is never refunded, and resolved after expiry", run: unclaimed },
];

const EVIDENCE: EvidenceHash = EvidenceHash::from_bytes([5; 32]);

fn claimed(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "a frozen channel is claimed by token and resolved by the bank";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = registered(context, NAME, &forge).await?;
        let mut channel = forge.channel(10);
        reaches(&contract, "open", &channel.open(), ChannelState::Open).await?;
        let freeze = Freeze::sign(channel.id(), FreezeReason::FraudProof, EVIDENCE, forge.bank());
        let forged = Freeze::sign(channel.id(), FreezeReason::FraudProof, EVIDENCE, forge.vendor());
        refused(&contract, "a freeze by somebody else", &forged, Refusal::BadBankSignature).await?;
        let record = reaches(&contract, "freeze", &freeze, ChannelState::Frozen).await?;
        expect_eq("withheld", record.change()?.withheld, channel.terms.total)?;
        reaches(&contract, "the same again", &freeze, ChannelState::Frozen).await?;
        let other = Freeze::sign(channel.id(), FreezeReason::CourtOrder, EVIDENCE, forge.bank());
        refused(&contract, "for another reason", &other, Refusal::WrongState).await?;
        let (fields, _) = channel.pay(&[4]);
        refused(&contract, "a release", &channel.close(fields), Refusal::WrongState).await?;
        let nothing = Resolve::sign(channel.id(), Units::from_count(4), forge.bank());
        refused(&contract, "resolved before expiry, nothing claimed", &nothing, Refusal::TooEarlyToResolve)
            .await?;

        let record = reaches(&contract, "claim", &channel.claim(4), ChannelState::Claimed).await?;
        expect_eq("to the vendor", record.change()?.to_vendor.as_micros(), 40_000)?;
        expect_eq("withheld", record.change()?.withheld.as_micros(), 60_000)?;
        let below = Resolve::sign(channel.id(), Units::from_count(3), forge.bank());
        refused(&contract, "resolved below the claim", &below, Refusal::UnitsBelowClaim).await?;
        let resolve = Resolve::sign(channel.id(), Units::from_count(6), forge.bank());
        let record = reaches(&contract, "resolved", &resolve, ChannelState::Resolved).await?;
        expect_eq("to the vendor", record.change()?.to_vendor.as_micros(), 20_000)?;
        expect_eq("to the client", record.change()?.to_client.as_micros(), 40_000)?;
        reaches(&contract, "the same again", &resolve, ChannelState::Resolved).await?;
        reaches(&contract, "the freeze again", &freeze, ChannelState::Resolved).await?;
        reaches(&contract, "the claim again", &channel.claim(4), ChannelState::Resolved).await.map(drop)
    })
}

fn unclaimed(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "a frozen channel is never refunded, and resolved after expiry";
    block_on(async {
        let forge = Forge::with_drift(context.ledger_id()?, short_drift()?);
        let contract = registered(context, NAME, &forge).await?;
        let (mut late, empty) = (forge.channel(10).short_lived(), forge.channel(10).short_lived());
        for channel in [&late, &empty] {
            reaches(&contract, "open", &channel.open(), ChannelState::Open).await?;
            let freeze = Freeze::sign(channel.id(), FreezeReason::VendorConduct, EVIDENCE, forge.bank());
            reaches(&contract, "freeze", &freeze, ChannelState::Frozen).await?;
        }
        reach(surely_expired(&forge, &empty)).await;
        refused(&contract, "a refund", &Refund::new(empty.id()), Refusal::WrongState).await?;
        let claim: CloseByToken = late.claim(5);
        reaches(&contract, "a claim after expiry", &claim, ChannelState::Claimed).await?;
        let resolve = Resolve::sign(empty.id(), Units::ZERO, forge.bank());
        let record = reaches(&contract, "all to the client", &resolve, ChannelState::Resolved).await?;
        expect_eq("to the client", record.change()?.to_client, empty.terms.total)?;
        refused(&contract, "a claim after that", &forge_claim(&forge, &empty), Refusal::WrongState).await
    })
}

fn forge_claim(forge: &Forge, channel: &crate::forge::ForgedChannel<'_>) -> CloseByToken {
    CloseByToken::sign(channel.id(), Units::ZERO, channel.terms.token_root, forge.vendor())
}
