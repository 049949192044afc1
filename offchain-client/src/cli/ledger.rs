//! `lockstep ledger`: look at the ledger, by the reads of the contract and its events.

mod show;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use futures::StreamExt as _;
use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::key::PublicKey;

use super::{CliError, Exit, Output, stop_requested};
use crate::ledger::checkpoint::{CheckpointError, CheckpointFile};
use crate::ledger::fabric::{Caller, ConnectError, FabricLedger};
use crate::ledger::profile::{Profile, ProfileError};
use crate::ledger::{ChannelPage, EventStart, Ledger, LedgerError, PageRequest, Party};

/// What can be asked of the ledger.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show one channel's record
    Channel {
        /// Which network, as whom
        #[command(flatten)]
        network: NetworkArgs,
        /// The channel's id: 64 hexadecimal digits
        #[arg(value_name = "ID")]
        id: ChannelId,
    },
    /// List the channels of a bank, a client or a vendor
    Channels {
        /// Which network, as whom
        #[command(flatten)]
        network: NetworkArgs,
        /// Whose channels
        #[arg(long, value_enum)]
        by: Role,
        /// The party's public key: 66 hexadecimal digits; a client's is the channel's payment key
        #[arg(value_name = "KEY")]
        key: PublicKey,
        /// Most channels to ask for at once
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100))]
        page_size: u32,
        /// Start where an earlier listing ended, and give one page
        #[arg(long)]
        bookmark: Option<String>,
    },
    /// Show every version of a channel's record
    History {
        /// Which network, as whom
        #[command(flatten)]
        network: NetworkArgs,
        /// The channel's id: 64 hexadecimal digits
        #[arg(value_name = "ID")]
        id: ChannelId,
    },
    /// Show a bank key's registration
    Bank {
        /// Which network, as whom
        #[command(flatten)]
        network: NetworkArgs,
        /// The bank's public key: 66 hexadecimal digits
        #[arg(value_name = "KEY")]
        key: PublicKey,
    },
    /// Print the contract's events as they come, until interrupted
    Events {
        /// Which network, as whom
        #[command(flatten)]
        network: NetworkArgs,
        /// Start with this block (default: with the first event of all)
        #[arg(long, value_name = "BLOCK", conflicts_with = "checkpoint")]
        from: Option<u64>,
        /// Stop after so many events
        #[arg(long)]
        count: Option<usize>,
        /// Go on after the event that this file names, and keep it up to date
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Wait until the network endorses a question to the contract
    Ready {
        /// Which network, as whom
        #[command(flatten)]
        network: NetworkArgs,
        /// Seconds to wait
        #[arg(long, default_value_t = 60)]
        timeout: u64,
    },
    /// Check a network profile and show what is in it
    Profile {
        /// The network's profile.toml
        #[arg(long, value_name = "FILE", env = "LOCKSTEP_PROFILE")]
        profile: PathBuf,
        /// Print assignments for bash
        #[arg(long, conflicts_with = "json")]
        shell: bool,
    },
}

/// Which network, as whom.
#[derive(Args, Clone, Debug)]
pub struct NetworkArgs {
    /// The network's profile.toml
    #[arg(long, value_name = "FILE", env = "LOCKSTEP_PROFILE")]
    profile: PathBuf,
    /// The organisation whose peers are asked, by its MSP id
    #[arg(long, value_name = "MSPID", env = "LOCKSTEP_ORGANIZATION")]
    organization: String,
}

/// A party's role in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// The bank that signed the opening
    Bank,
    /// The client, by the channel's payment key
    Client,
    /// The vendor
    Vendor,
}

impl NetworkArgs {
    /// Connects as the organisation's user.
    ///
    /// # Errors
    /// The profile, or a file that it names, cannot be used.
    fn connect(&self) -> Result<FabricLedger, CliError> {
        let profile = Profile::read(&self.profile)?;
        Ok(FabricLedger::connect(&profile, &self.organization, Caller::User)?)
    }
}

