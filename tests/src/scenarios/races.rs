//! A claim and a refund race at expiry for channels that a bank has granted: one of the two commits, and the bank's books
//! say which.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hlf_gateway::Transaction;
use lockstep::bank::client::BankClient;
use lockstep::ledger::Ledger as _;
use lockstep_protocol::ledger::{ChannelState, CloseByToken, Command as _, Open, Refund};
use lockstep_protocol::opening::{OpeningRequest, SignedOpening, SignedRequest};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::wallet_seed::WalletSeed;
use lockstep_protocol::{Amount, ChannelId, MaxDrift, Memo, Nonce, SecretKey, Timestamp, Units};

use super::endings::reach;
use super::openings::document;
use crate::contract::{As, ObservedContract};
use crate::forge::{after, now};
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::world::{Party, World};

const NAME: &str = "claim and refund race at expiry and one of them commits";

pub(super) const SCENARIOS: &[Scenario] = &[Scenario { name: NAME, run: race }];

/// How many channels a claim and a refund race for.
const RACES: usize = 100;

/// What the client deposits, and what a channel holds, in micro-units.
const DEPOSIT: u64 = 100_000_000;
const PRICE: u64 = 10_000;
const UNITS: u32 = 10;
const CLAIMED: u32 = 3;

/// Time enough to grant and open all channels; one expiry for all.
const TO_OPEN: Duration = Duration::from_secs(35);
const TO_EXPIRE: Duration = Duration::from_secs(39);

/// Requests that the bank is asked at the same time.
const AT_ONCE: usize = 8;

/// A channel with what its vendor will claim.
struct Racer {
    opening: SignedOpening,
    claim: CloseByToken,
}

impl Racer {
    fn id(&self) -> ChannelId {
        self.opening.opening().channel_id()
    }
}

/// The parties whose hands the scenario has: their programs know nothing of these channels.
struct Parties {
    bank: BankClient,
    client: SecretKey,
    vendor: SecretKey,
}

fn race(context: &Context) -> Result<(), Failure> {
    let world = World::found_in_a_hurry(context, "100")?;
    let parties = Parties {
        bank: world.bank()?,
        client: world.key(Party::Client, "account-key.pem")?,
        vendor: world.key(Party::Vendor, "account-key.pem")?,
    };
    let (racers, ends) = block_on(async {
        let contract = context.unobserved(&context.contract(NAME, "ClientMSP", As::User)?);
        let start = now();
        let (racers, drift) = granted(&parties, start).await?;
        try_join_all(racers.iter().map(async |racer| {
            let open = Open::new(racer.opening.clone());
            contract.submit("open", Open::FUNCTION, &document(&open)).await.json().map(drop)
        }))
        .await?;
        let ends = raced(&contract, &racers, after(start, TO_EXPIRE), drift).await?;
        Ok::<_, Failure>((racers, ends))
    })?;
    decided(&ends)?;
    posted(&world, &racers, &ends)?;
    world.stop()
}

/// Channels that the bank has granted and nobody has opened yet, with the bank's D.
async fn granted(parties: &Parties, start: Timestamp) -> Result<(Vec<Racer>, MaxDrift), Failure> {
    let info = parties.bank.info().await?;
    let identity = *parties.bank.credential(&parties.client, None).await?.credential.root();
    let granted = (0..RACES).map(async |_| {
        let mut rng = rand::rng();
        let (seed, nonce) = (WalletSeed::random(&mut rng), Nonce::random(&mut rng));
        let mut chain = TokenChain::new(nonce, &seed.chain_seed(&nonce), Units::from_count(UNITS))?;
        let payment_key = seed.payment_key(&nonce);
        let request = OpeningRequest {
            ledger: info.ledger,
            nonce,
            bank_key: info.bank_key,
            account_key: *parties.client.public_key(),
            payment_key: *payment_key.public_key(),
            vendor_key: *parties.vendor.public_key(),
            client_identity: identity,
            unit_price: Amount::from_micros(PRICE),
            token_count: Units::from_count(UNITS),
            token_root: chain.root(),
            open_by: after(start, TO_OPEN),
            expiry: after(start, TO_EXPIRE),
            memo_hash: Memo::default().hash(),
        };
        let signed = SignedRequest::sign(request, &parties.client, &payment_key);
        let opening = parties.bank.request_opening(&parties.client, &signed, info.max_drift).await?;
        let units = Units::from_count(CLAIMED);
        let id = opening.opening().channel_id();
        let claim = CloseByToken::sign(id, units, chain.token(units)?, &parties.vendor);
        Ok::<_, Failure>(Racer { opening, claim })
    });
    let racers = stream::iter(granted).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok((racers, info.max_drift))
}

