//! What the operator decides about a channel. The decision stands in the books; the running bank puts it into its log,
//! signs and submits.

use clap::{Args, ValueEnum};
use lockstep_protocol::hash::{ChannelId, EvidenceHash};
use lockstep_protocol::ledger::FreezeReason;
use lockstep_protocol::units::Units;
use serde_json::json;
use sha3::{Digest, Sha3_256};

use super::super::{CliError, Exit, Output};
use super::BankArgs;
use crate::bank::books::{DecisionError, Recorded, Verdict};
use crate::party::Clock;

const REPEATED: &str = "The same had been decided before; nothing was changed.";

/// A channel.
#[derive(Args, Debug)]
struct ChannelArgs {
    #[command(flatten)]
    bank: BankArgs,
    /// The channel's id, in hexadecimal
    channel: ChannelId,
}

/// Flags of `bank freeze`.
#[derive(Args, Debug)]
pub struct FreezeArgs {
    #[command(flatten)]
    on: ChannelArgs,
    /// Why: 2 the vendor's conduct, 3 an order of a court (a fraud proof, 1, comes from the vendor)
    #[arg(long, value_enum)]
    reason: Reason,
    /// What shows it; its SHA3-256 hash is what the ledger keeps
    #[arg(long, value_name = "TEXT")]
    evidence: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reason {
    #[value(name = "2", alias = "vendor-conduct")]
    VendorConduct,
    #[value(name = "3", alias = "court-order")]
    CourtOrder,
}

/// Flags of `bank accuse`.
#[derive(Args, Debug)]
pub struct AccuseArgs {
    #[command(flatten)]
    on: ChannelArgs,
    /// What the client says
    #[arg(long, value_name = "TEXT", default_value = "")]
    statement: String,
}

/// Flags of `bank decide`.
#[derive(Args, Debug)]
#[group(id = "verdict", required = true, multiple = false, args = ["at_fault", "not_at_fault"])]
pub struct DecideArgs {
    #[command(flatten)]
    on: ChannelArgs,
    /// The vendor did not deliver: its reputation falls by 20
    #[arg(long)]
    at_fault: bool,
    /// The vendor delivered, or nobody can tell: nothing changes
    #[arg(long)]
    not_at_fault: bool,
}

/// Flags of `bank resolve`.
#[derive(Args, Debug)]
pub struct ResolveArgs {
    #[command(flatten)]
    on: ChannelArgs,
    /// What the vendor is to get in all; it gets its claim at least
    #[arg(long)]
    units: u32,
}

impl FreezeArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let id = self.on.channel;
        let evidence = EvidenceHash::from_bytes(Sha3_256::digest(self.evidence.as_bytes()).into());
        let reason = match self.reason {
            Reason::VendorConduct => FreezeReason::VendorConduct,
            Reason::CourtOrder => FreezeReason::CourtOrder,
        };
        let books = self.on.bank.books().await?;
        let now = Clock::system().now();
        let recorded = books.decide_freeze(&id, (reason, evidence), &self.evidence, now).await?;
        let again = recorded == Recorded::Before;
        let result = json!({
            "channel_id": id, "reason": reason, "evidence": evidence, "already_done": again,
        });
        out.result(&result, |_| format!("channel {id} is to be frozen; evidence {evidence}"));
        note(out, recorded, "The running bank signs and submits it.");
        Ok(())
    }
}

impl AccuseArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let id = self.on.channel;
        let books = self.on.bank.books().await?;
        let recorded = books.accuse(&id, &self.statement, Clock::system().now()).await?;
        let result = json!({ "channel_id": id, "already_done": recorded == Recorded::Before });
        out.result(&result, |_| format!("the vendor of channel {id} is accused"));
        note(out, recorded, "`lockstep bank decide` ends it.");
        Ok(())
    }
}

impl DecideArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let id = self.on.channel;
        let verdict = if self.at_fault { Verdict::AtFault } else { Verdict::NotAtFault };
        let books = self.on.bank.books().await?;
        let recorded = books.judge(&id, verdict, Clock::system().now()).await?;
        let row = books.channel(&id).await?.ok_or(DecisionError::UnknownChannel(id))?;
        let vendor = books.account(&row.vendor).await?;
        let points = vendor.map(|account| account.reputation.as_points());
        let again = recorded == Recorded::Before;
        let result = json!({
            "channel_id": id, "verdict": verdict, "vendor": row.vendor, "reputation": points,
            "already_done": again,
        });
        out.result(&result, |_| {
            let shown = points.map_or_else(|| "-".to_owned(), |points| points.to_string());
            format!("vendor {} is {verdict}; reputation {shown}", row.vendor)
        });
        note(out, recorded, "");
        Ok(())
    }
}

impl ResolveArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let id = self.on.channel;
        let books = self.on.bank.books().await?;
        let units = Units::from_count(self.units);
        let recorded = books.decide_units(&id, units, Clock::system().now()).await?;
        let again = recorded == Recorded::Before;
        let result = json!({ "channel_id": id, "units": units, "already_done": again });
        out.result(&result, |_| format!("the vendor of channel {id} is to get {} units", self.units));
        note(
            out,
            recorded,
            "The running bank resolves once the vendor has claimed, or after expiry; a higher claim wins.",
        );
        Ok(())
    }
}

fn note(out: &Output, recorded: Recorded, next: &str) {
    match recorded {
        Recorded::Before => out.note(REPEATED),
        Recorded::Now if next.is_empty() => {}
        Recorded::Now => out.note(next),
    }
}

impl From<DecisionError> for CliError {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Store(error) => error.into(),
            other => Self::from_error(Exit::Failed, other),
        }
    }
}
