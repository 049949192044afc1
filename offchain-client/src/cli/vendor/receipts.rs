//! `lockstep vendor receipts`.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use clap::Args;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::transcript::{Transcript, TranscriptError};
use lockstep_protocol::units::Units;
use serde::Serialize;

use super::super::party;
use super::super::{CliError, Exit, HomeArgs, Output};
use crate::party::transcript;
use crate::replacement::Replacement;
use crate::vendor::{ReceiptReader, ReceiptsError};

/// Flags of `vendor receipts`.
///
/// The file has a line of
#[derive(Args, Debug)]
#[command(
    after_help = "JSON with the opening and one for each receipt; `client receipts FILE` verifies it. JSON on standard output: {channel_id, receipts_verified, units, amount, file}."
)]
pub struct Receipts {
    #[command(flatten)]
    home: HomeArgs,
    /// The channel's id
    channel: ChannelId,
    /// Write the transcript to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What was verified.
#[derive(Debug, Serialize)]
struct Verified {
    channel_id: ChannelId,
    receipts_verified: u32,
    units: Units,
    amount: Amount,
    file: Option<PathBuf>,
}

impl Receipts {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let journal = party::journal(&self.home.open()?).await?;
        let mut reader = ReceiptReader::open(&journal, self.channel).await?;
        let bar = out.progress(reader.count().into(), "verifying");
        let mut transcript = Transcript::begin(reader.opening()).map_err(|refusal| {
            CliError::new(Exit::Mismatch, format!("the opening in the journal is not good: {refusal}"))
        })?;
        let mut file = self.out.as_deref().map(NewFile::create).transpose()?;
        if let Some(file) = &mut file {
            file.write(|to| transcript::write_heading(to, reader.opening()))?;
        }
        loop {
            let receipts = reader.next_row().await?;
            if receipts.is_empty() {
                break;
            }
            for receipt in &receipts {
                transcript.add(receipt)?;
                if let Some(file) = &mut file {
                    file.write(|to| transcript::write_receipt(to, receipt))?;
                }
            }
            bar.set_position(transcript.number().as_index().into());
        }
        bar.finish_and_clear();
        if let Some(file) = file {
            file.finish()?;
        }
        let verified = Verified {
            channel_id: self.channel,
            receipts_verified: transcript.number().as_index(),
            units: transcript.released(),
            amount: transcript.amount().unwrap_or_default(),
            file: self.out.clone(),
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
}

/// A file that appears under its name when it is whole.
struct NewFile<'a> {
    path: &'a Path,
    replacement: BufWriter<Replacement<'a>>,
}

impl<'a> NewFile<'a> {
    fn create(path: &'a Path) -> Result<Self, CliError> {
        let replacement = Replacement::begin(path, 0o600).map_err(|error| failed(path, &error))?;
        Ok(Self { path, replacement: BufWriter::new(replacement) })
    }

    fn write(
        &mut self,
        write: impl FnOnce(&mut BufWriter<Replacement<'a>>) -> std::io::Result<()>,
    ) -> Result<(), CliError> {
        write(&mut self.replacement).map_err(|error| failed(self.path, &error))
    }

    fn finish(self) -> Result<(), CliError> {
        let path = self.path;
        let replacement = self.replacement.into_inner().map_err(|error| failed(path, error.error()))?;
        replacement.finish().map_err(|error| failed(path, &error))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Exit::of_io(error), format!("cannot write {}: {error}", path.display()))
}

impl From<ReceiptsError> for CliError {
    fn from(error: ReceiptsError) -> Self {
        match error {
            ReceiptsError::Journal(error) => error.into(),
            ReceiptsError::Damaged(error) => error.into(),
            error => Self::from_error(Exit::Failed, error),
        }
    }
}

impl From<TranscriptError> for CliError {
    fn from(error: TranscriptError) -> Self {
        Self::from_error(Exit::Mismatch, error)
    }
}
