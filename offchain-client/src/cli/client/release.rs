//! `lockstep client release`.

use std::time::Duration;

use clap::Args;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::units::{PaymentNumber, Units};
use serde::Serialize;

use super::super::{CliError, Output};
use super::WalletArgs;
use crate::ledger::TransactionId;

/// Flags of `client release`.
#[derive(Args, Debug)]
#[command(
    after_help = "JSON: {channel_id, payments, units, to_vendor, to_client, release_seconds, unlock_seconds, receipts_verified, close: {tx_id, block, seconds, kind}}. Release is from the connection to the vendor's having the release, unlocking is the vendor's walk back to the bank's signature with every receipt verified and stored, close.seconds is the ledger's part."
)]
pub struct Release {
    #[command(flatten)]
    wallet: WalletArgs,
    /// The channel's id
    channel: ChannelId,
    /// Where the vendor is now, if it has moved: https://host:port
    #[arg(long, value_name = "URL")]
    vendor: Option<String>,
}

/// What `client release` came to.
#[derive(Debug, Serialize)]
struct Done {
    channel_id: ChannelId,
    payments: PaymentNumber,
    units: Units,
    to_vendor: Amount,
    to_client: Amount,
    release_seconds: f64,
    unlock_seconds: f64,
    receipts_verified: u32,
    close: Close,
}

#[derive(Debug, Serialize)]
struct Close {
    tx_id: TransactionId,
    block: u64,
    seconds: f64,
    kind: &'static str,
}

impl Release {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let _lock = self.wallet.lock()?;
        let wallet = self.wallet.open().await?.wallet.with_vendor_at(self.vendor.clone());
        let spinner = out.spinner("releasing; the vendor unlocks and closes");
        let released = wallet.release(self.channel).await?;
        spinner.finish_and_clear();
        let change = released.record.change().map_err(|refusal| {
            CliError::new(super::Exit::Mismatch, format!("the ledger's record makes no sense: {refusal}"))
        })?;
        let unlock = Duration::from_micros(released.unlocked.micros);
        let done = Done {
            channel_id: self.channel,
            payments: released.last.number,
            units: released.last.released,
            to_vendor: change.to_vendor,
            to_client: change.to_client,
            release_seconds: released.release.saturating_sub(unlock).as_secs_f64(),
            unlock_seconds: unlock.as_secs_f64(),
            receipts_verified: released.unlocked.receipts,
            close: Close {
                tx_id: released.settled.tx_id,
                block: released.settled.block,
                seconds: Duration::from_micros(released.settled.micros).as_secs_f64(),
                kind: "release",
            },
        };
        out.result(&done, |done| {
            format!(
                "released payment {} in {:.3} s; the vendor verified {} receipts in {:.3} s\nclosed by transaction {} in block {} ({:.2} s): {} dollars to the vendor, {} back",
                done.payments.as_index(),
                done.release_seconds,
                done.receipts_verified,
                done.unlock_seconds,
                done.close.tx_id,
                done.close.block,
                done.close.seconds,
                done.to_vendor.to_dollars(),
                done.to_client.to_dollars()
            )
        });
        Ok(())
    }
}
