//! Many channels at once: openings and closings in the same blocks never conflict.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use lockstep::ledger::fabric::{Caller, FabricLedger};
use lockstep::ledger::{Ledger as _, LedgerError, Submitted};
use lockstep_protocol::ledger::{ChannelRecord, CloseByRelease, Open};

use super::openings::registered;
use crate::forge::Forge;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};

pub(super) const SCENARIOS: &[Scenario] =
    &[Scenario { name: "two hundred channels open and close at once without a conflict", run: crowd }];

/// How many channels.
const CHANNELS: usize = 200;

fn crowd(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "two hundred channels open and close at once without a conflict";
    block_on(async {
        let forge = Forge::new(context.ledger_id()?);
        registered(context, NAME, &forge).await?;
        let mut opens: Vec<Open> = Vec::new();
        let mut closes: Vec<CloseByRelease> = Vec::new();
        for _ in 0..CHANNELS {
            let mut channel = forge.channel(4);
            let (fields, _) = channel.pay(&[1, 1]);
            opens.push(channel.open());
            closes.push(channel.close(fields));
        }

        let ledger = Arc::new(FabricLedger::connect(&context.profile, "VendorMSP", Caller::User)?);
        let opened = at_once(&opens, |command| ledger.open(command)).await?;
        let closed = at_once(&closes, |command| ledger.close_by_release(command)).await?;
        expect_eq("opened", opened.len(), CHANNELS)?;
        expect_eq("closed", closed.len(), CHANNELS)?;
        let shared =
            closed.iter().filter(|s| closed.iter().filter(|o| o.block == s.block).count() > 1).count();
        if shared == 0 {
            return Err(Failure::new("no two closings shared a block, so nothing was at once"));
        }
        Ok(())
    })
}

/// Submits all commands at once: none may be refused, or need a second try.
async fn at_once<'a, C, F>(
    commands: &'a [C],
    submit: impl Fn(&'a C) -> F,
) -> Result<Vec<Submitted<ChannelRecord>>, LedgerError>
where
    F: Future<Output = Result<Submitted<ChannelRecord>, LedgerError>> + 'a,
{
    stream::iter(commands).map(submit).buffer_unordered(CHANNELS).try_collect().await
}
