//! `lockstep vendor close`.

use std::time::{Duration, Instant};

use clap::Args;
use lockstep_protocol::hash::ChannelId;

use super::super::party;
use super::super::{CliError, Exit, HomeArgs, Output};
use super::look::{row, text};
use crate::party::Span;
use crate::store::{Advance, Change, Journal as _, JournalError, Phase, SqliteJournal, StoredChannel};
use crate::vendor::VendorConfig;

/// How often the journal is asked how far the daemon has got.
const LOOK: Duration = Duration::from_millis(100);

/// Flags of `vendor close`.
///
/// Marks the channel closing; the running `vendor serve` asks the client for its release, unlocks and closes. A client that does
/// not release within timing.release_wait is not waited for: the channel is closed by token.
#[derive(Args, Debug)]
#[command(after_help = "JSON: the channel as in `vendor channels`.")]
pub struct Close {
    #[command(flatten)]
    home: HomeArgs,
    /// The channel's id
    channel: ChannelId,
    /// Do not wait for the client's release: close with the last token, or without any payment an unused channel
    #[arg(long)]
    by_token: bool,
    /// How long to wait for the end (default: the release and three commits, from timing of the configuration)
    #[arg(long, value_name = "SPAN")]
    wait: Option<Span>,
}

impl Close {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let home = self.home.open()?;
        let config: VendorConfig = home.config()?;
        let journal = party::journal(&home).await?;
        self.mark(&journal, Phase::Open, Phase::Closing).await?;
        if self.by_token {
            self.mark(&journal, Phase::Closing, Phase::Claiming).await?;
        }
        let timing = &config.timing;
        let patience = timing.release_wait.0.saturating_add(timing.commit_bound.0.saturating_mul(3));
        let give_up = Instant::now() + self.wait.map_or(patience, |wait| wait.0);
        let spinner = out.spinner("waiting for the release and the close");
        let stored = loop {
            let stored = self.stored(&journal).await?;
            if stored.phase == Phase::Closed || Instant::now() >= give_up {
                break stored;
            }
            tokio::time::sleep(LOOK).await;
        };
        spinner.finish_and_clear();
        let shown = row(&stored)?;
        if shown.is_paid() {
            out.result(&[shown], |rows| text(rows));
            return Ok(());
        }
        Err(unfinished(&stored))
    }

    async fn mark(&self, journal: &SqliteJournal, from: Phase, to: Phase) -> Result<(), CliError> {
        match journal.save(Change::Advance(Advance::new(self.channel, from, to))).await {
            // It is in another phase: perhaps it is closing already.
            Ok(()) | Err(JournalError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn stored(&self, journal: &SqliteJournal) -> Result<StoredChannel, CliError> {
        let unknown = || CliError::new(Exit::Failed, format!("this vendor has no channel {}", self.channel));
        journal.channel(self.channel).await?.ok_or_else(unknown)
    }
}

fn unfinished(stored: &StoredChannel) -> CliError {
    let (what, hint) = match stored.phase {
        Phase::Closed => (
            "the channel ended on the ledger without this vendor's close",
            "look at `lockstep ledger channel`: it was refunded, or the bank decided on it",
        ),
        Phase::Closing => (
            "the client has not released yet; nothing more is accepted on the channel",
            "it is asked as soon as it connects to `lockstep vendor serve`, which closes by token when it does not release",
        ),
        Phase::Disputed => (
            "a lock in the channel does not open: the client cheated, and the proof is in the journal; the close is under way",
            "see that `lockstep vendor serve` runs and that the ledger answers, then look at `lockstep vendor channels`",
        ),
        Phase::Claiming => (
            "the close by token is under way",
            "see that `lockstep vendor serve` runs and that the ledger answers, then look at `lockstep vendor channels`",
        ),
        _ => (
            "the release is there and the close is under way",
            "see that `lockstep vendor serve` runs and that the ledger answers, then look at `lockstep vendor channels`",
        ),
    };
    CliError::new(Exit::Failed, what).with_hint(hint)
}
