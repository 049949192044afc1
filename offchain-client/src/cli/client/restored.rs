//! `lockstep client restored`.

use clap::Args;
use lockstep_protocol::hash::ChannelId;
use serde::Serialize;

use super::super::{CliError, Output};
use super::WalletArgs;

/// Flags of `client restored`.
#[derive(Args, Debug)]
#[command(
    after_help = "Run it once, before anything else, in a home folder that comes from a copy. The wallet that it was copied from may have gone on, and a payment signed twice with one number costs money and trust. Channels found open are marked stopped: the vendor closes them with what it has, and `lockstep client refund` brings back what no close has taken. New channels can be opened and paid on at once. The same again is success.\nJSON: {stopped}, the ids of the channels that this call marked."
)]
pub struct Restored {
    #[command(flatten)]
    wallet: WalletArgs,
}

/// What `client restored` came to.
#[derive(Debug, Serialize)]
struct Done {
    stopped: Vec<ChannelId>,
}

impl Restored {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let _lock = self.wallet.lock()?;
        let stopped = self.wallet.open().await?.wallet.restored().await?;
        out.result(&Done { stopped }, |done| match done.stopped.as_slice() {
            [] => "no channel of this wallet can be paid on; nothing had to be stopped".to_owned(),
            stopped => {
                let ids: Vec<String> = stopped.iter().map(ToString::to_string).collect();
                format!(
                    "stopped, and never paid on or released again by this wallet:\n{}\n`lockstep client doctor` says how their money comes back",
                    ids.join("\n")
                )
            }
        });
        Ok(())
    }
}
