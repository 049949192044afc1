//! `lockstep client pay`.

use std::sync::atomic::{AtomicU32, Ordering};

use clap::Args;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::memo::Memo;
use lockstep_protocol::units::{PaymentNumber, Units};
use serde::Serialize;

use super::super::{CliError, Exit, Output};
use super::WalletArgs;
use crate::wallet::{Order, Pace, Paid, PayOutcome};

/// Flags of `client pay`.
#[derive(Args, Debug)]
#[command(
    after_help = "JSON: {channel_id, payments, seconds, rate, bytes_sent, bytes_received, bytes_per_payment, last_number, total, units_left, vendor_closes}. Seconds run from the first signature to the last acknowledgement; bytes are those on the wire in both directions, TLS included; total is what the channel has paid in all."
)]
pub struct Pay {
    #[command(flatten)]
    wallet: WalletArgs,
    /// The channel's id
    channel: ChannelId,
    /// Where the vendor is now, if it has moved: https://host:port
    #[arg(long, value_name = "URL")]
    vendor: Option<String>,
    /// How many payments
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Units in each payment
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    units: u32,
    /// Payments a second (default: as many as both sides can)
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
    /// What each payment is for
    #[arg(long, default_value = "", hide_default_value = true)]
    memo: String,
}

/// What `client pay` did.
#[derive(Debug, Serialize)]
struct Done {
    channel_id: ChannelId,
    payments: u32,
    seconds: f64,
    rate: f64,
    bytes_sent: u64,
    bytes_received: u64,
    bytes_per_payment: f64,
    last_number: PaymentNumber,
    total: Amount,
    units_left: Units,
    vendor_closes: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("a rate is a number above zero".to_owned()),
    }
}

impl Pay {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let memo = Memo::new(self.memo.clone())
            .map_err(|_| CliError::new(Exit::Usage, "a memo has 1024 bytes at most"))?;
        let order = Order {
            count: self.count,
            units: Units::from_count(self.units),
            memo,
            pace: self.rate.map_or(Pace::Unbounded, Pace::PerSecond),
        };
        let _lock = self.wallet.lock()?;
        let wallet = self.wallet.open().await?.wallet.with_vendor_at(self.vendor.clone());
        let bar = out.progress(self.count.into(), "paying");
        let through = AtomicU32::new(0);
        let outcome = wallet
            .pay(self.channel, order, |done| {
                through.store(done, Ordering::Relaxed);
                bar.set_position(done.into());
            })
            .await;
        bar.finish_and_clear();
        let (paid, vendor_closes) = match outcome {
            Ok(PayOutcome::All(paid)) => (paid, false),
            Ok(PayOutcome::VendorCloses(paid)) => (paid, true),
            Err(error) => return Err(self.unfinished(error.into(), through.load(Ordering::Relaxed))),
        };
        out.result(&self.done(&paid, vendor_closes), text);
        if !vendor_closes {
            return Ok(());
        }
        let what = format!(
            "the vendor closes the channel; {} of {} payments went through",
            paid.payments, self.count
        );
        Err(CliError::new(Exit::Failed, what)
            .with_hint(format!("settle it: lockstep client release {}", self.channel)))
    }

    fn unfinished(&self, error: CliError, through: u32) -> CliError {
        let what = format!(
            "{through} of {} payments were acknowledged; what was signed beyond that is kept, and sent again as it is when the channel is used next",
            self.count
        );
        if through > 0 { error.with_hint(what) } else { error }
    }

    fn done(&self, paid: &Paid, vendor_closes: bool) -> Done {
        let seconds = paid.elapsed.as_secs_f64();
        let payments = f64::from(paid.payments);
        let per_payment = |bytes: u64| {
            // Exact up to 2^53 bytes.
            let bytes = f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) * 1024.0
                + f64::from(u32::try_from(bytes % 1024).unwrap_or_default());
            if paid.payments == 0 { 0.0 } else { bytes / payments }
        };
        Done {
            channel_id: self.channel,
            payments: paid.payments,
            seconds,
            rate: if seconds > 0.0 { payments / seconds } else { 0.0 },
            bytes_sent: paid.bytes_sent,
            bytes_received: paid.bytes_received,
            bytes_per_payment: per_payment(paid.bytes_sent.saturating_add(paid.bytes_received)),
            last_number: paid.last.number,
            total: paid.total,
            units_left: paid.left,
            vendor_closes,
        }
    }
}

fn text(done: &Done) -> String {
    format!(
        "{} payments in {:.3} s: {:.0} a second, {:.1} bytes each on the wire\npaid {} dollars in all, {} units left",
        done.payments,
        done.seconds,
        done.rate,
        done.bytes_per_payment,
        done.total.to_dollars(),
        done.units_left.as_count()
    )
}
