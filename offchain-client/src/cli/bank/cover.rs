//! `lockstep bank cover`.

use clap::Args;

use super::super::{CliError, Output};
use super::BankArgs;
use crate::bank::books::{Cover, Direction};
use crate::party::{Clock, Dollars};

/// Flags of `bank cover`.
#[derive(Args, Debug)]
#[command(after_help = "JSON: {suspense, already_done}; suspense is in micro-units.")]
pub struct CoverArgs {
    #[command(flatten)]
    bank: BankArgs,
    /// How many dollars, such as 250 or 0.01; `lockstep bank audit` shows what the suspense account has borne
    amount: Dollars,
    /// What makes it this movement and no other: the number of a receipt
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// Take own money out again, as far as the suspense account stands above zero
    #[arg(long)]
    take_back: bool,
}

impl CoverArgs {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let books = self.bank.books().await?;
        let direction = if self.take_back { Direction::Withdrawal } else { Direction::Deposit };
        let cover = Cover { direction, amount: self.amount.0, reference: &self.reference };
        let covered = books.cover(cover, Clock::system().now()).await?;
        let result =
            serde_json::json!({ "suspense": covered.suspense, "already_done": covered.already_done });
        out.result(&result, |_| {
            format!("the suspense account stands at {} dollars", covered.suspense.to_dollars())
        });
        if covered.already_done {
            out.note("This had been entered before; nothing was changed.");
        }
        Ok(())
    }
}
