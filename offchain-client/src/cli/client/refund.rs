//! `lockstep client refund`.

use clap::Args;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::ChannelState;
use serde::Serialize;

use super::super::{CliError, Exit, Output};
use super::WalletArgs;
use crate::ledger::TransactionId;

/// Flags of `client refund`.
#[derive(Args, Debug)]
#[command(
    after_help = "A channel can be refunded once it has expired and the bank's clock tolerance has passed as well; before that the command says from when. The same again is success.\nJSON: {channel_id, state, to_client, tx_id, block}; tx_id and block are null if it was refunded before."
)]
pub struct Refund {
    #[command(flatten)]
    wallet: WalletArgs,
    /// The channel's id
    channel: ChannelId,
}

/// What `client refund` came to.
#[derive(Debug, Serialize)]
struct Done {
    channel_id: ChannelId,
    state: ChannelState,
    to_client: Amount,
    tx_id: Option<TransactionId>,
    block: Option<u64>,
}

impl Refund {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let _lock = self.wallet.lock()?;
        let wallet = self.wallet.open().await?.wallet;
        let spinner = out.spinner("refunding");
        let refunded = wallet.refund(self.channel).await?;
        spinner.finish_and_clear();
        let change = refunded.record.change().map_err(|refusal| {
            CliError::new(Exit::Mismatch, format!("the ledger's record makes no sense: {refusal}"))
        })?;
        let (tx_id, block) = refunded.transaction.unzip();
        let (channel_id, to_client) = (self.channel, change.to_client);
        let done = Done { channel_id, state: change.state, to_client, tx_id, block };
        out.result(&done, |done| {
            let how = match (&done.tx_id, done.block) {
                (Some(tx_id), Some(block)) => format!("by transaction {tx_id} in block {block}"),
                _ => "before".to_owned(),
            };
            format!("channel {} was refunded {how}: {} dollars", done.channel_id, done.to_client.to_dollars())
        });
        Ok(())
    }
}
