//! What a storm tells: a line now and then, and a table at its end.

use std::time::{Duration, Instant};

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use lockstep::ledger::profile::Profile;
use lockstep_protocol::Amount;
use serde::Serialize;

use super::Options;
use super::model::Reckoning;
use super::tally::Notes;

/// The result of a storm after which everything agreed.
#[derive(Debug, Serialize)]
pub struct Report {
    network: String,
    network_version: String,
    seed: u64,
    minutes: f64,
    /// From the first account to the last comparison.
    seconds: f64,
    #[serde(flatten)]
    reckoning: Reckoning,
    /// How often what was done.
    done: std::collections::BTreeMap<String, u64>,
}

impl Report {
    pub(super) fn new(
        profile: &Profile,
        options: &Options,
        reckoning: &Reckoning,
        notes: &Notes,
        took: Duration,
    ) -> Self {
        Self {
            network: profile.name.clone(),
            network_version: profile.version.clone(),
            seed: options.seed,
            minutes: options.time.as_secs_f64() / 60.0,
            seconds: took.as_secs_f64(),
            reckoning: reckoning.clone(),
            done: notes.counts.clone(),
        }
    }

    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        let found = &self.reckoning;
        let dollars = |micros| format!("{} dollars", Amount::from_micros(micros).to_dollars());
        table.add_row(["network".to_owned(), format!("{} {}", self.network, self.network_version)]);
        table.add_row(["seed".to_owned(), self.seed.to_string()]);
        table.add_row([
            "time".to_owned(),
            format!("{} minutes of storm, {:.0} s in all", self.minutes, self.seconds),
        ]);
        table.add_row(["channels".to_owned(), found.channels.to_string()]);
        for (ending, count) in &found.endings {
            table.add_row([format!("  {ending:?}"), count.to_string()]);
        }
        table.add_row(["payments accepted".to_owned(), found.payments.to_string()]);
        table.add_row(["receipts recovered".to_owned(), found.receipts.to_string()]);
        table.add_row(["to vendors".to_owned(), dollars(found.to_vendors)]);
        table.add_row(["in all accounts".to_owned(), dollars(found.money)]);
        table.add_row(["frauds convicted".to_owned(), found.frauds.to_string()]);
        table.add_row(["changes of reputations".to_owned(), found.reputation_changes.to_string()]);
        for (what, count) in self.done.iter().filter(|(what, _)| !what.starts_with("plan ")) {
            table.add_row([what.clone(), count.to_string()]);
        }
        table.add_row(["values compared, all equal".to_owned(), found.comparisons.to_string()]);
        table.to_string()
    }
}

/// A line while it storms.
pub(super) fn progress(notes: &Notes, ends: Instant) -> String {
    let sum = |prefix: &str| -> u64 {
        notes.counts.iter().filter(|(what, _)| what.starts_with(prefix)).map(|(_, count)| count).sum()
    };
    let units: u64 = notes.channels.values().map(|note| u64::from(note.acknowledged)).sum();
    format!(
        "{} s left: {} channels, {units} units acknowledged, {} clients and {} other processes killed, {} cheats foiled",
        ends.saturating_duration_since(Instant::now()).as_secs(),
        notes.channels.len(),
        sum("clients killed"),
        sum("killed "),
        sum("cheat "),
    )
}
