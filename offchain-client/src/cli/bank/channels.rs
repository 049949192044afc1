//! `lockstep bank channels` and `lockstep bank alarms`.

use clap::Args;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::{ChannelId, EvidenceHash};
use lockstep_protocol::key::PublicKey;
use lockstep_protocol::ledger::FreezeReason;
use lockstep_protocol::time::Timestamp;
use lockstep_protocol::units::Units;
use serde::Serialize;

use super::super::output::table;
use super::super::{CliError, Exit, Output};
use super::BankArgs;
use super::books::time;
use crate::bank::books::{Accusation, Alarm, Case};
use crate::party::Clock;

/// Flags of `bank channels`.
#[derive(Args, Debug)]
pub struct ChannelsArgs {
    #[command(flatten)]
    bank: BankArgs,
    /// Also those that have ended
    #[arg(long)]
    all: bool,
}

/// Flags of `bank alarms`.
#[derive(Args, Debug)]
pub struct AlarmsArgs {
    #[command(flatten)]
    bank: BankArgs,
    /// Clear this alarm: somebody has dealt with it
    #[arg(long, value_name = "ID", requires = "because")]
    clear: Option<u64>,
    /// How
    #[arg(long, value_name = "TEXT", requires = "clear")]
    because: Option<String>,
    /// Also those that were cleared
    #[arg(long, conflicts_with = "clear")]
    all: bool,
}

/// A channel, what has been decided about it, and what the bank does next if nobody else does.
#[derive(Debug, Serialize)]
struct ChannelLine {
    channel_id: ChannelId,
    /// `null`: the suspense account pays.
    account: Option<PublicKey>,
    vendor: PublicKey,
    total: Amount,
    /// What the suspense account bears in the place of `account`, which owes it.
    stand_in: Amount,
    state: String,
    halted: bool,
    /// What the bank submits next: `cancel`, `refund`, `freeze` or `resolve`.
    next: Option<&'static str>,
    /// When it looks at the channel next; 0: at once.
    due: Option<Timestamp>,
    tries: u32,
    freeze: Option<FreezeLine>,
    decided: Option<Units>,
    signed: Option<Units>,
    fraud: bool,
    accusation: Option<Accusation>,
}

#[derive(Debug, Serialize)]
struct FreezeLine {
    reason: FreezeReason,
    evidence: EvidenceHash,
}

impl From<Case> for ChannelLine {
    fn from(case: Case) -> Self {
        let freeze = case.decisions.freeze;
        let next = match case.row.state.as_str() {
            "reserved" => Some("cancel"),
            "open" if freeze.is_some() => Some("freeze"),
            "open" => Some("refund"),
            "frozen" | "claimed" => Some("resolve"),
            _ => None,
        };
        Self {
            channel_id: case.row.channel,
            account: case.row.account,
            vendor: case.row.vendor,
            total: case.row.total,
            stand_in: case.row.stand_in,
            next: next.filter(|_| !case.row.halted),
            state: case.row.state,
            halted: case.row.halted,
            due: case.due,
            tries: case.tries,
            freeze: freeze.map(|(reason, evidence)| FreezeLine { reason, evidence }),
            decided: case.decisions.decided,
            signed: case.decisions.signed,
            fraud: case.fraud,
            accusation: case.accusation,
        }
    }
}

impl ChannelsArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let books = self.bank.books().await?;
        let mut all: Vec<ChannelLine> = Vec::new();
        let mut last = None;
        loop {
            let page = books.cases(last.as_ref(), self.all).await?;
            let Some(case) = page.last() else { break };
            last = Some(case.row.channel);
            all.extend(page.into_iter().map(ChannelLine::from));
        }
        out.result(&all, |all| channel_table(all));
        if books.is_catching_up().await? {
            out.note("The bank is catching up with the ledger: some of these may have moved on.");
        }
        Ok(())
    }
}

impl AlarmsArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let books = self.bank.books().await?;
        if let Some(id) = self.clear {
            let because = self.because.unwrap_or_default();
            let alarm = books.clear_alarm(id, &because, Clock::system().now()).await?;
            let alarm = alarm.ok_or_else(|| {
                CliError::new(Exit::Failed, format!("there is no alarm with the number {id}"))
            })?;
            out.result(&alarm, |alarm| alarm_table(std::slice::from_ref(alarm)));
            out.note(
                "The running bank posts what it has missed of the channel, unless another alarm stands.",
            );
            return Ok(());
        }
        let alarms = if self.all { books.all_alarms().await? } else { books.alarms().await? };
        out.result(&alarms, |alarms| alarm_table(alarms));
        Ok(())
    }
}

fn channel_table(channels: &[ChannelLine]) -> String {
    let mut rows = table(["channel", "account", "total", "state", "next", "from", "decided"]);
    for line in channels {
        let mut decided = Vec::new();
        if let Some(freeze) = &line.freeze {
            decided.push(format!("freeze {}", u16::from(freeze.reason)));
        }
        if let Some(units) = line.signed.or(line.decided) {
            decided.push(format!("resolve {}", units.as_count()));
        }
        if line.stand_in > Amount::ZERO {
            decided.push(format!("suspense bears {}", line.stand_in.to_dollars()));
        }
        if line.fraud {
            decided.push("fraud proven".to_owned());
        }
        if let Some(accusation) = line.accusation {
            decided.push(match accusation {
                Accusation::Undecided => "vendor accused".to_owned(),
                Accusation::Decided(verdict) => format!("vendor {verdict}"),
            });
        }
        rows.add_row([
            line.channel_id.to_string(),
            line.account.map_or_else(|| "suspense".to_owned(), |key| key.to_string()),
            line.total.to_dollars(),
            line.state.clone(),
            if line.halted { "ALARM" } else { line.next.unwrap_or("-") }.to_owned(),
            line.due.map_or_else(String::new, time),
            decided.join(", "),
        ]);
    }
    rows.to_string()
}

fn alarm_table(alarms: &[Alarm]) -> String {
    let mut rows = table(["alarm", "time", "channel", "reason", "cleared"]);
    for alarm in alarms {
        rows.add_row([
            alarm.id.to_string(),
            time(alarm.at),
            alarm.channel.to_string(),
            alarm.reason.clone(),
            alarm.cleared.as_ref().map_or_else(String::new, |cleared| cleared.because.clone()),
        ]);
    }
    rows.to_string()
}