impl Verb {
    /// Does what the verb says.
    ///
    /// # Errors
    /// [`CliError`].
    pub async fn run(self, output: &Output) -> Result<(), CliError> {
        match self {
            Self::Channel { network, id } => {
                let record = network.connect()?.channel(id).await?;
                let record = record.ok_or_else(|| absent(format!("the ledger has no channel {id}")))?;
                output.result(&record, show::channel);
                Ok(())
            }
            Self::Channels { network, by, key, page_size, bookmark } => {
                let ledger = network.connect()?;
                list_channels(&ledger, by.of(key), page_size, bookmark, output).await
            }
            Self::History { network, id } => {
                let history = network.connect()?.history(id).await?;
                if history.is_empty() {
                    return Err(absent(format!("the ledger has no channel {id}")));
                }
                output.result(&history, |history| show::history(history));
                Ok(())
            }
            Self::Bank { network, key } => {
                let registration = network.connect()?.bank(&key).await?;
                let registration = registration
                    .ok_or_else(|| absent(format!("the ledger has no bank with the key {key}")))?;
                output.result(&registration, show::bank);
                Ok(())
            }
            Self::Events { network, from, count, checkpoint } => {
                let ledger = network.connect()?;
                tokio::select! {
                    done = follow_events(&ledger, from, count, checkpoint, output) => done,
                    stopped = stop_requested() => stopped,
                }
            }
            Self::Ready { network, timeout } => {
                let ledger = network.connect()?;
                Ok(ledger.wait_until_ready(Duration::from_secs(timeout)).await?)
            }
            Self::Profile { profile, shell } => {
                let profile = Profile::read(&profile)?;
                if shell {
                    let script = profile.to_shell()?;
                    output.result(&profile, |_| script.trim_end().to_owned());
                } else {
                    output.result(&profile, show::profile);
                }
                Ok(())
            }
        }
    }
}

impl Role {
    fn of(self, key: PublicKey) -> Party {
        match self {
            Self::Bank => Party::Bank(key),
            Self::Client => Party::Client(key),
            Self::Vendor => Party::Vendor(key),
        }
    }
}

async fn list_channels(
    ledger: &FabricLedger,
    party: Party,
    size: u32,
    bookmark: Option<String>,
    output: &Output,
) -> Result<(), CliError> {
    let one_page = bookmark.is_some();
    let mut all = ChannelPage { channels: Vec::new(), bookmark: bookmark.unwrap_or_default() };
    loop {
        let page = ledger.channels(party, PageRequest { size, bookmark: all.bookmark }).await?;
        all.channels.extend(page.channels);
        all.bookmark = page.bookmark;
        if one_page || all.bookmark.is_empty() {
            break;
        }
    }
    output.result(&all, show::channels);
    Ok(())
}

async fn follow_events(
    ledger: &FabricLedger,
    from: Option<u64>,
    count: Option<usize>,
    checkpoint: Option<PathBuf>,
    output: &Output,
) -> Result<(), CliError> {
    let file = checkpoint.map(CheckpointFile::new);
    let saved = file.as_ref().map(CheckpointFile::load).transpose()?.flatten();
    let start = from.map_or_else(|| EventStart::from(saved), EventStart::Block);
    let mut events = ledger.events(start).await?.take(count.unwrap_or(usize::MAX));
    while let Some(event) = events.next().await {
        let event = event?;
        output.result(&event, show::event);
        if let Some(file) = &file {
            file.save(&event.checkpoint())?;
        }
    }
    Ok(())
}

fn absent(what: String) -> CliError {
    CliError::new(Exit::Failed, what)
        .with_hint("a peer knows what is committed; a transaction on its way is not there yet")
}

impl From<ProfileError> for CliError {
    fn from(error: ProfileError) -> Self {
        Self::from_error(Exit::Setup, error)
    }
}

impl From<ConnectError> for CliError {
    fn from(error: ConnectError) -> Self {
        Self::from_error(Exit::Setup, error)
    }
}

impl From<CheckpointError> for CliError {
    fn from(error: CheckpointError) -> Self {
        let exit = match &error {
            CheckpointError::Write { .. } => Exit::Storage,
            _ => Exit::Setup,
        };
        Self::from_error(exit, error)
    }
}

impl From<LedgerError> for CliError {
    fn from(error: LedgerError) -> Self {
        let exit = match &error {
            LedgerError::Refused(_) | LedgerError::Rejected { .. } | LedgerError::NotCommitted { .. } => {
                Exit::Failed
            }
            LedgerError::Unavailable { .. } => Exit::Unreachable,
            LedgerError::OutcomeUnknown { .. } | LedgerError::Unheard { .. } => Exit::OutcomeUnknown,
            LedgerError::UnreadableEvent { .. } | LedgerError::Violation { .. } => Exit::Mismatch,
        };
        let number = error.refusal().map(|refusal| refusal.number());
        let error = Self::from_error(exit, error);
        match number {
            Some(number) => error.with_refusal(number),
            None => error,
        }
    }
}
