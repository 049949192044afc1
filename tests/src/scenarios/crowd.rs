//! Many channels at once: openings and closings in the same blocks never conflict.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use lockstep_protocol::ledger::Command;
use tokio::time::timeout;

use super::openings::{document, registered};
use crate::contract::{As, Call, ObservedContract};
use crate::forge::Forge;
use crate::observation::Outcome;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario};

pub(super) const SCENARIOS: &[Scenario] =
    &[Scenario { name: "two hundred channels open and close at once without a conflict", run: crowd }];

/// How long a peer may be behind.
const CATCH_UP: Duration = Duration::from_secs(30);

/// How many channels.
const CHANNELS: usize = 200;

fn crowd(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "two hundred channels open and close at once without a conflict";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        let contract = context.unobserved(&registered(context, NAME, &forge).await?);
        let mut channels: Vec<_> = (0..CHANNELS).map(|_| forge.channel(4)).collect();
        let opens: Vec<_> = channels.iter().map(|channel| channel.open()).collect();
        at_once(&contract, &opens).await?;

        // Every peer that may endorse a closing has the openings by then.
        for msp_id in ["BankMSP", "ClientMSP", "VendorMSP"] {
            let peer = context.unobserved(&context.contract(NAME, msp_id, As::User)?);
            let all = async {
                for open in &opens {
                    while !knows(&peer, &open.channel_id().to_string()).await {}
                }
            };
            timeout(CATCH_UP, all).await?;
        }
        let closes = channels.iter_mut().map(|channel| {
            let (fields, _) = channel.pay(&[1, 1]);
            channel.close(fields)
        });
        at_once(&contract, &closes.collect::<Vec<_>>()).await
    })
}

async fn knows(peer: &ObservedContract, channel: &str) -> bool {
    peer.evaluate("is it there", "Channel", &[channel.as_bytes().to_vec()]).await.json().is_ok()
}

/// Submits all commands at once, each a single transaction: all must be valid, and blocks must have been shared.
async fn at_once<T: Command>(contract: &ObservedContract, commands: &[T]) -> Result<(), Failure> {
    let calls = join_all(
        commands
            .iter()
            .map(async |command| contract.submit("one of many", T::FUNCTION, &document(command)).await),
    )
    .await;
    let mut blocks: BTreeMap<u64, usize> = BTreeMap::new();
    for call in &calls {
        *blocks.entry(block(call)?).or_default() += 1;
    }
    if blocks.len() == commands.len() {
        return Err(Failure::new("no two transactions shared a block, so nothing was at once"));
    }
    Ok(())
}

fn block(call: &Call) -> Result<u64, Failure> {
    match (&call.outcome, &call.committed) {
        (Outcome::Committed { code, .. }, Some((_, block))) if code.starts_with("VALID") => Ok(*block),
        (other, _) => Err(Failure::new(format!("a transaction that is not valid: {other:?}"))),
    }
}
