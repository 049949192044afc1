//! How far a history came: a simulation that never pays holds every invariant.

use std::collections::{BTreeMap, BTreeSet};

use lockstep::store::Phase;
use lockstep_protocol::ledger::ChannelRecord;

use crate::fixture::CHANNELS;
use crate::world::World;

/// The course that most defects need, one step after the other on one channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing.
    #[default]
    Begun,
    /// The client has the bank's opening.
    Granted,
    /// The ledger has the channel.
    Opened,
    /// The vendor has greeted the client.
    Connected,
    /// The vendor has acknowledged a payment.
    Acknowledged,
    /// Client or vendor died.
    Crashed,
    /// The vendor has greeted the client again.
    Reconnected,
    /// The vendor has acknowledged another payment.
    PaidAgain,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Begun,
        Self::Granted,
        Self::Opened,
        Self::Connected,
        Self::Acknowledged,
        Self::Crashed,
        Self::Reconnected,
        Self::PaidAgain,
    ];

    /// Goes on to `stage` if that is the next one.
    pub(crate) fn reach(&mut self, stage: Self) {
        if Self::ALL.into_iter().find(|next| *next > *self) == Some(stage) {
            *self = stage;
        }
    }
}

/// What one history reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lived {
    /// Events in it.
    pub events: u64,
    /// The furthest stage of a channel.
    pub stage: Stage,
    /// Endings, and what else is worth counting.
    pub marks: BTreeSet<String>,
}

impl Lived {
    pub(crate) fn of(world: &World, events: usize) -> Self {
        let mut marks = world.marks.iter().map(|mark| (*mark).to_owned()).collect::<BTreeSet<_>>();
        for channel in 0..CHANNELS {
            marks.extend(
                world.ledger.record(channel).map(|record| format!("ends {}", ChannelRecord::state(record))),
            );
            if world.wallet.phase(channel) == Some(Phase::Stopped) {
                marks.insert("wallet stopped for ever".to_owned());
            }
        }
        if world.bank.books.alarm {
            marks.insert("bank raised an alarm".to_owned());
        }
        let stage = world.seen.iter().map(|seen| seen.stage).max().unwrap_or_default();
        Self { events: events.try_into().unwrap_or(u64::MAX), stage, marks }
    }
}

/// What many histories reached: how many of them, by what.
#[derive(Debug, Clone, Default)]
pub struct Total {
    /// Histories.
    pub histories: u64,
    /// Events in them.
    pub events: u64,
    /// Histories that came to a stage, or beyond.
    pub stages: BTreeMap<Stage, u64>,
    /// Histories with a mark.
    pub marks: BTreeMap<String, u64>,
}

impl Total {
    /// Counts a history.
    pub fn add(&mut self, lived: Lived) {
        self.histories += 1;
        self.events += lived.events;
        for stage in Stage::ALL.into_iter().filter(|stage| *stage <= lived.stage) {
            *self.stages.entry(stage).or_default() += 1;
        }
        for mark in lived.marks {
            *self.marks.entry(mark).or_default() += 1;
        }
    }

    /// Counts what somebody else counted.
    pub fn merge(&mut self, other: Self) {
        self.histories += other.histories;
        self.events += other.events;
        for (stage, count) in other.stages {
            *self.stages.entry(stage).or_default() += count;
        }
        for (mark, count) in other.marks {
            *self.marks.entry(mark).or_default() += count;
        }
    }
}

impl std::fmt::Display for Total {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "histories that came at least to")?;
        for (stage, count) in &self.stages {
            writeln!(f, "  {:<32} {count:>9}", format!("{stage:?}"))?;
        }
        writeln!(f, "histories with")?;
        self.marks.iter().try_for_each(|(mark, count)| writeln!(f, "  {mark:<32} {count:>9}"))
    }
}
