//! `lockstep client channels`.

use clap::Args;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::PaymentNumber;
use serde::Serialize;

use super::super::output::table;
use super::super::party;
use super::super::{CliError, HomeArgs, Output};
use crate::party::replay;
use crate::store::{Journal as _, Phase, StoredChannel};
use crate::wallet::Facts;

/// Channels in one page of the journal.
const PAGE: u32 = 100;

/// Flags of `client channels`.
#[derive(Args, Debug)]
#[command(
    after_help = "JSON: a list of {channel_id, phase, payments, paid, total, unit_price, expiry, vendor, memo}. Payments are those that were signed; the vendor has acknowledged them all but the last window at most."
)]
pub struct Channels {
    #[command(flatten)]
    home: HomeArgs,
}

/// One channel.
#[derive(Debug, Serialize)]
struct Row {
    channel_id: ChannelId,
    phase: Phase,
    payments: PaymentNumber,
    paid: Amount,
    total: Amount,
    unit_price: Amount,
    expiry: Timestamp,
    vendor: String,
    memo: String,
}

impl Channels {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let journal = party::journal(&self.home.open()?).await?;
        let (mut rows, mut after) = (Vec::new(), 0);
        loop {
            let page = journal.channels(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.place;
            for stored in &page {
                rows.push(row(stored)?);
            }
        }
        out.result(&rows, |rows| text(rows));
        Ok(())
    }
}

fn row(stored: &StoredChannel) -> Result<Row, CliError> {
    let facts: Facts = replay::decode_note(&stored.facts)?;
    let head = replay::decode_head(&stored.head)?;
    let opening = facts.given.opening();
    Ok(Row {
        channel_id: stored.channel,
        phase: stored.phase,
        payments: stored.n,
        paid: opening.worth(head.released()).unwrap_or_default(),
        total: opening.terms().total,
        unit_price: opening.terms().unit_price,
        expiry: opening.terms().expiry,
        vendor: facts.vendor.url,
        memo: facts.memo.as_str().to_owned(),
    })
}

fn text(rows: &[Row]) -> String {
    let mut shown = table(["channel", "phase", "payments", "paid", "of", "vendor", "memo"]);
    for row in rows {
        shown.add_row([
            row.channel_id.to_string(),
            row.phase.to_string(),
            row.payments.as_index().to_string(),
            row.paid.to_dollars(),
            row.total.to_dollars(),
            row.vendor.clone(),
            row.memo.clone(),
        ]);
    }
    shown.to_string()
}
