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
/// Marks the channel closing; the running `vendor serve` asks the client for its release, unlocks and closes.
#[derive(Args, Debug)]
#[command(after_help = "JSON: the channel as in `vendor channels`.")]
pub struct Close {
    #[command(flatten)]
    home: HomeArgs,
    /// The channel's id
    channel: ChannelId,
    /// How long to wait for the end (default: timing.release_wait of the configuration)
    #[arg(long, value_name = "SPAN")]
    wait: Option<Span>,
}

impl Close {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let home = self.home.open()?;
        let config: VendorConfig = home.config()?;
        let journal = party::journal(&home).await?;
        let mark = Advance::new(self.channel, Phase::Open, Phase::Closing);
        match journal.save(Change::Advance(mark)).await {
            // It is not open: perhaps it is closing already.
            Ok(()) | Err(JournalError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        let give_up = Instant::now() + self.wait.unwrap_or(config.timing.release_wait).0;
        let spinner = out.spinner("waiting for the release and the close");
        let stored = loop {
            let stored = self.stored(&journal).await?;
            let ended = matches!(stored.phase, Phase::Closed | Phase::Disputed);
            if ended || Instant::now() >= give_up {
                break stored;
            }
            tokio::time::sleep(LOOK).await;
        };
        spinner.finish_and_clear();
        let shown = row(&stored)?;
        if stored.phase == Phase::Closed {
            out.result(&[shown], |rows| text(rows));
            return Ok(());
        }
        Err(unfinished(&stored))
    }

    async fn stored(&self, journal: &SqliteJournal) -> Result<StoredChannel, CliError> {
        let unknown = || CliError::new(Exit::Failed, format!("this vendor has no channel {}", self.channel));
        journal.channel(self.channel).await?.ok_or_else(unknown)
    }
}

fn unfinished(stored: &StoredChannel) -> CliError {
    let (what, hint) = match stored.phase {
        Phase::Closing if stored.n.as_index() == 0 => (
            "nothing was paid on the channel, so there is nothing to release",
            "the client gets its money back when the channel expires",
        ),
        Phase::Closing => (
            "the client has not released yet; nothing more is accepted on the channel",
            "it is asked as soon as it connects to `lockstep vendor serve`; its tokens stay claimable until the channel expires",
        ),
        Phase::Disputed => (
            "a lock in the channel does not open: the client cheated, and the proof is in the journal",
            "take the fraud proof to the bank; the tokens stay claimable",
        ),
        _ => (
            "the release is there and the close is under way",
            "see that `lockstep vendor serve` runs and that the ledger answers, then look at `lockstep vendor channels`",
        ),
    };
    CliError::new(Exit::Failed, what).with_hint(hint)
}
