//! `lockstep client receipts`.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::Args;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::transcript::Transcript;
use lockstep_protocol::units::Units;
use serde::Serialize;

use super::super::{CliError, Exit, Output};
use super::WalletArgs;
use crate::party::transcript::{self, BadTranscript};
use crate::store::Journal as _;
use crate::wallet::{AuditError, Facts, WalletConfig};

/// Flags of `client receipts`.
#[derive(Args, Debug)]
#[command(
    after_help = "JSON: {channel_id, receipts_verified, units, amount, own}; own: the opening is the one in this wallet."
)]
pub struct Receipts {
    #[command(flatten)]
    wallet: WalletArgs,
    /// A transcript's file, or the id of a channel in this wallet
    #[arg(value_name = "FILE|CHANNEL")]
    what: String,
}

/// What was verified.
#[derive(Debug, Serialize)]
struct Verified {
    channel_id: ChannelId,
    receipts_verified: u32,
    units: Units,
    amount: Amount,
    own: bool,
}

impl Receipts {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let verified = match self.what.parse::<ChannelId>() {
            Ok(channel) => self.audit(channel, out).await?,
            Err(_) => self.check_file(PathBuf::from(&self.what), out).await?,
        };
        out.result(&verified, |verified| {
            format!(
                "channel {}: {} receipts are good; {} units, {} dollars",
                verified.channel_id,
                verified.receipts_verified,
                verified.units.as_count(),
                verified.amount.to_dollars()
            )
        });
        Ok(())
    }

    async fn audit(&self, channel: ChannelId, out: &Output) -> Result<Verified, CliError> {
        let open = self.wallet.open().await?;
        let (stored, _) = open.wallet.stored(channel).await?;
        let bar = out.progress(stored.n.as_index().into(), "verifying");
        let transcript = open.wallet.audit(channel, |done| bar.set_position(done.into())).await?;
        bar.finish_and_clear();
        Ok(verified(channel, &transcript, true))
    }

    async fn check_file(&self, path: PathBuf, out: &Output) -> Result<Verified, CliError> {
        let home = self.wallet.home.open()?;
        let config: WalletConfig = home.config()?;
        let file = File::open(&path).map_err(|error| {
            let what =
                format!("{} is no channel's id, and cannot be read as a file: {error}", path.display());
            CliError::new(Exit::Setup, what)
        })?;
        let spinner = out.spinner("verifying");
        let checking =
            tokio::task::spawn_blocking(move || transcript::check(&mut BufReader::new(file), |_| {}));
        let checked = checking.await.map_err(|error| CliError::from_error(Exit::Failed, error))??;
        spinner.finish_and_clear();
        let opening = checked.opening.opening();
        if opening.terms().bank_key != config.bank.key {
            let what = format!("the transcript is of another bank, {}", opening.terms().bank_key);
            return Err(CliError::new(Exit::Mismatch, what));
        }
        let channel = opening.channel_id();
        let journal = super::party::journal(&home).await?;
        let own = match journal.channel(channel).await? {
            Some(stored) => {
                let facts: Facts = crate::party::replay::decode_note(&stored.facts)?;
                facts.given == checked.opening
            }
            None => false,
        };
        Ok(verified(channel, &checked.transcript, own))
    }
}

fn verified(channel_id: ChannelId, transcript: &Transcript, own: bool) -> Verified {
    Verified {
        channel_id,
        receipts_verified: transcript.number().as_index(),
        units: transcript.released(),
        amount: transcript.amount().unwrap_or_default(),
        own,
    }
}

impl From<BadTranscript> for CliError {
    fn from(error: BadTranscript) -> Self {
        let exit = if matches!(error, BadTranscript::Io(_)) { Exit::Setup } else { Exit::Mismatch };
        Self::from_error(exit, error)
    }
}

impl From<AuditError> for CliError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Wallet(error) => error.into(),
            error => Self::from_error(Exit::Mismatch, error),
        }
    }
}