/// A claim endorsed just before expiry under the earliest time that the guard lets pass, and a refund endorsed just after it
/// under the latest one, are both good. They meet at the orderer. The answer is where each channel ends.
async fn raced(
    contract: &ObservedContract,
    racers: &[Racer],
    expiry: Timestamp,
    drift: MaxDrift,
) -> Result<Vec<ChannelState>, Failure> {
    let before = |by| expiry.checked_sub(by).ok_or_else(|| Failure::new("the clock is near 1970"));
    let drift = drift.as_duration();
    let early = before(drift + Duration::from_millis(1))?;
    reach(before(Duration::from_millis(900))?).await;
    let claims = try_join_all(racers.iter().map(|racer| contract.endorsed_at(early, &racer.claim))).await?;
    reach(after(expiry, Duration::from_millis(50))).await;
    let late = after(expiry, drift);
    let refunds: Vec<_> = racers.iter().map(|racer| Refund::new(racer.id())).collect();
    let refunds = try_join_all(refunds.iter().map(|refund| contract.endorsed_at(late, refund))).await?;
    let races = racers.iter().zip(claims.iter().zip(&refunds)).enumerate();
    try_join_all(races.map(async |(index, (racer, (claim, refund)))| {
        match Start::of(index).run(claim, refund).await? {
            (true, false) => Ok(ChannelState::Closed),
            (false, true) => Ok(ChannelState::Refunded),
            (claim, refund) => {
                Err(Failure::new(format!("channel {}: claim {claim}, refund {refund}", racer.id())))
            }
        }
    }))
    .await
}

/// Who starts first. A quarter of the races each is decided by a start that the other side waits for; the rest is the orderer's to decide,
/// handed in at once in both orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    ClaimCommitted,
    RefundCommitted,
    ClaimThenRefund,
    RefundThenClaim,
}

impl Start {
    fn of(race: usize) -> Self {
        match race % 4 {
            0 => Self::ClaimCommitted,
            1 => Self::RefundCommitted,
            2 => Self::ClaimThenRefund,
            _ => Self::RefundThenClaim,
        }
    }

    /// Hands both in, and tells of each whether it is valid.
    async fn run(self, claim: &Transaction, refund: &Transaction) -> Result<(bool, bool), Failure> {
        match self {
            Self::ClaimCommitted => Ok((is_valid(claim).await?, is_valid(refund).await?)),
            Self::RefundCommitted => {
                let refunded = is_valid(refund).await?;
                Ok((is_valid(claim).await?, refunded))
            }
            Self::ClaimThenRefund => futures::try_join!(is_valid(claim), is_valid(refund)),
            Self::RefundThenClaim => {
                let (refunded, claimed) = futures::try_join!(is_valid(refund), is_valid(claim))?;
                Ok((claimed, refunded))
            }
        }
    }

    /// The end, where the start decides it.
    fn decides(self) -> Option<ChannelState> {
        match self {
            Self::ClaimCommitted => Some(ChannelState::Closed),
            Self::RefundCommitted => Some(ChannelState::Refunded),
            Self::ClaimThenRefund | Self::RefundThenClaim => None,
        }
    }
}

/// Submits, and tells whether what was committed is valid.
async fn is_valid(transaction: &Transaction) -> Result<bool, Failure> {
    Ok(transaction.submit().await?.status().await?.code().is_valid())
}

/// Whoever was committed before the other was handed in has won, so both sides win in every run.
fn decided(ends: &[ChannelState]) -> Result<(), Failure> {
    for (race, end) in ends.iter().enumerate() {
        if let Some(winner) = Start::of(race).decides() {
            expect_eq(&format!("race {race}"), *end, winner)?;
        }
    }
    Ok(())
}

/// Who won stands so in the record and in the books, each once, and the books add up.
fn posted(world: &World, racers: &[Racer], ends: &[ChannelState]) -> Result<(), Failure> {
    let claims = ends.iter().filter(|end| **end == ChannelState::Closed).count();
    let paid = u64::try_from(claims)? * u64::from(CLAIMED) * PRICE;
    world.until_balances(DEPOSIT - paid, paid)?;
    let ledger = world.ledger("ClientMSP")?;
    let listed = world.json(Party::Bank, &["channels", "--all"])?;
    let booked: BTreeMap<_, _> = listed
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| Some((row.get("channel_id")?.as_str()?, row.get("state")?.as_str()?)))
        .collect();
    expect_eq("channels in the books", booked.len(), RACES)?;
    for (racer, end) in racers.iter().zip(ends) {
        let id = racer.id();
        let record = block_on(ledger.channel(id))?.ok_or_else(|| Failure::new("a channel has no record"))?;
        expect_eq(&format!("the record of {id}"), record.state(), *end)?;
        let id = id.to_string();
        expect_eq(&format!("the books on {id}"), booked.get(id.as_str()).copied(), Some(end.name()))?;
    }
    let (movements, _) = world.causes(world.client_key())?;
    let count = |cause: &str| movements.iter().filter(|movement| *movement == cause).count();
    expect_eq(
        "openings, closes and refunds that were posted",
        (count("reserve"), count("closed"), count("refunded")),
        (RACES, claims, RACES - claims),
    )
}
