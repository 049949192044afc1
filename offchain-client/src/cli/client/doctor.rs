//! `lockstep client doctor`.

use clap::Args;
use lockstep_protocol::hash::ChannelId;
use serde::Serialize;

use super::super::output::table;
use super::super::{CliError, Output};
use super::WalletArgs;
use crate::party::Span;
use crate::wallet::{Asked, Moment, NotSeen, Seen};

/// Channels in one page of the journal.
const PAGE: u32 = 100;

/// Flags of `client doctor`.
#[derive(Args, Debug)]
#[command(
    after_help = "JSON: a list of {channel_id, phase, ledger_state, advice}. phase is the journal's word, ledger_state the ledger's, or none, or unknown if it does not answer. An opening that the bank was asked for and has not answered has no channel_id yet and is in the phase requested."
)]
pub struct Doctor {
    #[command(flatten)]
    wallet: WalletArgs,
}

/// One channel.
#[derive(Debug, Serialize)]
struct Row {
    channel_id: Option<ChannelId>,
    phase: &'static str,
    ledger_state: Seen,
    advice: String,
}

impl Doctor {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let wallet = self.wallet.open().await?.wallet;
        let spinner = out.spinner("asking the ledger");
        let (mut rows, mut after) = (Vec::new(), 0);
        loop {
            let page = wallet.journal().channels(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.place;
            for stored in &page {
                let found = wallet.examine(stored).await?;
                rows.push(Row {
                    channel_id: Some(found.channel),
                    phase: found.phase.name(),
                    ledger_state: found.ledger,
                    advice: found.advice,
                });
            }
        }
        if let Some(asked) = wallet.asked()? {
            let ledger_state = Seen::Otherwise(NotSeen::None);
            rows.push(Row { channel_id: None, phase: "requested", ledger_state, advice: requested(&asked) });
        }
        spinner.finish_and_clear();
        out.result(&rows, |rows| text(rows));
        Ok(())
    }
}

/// What to do about a request without an answer.
fn requested(asked: &Asked) -> String {
    let (wish, open_by) = (asked.wish(), asked.signed.request().open_by);
    let memo = if wish.memo.as_str().is_empty() { "" } else { ", with the same memo" };
    format!(
        "The bank was asked for this opening and has not answered. `lockstep client open --vendor {} --unit-price {} --count {} --life '{}'`{memo}, and the vendor's certificate, takes it up until {}; what the bank may have reserved is freed by itself after that.",
        wish.vendor,
        wish.unit_price.to_dollars(),
        wish.token_count.as_count(),
        Span(wish.life),
        Moment(open_by)
    )
}

fn text(rows: &[Row]) -> String {
    let mut shown = table(["channel", "journal", "ledger", "advice"]);
    for row in rows {
        shown.add_row([
            row.channel_id.map_or_else(|| "not yet".to_owned(), |id| id.to_string()),
            row.phase.to_owned(),
            row.ledger_state.to_string(),
            row.advice.clone(),
        ]);
    }
    shown.to_string()
}
