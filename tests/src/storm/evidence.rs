//! What ledger, books and stores say when everything is over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lockstep::bank::books::Statement;
use lockstep::ledger::{Ledger, LedgerError, PageRequest, Party};
use lockstep_protocol::ChannelId;
use lockstep_protocol::ledger::ChannelRecord;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Storm;
use super::town::Seat;
use crate::process;
use crate::runtime::block_on;
use crate::scenario::Failure;

/// How long peers may be behind one another.
const CATCH_UP: Duration = Duration::from_secs(60);

/// An account as `bank account list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Its key.
    pub key: String,
    /// At the holder's disposal, in micro-units.
    #[serde(deserialize_with = "micros::deserialize")]
    pub balance: u64,
    /// Set aside for open channels.
    #[serde(deserialize_with = "micros::deserialize")]
    pub reserved: u64,
    /// Set aside for frozen channels.
    #[serde(deserialize_with = "micros::deserialize")]
    pub withheld: u64,
    /// 0 to 100.
    pub reputation: u8,
}

/// A channel as `bank channels --all` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Booked {
    /// The channel.
    pub channel_id: ChannelId,
    /// The client's account.
    pub account: Option<String>,
    /// The state in the books.
    pub state: String,
    /// Whether nothing more is posted for it.
    pub halted: bool,
    /// Whether its client was convicted of fraud.
    pub fraud: bool,
}

/// A channel as `vendor channels` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sold {
    /// The channel.
    pub channel_id: ChannelId,
    /// The phase in the journal.
    pub phase: String,
    /// Payments that it accepted.
    pub payments: u32,
    /// Their units.
    pub units: u32,
    /// Receipts that it recovered.
    pub receipts: u32,
}

/// A channel as `client channels` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Bought {
    /// The channel.
    pub channel_id: ChannelId,
    /// The phase in the journal.
    pub phase: String,
    /// What was signed, in micro-units.
    #[serde(deserialize_with = "micros::deserialize")]
    pub paid: u64,
}

/// What `bank audit` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Audit {
    /// What came in, in micro-units.
    #[serde(deserialize_with = "signed_micros::deserialize")]
    pub deposits: i64,
    /// What all accounts hold.
    #[serde(deserialize_with = "signed_micros::deserialize")]
    pub holders: i64,
    /// What the suspense account holds.
    #[serde(deserialize_with = "signed_micros::deserialize")]
    pub suspense: i64,
    /// What does not add up.
    pub findings: Vec<serde_json::Value>,
    /// Alarms that stand.
    pub alarms: Vec<serde_json::Value>,
}

/// Everything that the model is compared with.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The ledger's records, as each organisation's peer has them.
    pub ledgers: Vec<(&'static str, Vec<ChannelRecord>)>,
    /// The bank's accounts.
    pub accounts: Vec<Account>,
    /// Every account's statement, page after page.
    pub statements: BTreeMap<String, Vec<Statement>>,
    /// The bank's channels.
    pub booked: Vec<Booked>,
    /// The bank's own audit.
    pub audit: Audit,
    /// By vendor's key.
    pub sold: BTreeMap<String, Vec<Sold>>,
    /// By client's account key.
    pub bought: BTreeMap<String, Vec<Bought>>,
}

impl Evidence {
    /// Asks everybody. The daemons may run; nobody opens or pays any more.
    ///
    /// # Errors
    /// If somebody does not answer.
    pub(super) fn gather(storm: &Storm) -> Result<Self, Failure> {
        let town = &storm.town;
        let ledgers = block_on(async {
            let mut seen = Vec::new();
            for (name, ledger) in storm.ledgers.all() {
                seen.push((name, records(ledger, town.bank.key.parse()?).await?));
            }
            Ok::<_, Failure>(seen)
        })?;
        let accounts: Vec<Account> = one(storm, &town.bank, &["account", "list"], &[])?;
        let mut statements = BTreeMap::new();
        for account in &accounts {
            let pages = all(storm, &town.bank, &["statement"], &[&account.key])?;
            statements.insert(account.key.clone(), pages);
        }
        let mut sold = BTreeMap::new();
        for vendor in &town.vendors {
            sold.insert(vendor.key.clone(), one(storm, vendor, &["channels"], &[])?);
        }
        let mut bought = BTreeMap::new();
        for client in &town.clients {
            bought.insert(client.key.clone(), one(storm, client, &["channels"], &[])?);
        }
        Ok(Self {
            ledgers,
            accounts,
            statements,
            booked: one(storm, &town.bank, &["channels"], &["--all"])?,
            audit: one(storm, &town.bank, &["audit"], &[])?,
            sold,
            bought,
        })
    }
}

/// All channels of the bank, as one organisation's peer has them: the network is up again, but perhaps not at once.
async fn records(
    ledger: &dyn Ledger,
    bank: lockstep_protocol::PublicKey,
) -> Result<Vec<ChannelRecord>, Failure> {
    let give_up = Instant::now() + CATCH_UP;
    let mut found = Vec::new();
    let mut request = PageRequest::default();
    loop {
        match ledger.channels(Party::Bank(bank), request.clone()).await {
            Ok(page) => {
                found.extend(page.channels);
                if page.bookmark.is_empty() {
                    return Ok(found);
                }
                request.bookmark = page.bookmark;
            }
            Err(LedgerError::Unavailable { .. }) if Instant::now() < give_up => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn one<T: DeserializeOwned>(storm: &Storm, seat: &Seat, verb: &[&str], rest: &[&str]) -> Result<T, Failure> {
    all(storm, seat, verb, rest)?
        .into_iter()
        .next()
        .ok_or_else(|| Failure::new(format!("{} {verb:?} printed nothing", seat.name)))
}

/// Every document that a verb prints.
fn all<T: DeserializeOwned>(
    storm: &Storm,
    seat: &Seat,
    verb: &[&str],
    rest: &[&str],
) -> Result<Vec<T>, Failure> {
    let (_, printed) = process::run(storm.town.command(seat, verb, rest))?;
    serde_json::Deserializer::from_str(&printed)
        .into_iter::<T>()
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(format!("{} {verb:?} printed something else: {error}", seat.name)))
}

/// Amounts are decimal strings of micro-units in JSON [Spec §11].
mod micros {
    use serde::{Deserialize as _, Deserializer, de::Error as _};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(value: D) -> Result<u64, D::Error> {
        String::deserialize(value)?.parse().map_err(D::Error::custom)
    }
}

mod signed_micros {
    use serde::{Deserialize as _, Deserializer, de::Error as _};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(value: D) -> Result<i64, D::Error> {
        String::deserialize(value)?.parse().map_err(D::Error::custom)
    }
}
