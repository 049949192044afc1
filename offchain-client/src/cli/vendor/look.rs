//! `lockstep vendor channels`.

use clap::Args;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::{PaymentNumber, Units};
use serde::Serialize;

use super::super::output::table;
use super::super::party;
use super::super::{CliError, Exit, HomeArgs, Output};
use crate::party::replay;
use crate::store::{ChannelReader, Phase, StoredChannel};
use crate::stream::Settled;
use crate::vendor::{Ending, Facts};

/// Flags of `vendor channels`.
#[derive(Args, Debug)]
#[command(
    after_help = "JSON: a list of {channel_id, phase, payments, units, earned, total, client_key, expiry, receipts, close, fraud_proof}; close is {tx_id, block, micros, units} once the channel is closed; fraud_proof is null, 'due' while the bank has not heard of a proven cheat, or 'other_bank': bring it there with `vendor proof`."
)]
pub struct Channels {
    #[command(flatten)]
    home: HomeArgs,
}

/// One channel.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) channel_id: ChannelId,
    pub(super) phase: Phase,
    payments: PaymentNumber,
    units: Units,
    earned: Amount,
    total: Amount,
    client_key: PublicKey,
    expiry: Timestamp,
    receipts: u32,
    close: Option<Settled>,
    fraud_proof: Option<&'static str>,
}

impl Row {
    /// Whether the vendor's close is on the ledger.
    pub(super) fn is_paid(&self) -> bool {
        self.close.is_some()
    }
}

impl Channels {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let journal = party::journal(&self.home.open()?).await?;
        let (mut rows, mut broken, mut reader) = (Vec::new(), 0, ChannelReader::default());
        loop {
            let page = reader.next(&journal).await?;
            if page.is_empty() {
                break;
            }
            for stored in &page {
                match row(stored) {
                    Ok(row) => rows.push(row),
                    Err(error) => {
                        tracing::error!(channel = %stored.channel, %error, "a channel's row cannot be read");
                        broken += 1;
                    }
                }
            }
        }
        out.result(&rows, |rows| text(rows));
        match broken + reader.skipped() {
            0 => Ok(()),
            broken => {
                Err(CliError::new(Exit::Mismatch, format!("{broken} rows of the journal cannot be read"))
                    .with_hint("they are named above; the vendor closes its other channels all the same"))
            }
        }
    }
}

/// A channel as it is shown.
pub(super) fn row(stored: &StoredChannel) -> Result<Row, CliError> {
    let facts: Facts = replay::decode_note(&stored.facts)?;
    let ending: Ending = replay::decode_note(&stored.ending)?;
    let head = replay::decode_head(&stored.head)?;
    let opening = facts.record.opening();
    Ok(Row {
        channel_id: stored.channel,
        phase: stored.phase,
        payments: stored.n,
        units: head.released(),
        earned: opening.worth(head.released()).unwrap_or_default(),
        total: opening.terms().total,
        client_key: opening.terms().client_key,
        expiry: opening.terms().expiry,
        receipts: ending.unlocked.map_or(0, |unlocked| unlocked.receipts),
        fraud_proof: match (ending.proof_due, ending.proof_elsewhere) {
            (_, true) => Some("other_bank"),
            (true, false) => Some("due"),
            (false, false) => None,
        },
        close: ending.settled,
    })
}

/// Channels as a table.
pub(super) fn text(rows: &[Row]) -> String {
    let mut shown =
        table(["channel", "phase", "payments", "earned", "of", "receipts", "closed by", "fraud proof"]);
    for row in rows {
        shown.add_row([
            row.channel_id.to_string(),
            row.phase.to_string(),
            row.payments.as_index().to_string(),
            row.earned.to_dollars(),
            row.total.to_dollars(),
            row.receipts.to_string(),
            row.close.as_ref().map_or_else(String::new, |close| close.tx_id.to_string()),
            match row.fraud_proof {
                Some("other_bank") => "bring it to the channel's bank: lockstep vendor proof".to_owned(),
                Some(due) => due.to_owned(),
                None => String::new(),
            },
        ]);
    }
    shown.to_string()
}
