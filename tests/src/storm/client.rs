//! A client: opens, pays, closes, cheats as its script says, and is killed in the middle of it.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use lockstep_protocol::{Amount, ChannelId, Refusal};
use serde_json::Value;

use super::cheat::{self, HeldBack};
use super::script::{Burst, Plan, Visit, Visits};
use super::tally::Note;
use super::town::{Seat, Town};
use super::{Storm, rest};
use crate::folder;
use crate::process::{self, Ended};
use crate::scenario::Failure;
use crate::world::{micros, text};

/// Longer than any command may take, whatever is down.
const FOR_EVER: Duration = Duration::from_secs(240);

/// How often a release is tried.
const RELEASES: u32 = 4;

/// How a command of a party ended.
#[derive(Debug)]
pub(super) enum Deed {
    /// Done: what it printed.
    Done(Value),
    /// Refused, or too late, or too early: what it printed all the same, and the refusal's number.
    Refused(Option<Value>, Option<u64>),
    /// Somebody did not answer, or nobody knows what became of it.
    Away,
    /// Something does not add up.
    Mismatch(String),
    /// Killed.
    Killed,
}

/// One client.
#[derive(Debug)]
pub(super) struct Client<'a> {
    storm: &'a Storm,
    number: usize,
    visits: Visits,
    /// Channels that are to be refunded, and from when on.
    expiring: Vec<(ChannelId, Instant)>,
    held_back: Vec<HeldBack>,
}

impl<'a> Client<'a> {
    pub(super) fn new(storm: &'a Storm, number: usize) -> Self {
        let visits = Visits::of(storm.seed, number);
        Self { storm, number, visits, expiring: Vec::new(), held_back: Vec::new() }
    }

    /// Lives until the storm is over, then sees its last channels expire.
    pub(super) fn live(mut self) -> Result<(), Failure> {
        while self.storm.rages() {
            let visit = self.visits.next_visit();
            self.storm.tally.count(format!("plan {}", visit.plan));
            self.play(&visit)?;
            rest(self.storm, visit.rest);
            self.take_back()?;
        }
        let give_up = self.storm.longest_life();
        while !(self.expiring.is_empty() && self.held_back.is_empty()) {
            if self.storm.is_off() || Instant::now() >= give_up {
                break;
            }
            std::thread::park_timeout(Duration::from_millis(500));
            self.take_back()?;
        }
        Ok(())
    }

    fn seat(&self) -> Result<&'a Seat, Failure> {
        self.storm.town.clients.get(self.number).ok_or_else(|| Failure::new("no such client"))
    }

    fn vendor(&self, visit: &Visit) -> Result<&'a Seat, Failure> {
        self.storm.town.vendors.get(visit.vendor).ok_or_else(|| Failure::new("no such vendor"))
    }

    fn play(&mut self, visit: &Visit) -> Result<(), Failure> {
        if visit.plan == Plan::HoldBack {
            let held = cheat::hold_back(self.storm, self.number, visit)?;
            self.held_back.extend(held);
            return Ok(());
        }
        let Some(channel) = self.open(visit)? else { return Ok(()) };
        match visit.plan {
            Plan::Release => {
                self.pay(visit, channel)?;
                self.release(visit, channel)?;
            }
            Plan::Leave | Plan::HoldBack => self.pay(visit, channel)?,
            Plan::VendorCloses => {
                self.pay(visit, channel)?;
                let id = channel.to_string();
                let close = self.town().command(
                    self.vendor(visit)?,
                    &["close"],
                    &[&id, "--by-token", "--wait", "2s"],
                );
                self.act("vendor close", close, None)?;
            }
            Plan::Untouched => self.refund_too_early(channel)?,
            Plan::Court | Plan::CourtDecides => self.court(visit, channel)?,
            Plan::AccuseRightly | Plan::AccuseWrongly => self.accuse(visit, channel)?,
            Plan::OldCopy => self.old_copy(visit, channel)?,
            Plan::Greeted
            | Plan::BadLock
            | Plan::BadRelease
            | Plan::TwicePaid
            | Plan::Noise
            | Plan::Forgery => {
                cheat::play(self.storm, self.number, visit, channel)?;
            }
        }
        let (life, drift) = (self.storm.town.times.margin() + visit.life, Duration::from_secs(1));
        self.expiring.push((channel, Instant::now() + life + drift));
        Ok(())
    }

    fn town(&self) -> &'a Town {
        &self.storm.town
    }

    fn open(&self, visit: &Visit) -> Result<Option<ChannelId>, Failure> {
        let (seat, vendor) = (self.seat()?, self.vendor(visit)?);
        let certificate = vendor.certificate().display().to_string();
        let price = Amount::from_micros(visit.price).to_dollars();
        let count = visit.count.to_string();
        let life = format!("{}ms", (self.storm.town.times.margin() + visit.life).as_millis());
        let order = [
            "--vendor",
            &vendor.url,
            "--vendor-ca",
            &certificate,
            "--unit-price",
            &price,
            "--count",
            &count,
            "--life",
            &life,
        ];
        let command = || self.town().command(seat, &["open"], &order);
        let mut deed = self.act("open", command(), visit.kill_open)?;
        if matches!(deed, Deed::Killed) && visit.reopen {
            deed = self.act("open", command(), None)?;
        }
        match deed {
            Deed::Done(opened) => {
                let channel: ChannelId = text(&opened, "channel_id")?.parse()?;
                self.storm.tally.channel(channel, Note::new(self.number, visit.plan), |_| {});
                self.storm.tally.log(&seat.name, &format!("{channel} for {}", visit.plan));
                Ok(Some(channel))
            }
            Deed::Refused(_, Some(number))
                if number == u64::from(Refusal::ClientReputationTooLow.number()) =>
            {
                self.pardon(seat)
            }
            Deed::Refused(_, Some(number))
                if number == u64::from(Refusal::VendorReputationTooLow.number()) =>
            {
                self.pardon(vendor)
            }
            Deed::Mismatch(why) => Err(Failure::new(format!("{} cannot open: {why}", seat.name))),
            Deed::Refused(..) | Deed::Away | Deed::Killed => Ok(None),
        }
    }

    /// The operator takes a party back into favour.
    fn pardon(&self, seat: &Seat) -> Result<Option<ChannelId>, Failure> {
        self.storm.tally.pardon(&seat.key);
        self.operator(&["reputation"], &[&seat.key, "100"])?;
        Ok(None)
    }

    fn pay(&self, visit: &Visit, channel: ChannelId) -> Result<(), Failure> {
        for burst in &visit.bursts {
            let deed = self.burst(visit, channel, burst)?;
            if let Deed::Mismatch(why) = deed {
                return Err(Failure::new(format!("paying on {channel}: {why}")));
            }
            if matches!(deed, Deed::Refused(..) | Deed::Away) {
                break;
            }
        }
        Ok(())
    }

    fn burst(&self, visit: &Visit, channel: ChannelId, burst: &Burst) -> Result<Deed, Failure> {
        let (id, count, units) = (channel.to_string(), burst.count.to_string(), burst.units.to_string());
        let rate = burst.rate.map(|rate| rate.to_string());
        let mut rest = vec![id.as_str(), "--count", &count, "--units", &units];
        rest.extend(rate.as_deref().map(|rate| ["--rate", rate]).into_iter().flatten());
        let deed = self.act("pay", self.town().command(self.seat()?, &["pay"], &rest), burst.kill)?;
        let printed = match &deed {
            Deed::Done(printed) | Deed::Refused(Some(printed), _) => Some(printed),
            _ => None,
        };
        if let Some(total) = printed.and_then(|printed| micros(printed, "total").ok()) {
            let units = u32::try_from(total / visit.price.max(1))?;
            self.storm.tally.amend(channel, |note| note.acknowledged = note.acknowledged.max(units));
        }
        Ok(deed)
    }

    fn release(&self, visit: &Visit, channel: ChannelId) -> Result<(), Failure> {
        let id = channel.to_string();
        let mut kill = visit.kill_release;
        for _ in 0..RELEASES {
            let command = self.town().command(self.seat()?, &["release"], &[&id]);
            match self.act("release", command, kill.take())? {
                Deed::Done(released) => {
                    let units = released.get("units").and_then(Value::as_u64).unwrap_or(u64::MAX);
                    let units = u32::try_from(units)?;
                    self.storm.tally.amend(channel, |note| note.released = Some(units));
                    return Ok(());
                }
                Deed::Mismatch(why) => {
                    return Err(Failure::new(format!("releasing {channel}: {why}")));
                }
                Deed::Refused(..) => return Ok(()),
                Deed::Away | Deed::Killed => rest(self.storm, Duration::from_millis(400)),
            }
        }
        Ok(())
    }

    fn refund_too_early(&self, channel: ChannelId) -> Result<(), Failure> {
        let id = channel.to_string();
        let deed = self.act("refund", self.town().command(self.seat()?, &["refund"], &[&id]), None)?;
        if let Deed::Done(done) = deed {
            return Err(Failure::new(format!("{channel} was refunded before it expired: {done}")));
        }
        Ok(())
    }

    /// A court orders a freeze; perhaps the operator says at once what the vendor is to get.
    fn court(&self, visit: &Visit, channel: ChannelId) -> Result<(), Failure> {
        self.pay(visit, channel)?;
        let id = channel.to_string();
        self.operator(&["freeze"], &[&id, "--reason", "3", "--evidence", "an order"])?;
        if visit.plan == Plan::CourtDecides {
            let units = (visit.count / 2).to_string();
            self.operator(&["resolve"], &[&id, "--units", &units])?;
        }
        self.refund_too_early(channel)
    }

    fn accuse(&self, visit: &Visit, channel: ChannelId) -> Result<(), Failure> {
        self.pay(visit, channel)?;
        let id = channel.to_string();
        self.operator(&["accuse"], &[&id, "--statement", "it did not come"])?;
        let rightly = visit.plan == Plan::AccuseRightly;
        let verdict = if rightly { "--at-fault" } else { "--not-at-fault" };
        let decided = self.operator(&["decide"], &[&id, verdict])?;
        if rightly && matches!(decided, Deed::Done(_)) {
            self.storm.tally.amend(channel, |note| note.at_fault = true);
        }
        self.release(visit, channel)
    }

    /// Puts a copy of the home from before the payments into its place: the wallet must stop instead of signing again.
    fn old_copy(&self, visit: &Visit, channel: ChannelId) -> Result<(), Failure> {
        let seat = self.seat()?;
        let copy = seat.home.with_extension("copy");
        folder::copy(&seat.home, &copy)?;
        let Some(burst) = visit.bursts.first() else { return Ok(()) };
        let paid = self.burst(visit, channel, &Burst { kill: None, ..*burst })?;
        if matches!(paid, Deed::Done(_)) {
            self.storm.tally.amend(channel, |note| note.signed = note.acknowledged);
            fs::remove_dir_all(&seat.home)?;
            fs::rename(&copy, &seat.home)?;
            match self.burst(visit, channel, &Burst { kill: None, ..*burst })? {
                Deed::Done(_) => {
                    return Err(Failure::new(format!("{channel}: an old copy of the wallet went on paying")));
                }
                Deed::Mismatch(_) => self.storm.tally.count("an old copy stopped"),
                _ => {}
            }
        } else {
            fs::remove_dir_all(&copy)?;
        }
        Ok(())
    }

    /// Refunds what has expired, and submits what was held back.
    fn take_back(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        let due: Vec<_> = self.expiring.extract_if(.., |(_, at)| *at <= now).collect();
        for (channel, _) in due {
            let id = channel.to_string();
            let deed = self.act("refund", self.town().command(self.seat()?, &["refund"], &[&id]), None)?;
            if matches!(deed, Deed::Away) {
                self.expiring.push((channel, now + Duration::from_secs(5)));
            }
        }
        let due: Vec<_> = self.held_back.extract_if(.., |held| held.due <= now).collect();
        for mut held in due {
            if !cheat::submit_late(self.storm, self.number, &held)? {
                held.due = now + Duration::from_secs(5);
                self.held_back.push(held);
            }
        }
        Ok(())
    }

    /// A verb of the bank's operator; the books may be busy.
    fn operator(&self, verb: &[&str], rest_of_it: &[&str]) -> Result<Deed, Failure> {
        let mut tries = 0;
        loop {
            let command = self.town().command(&self.town().bank, verb, rest_of_it);
            match self.act(&format!("bank {}", verb.concat()), command, None)? {
                Deed::Away if tries < 5 => tries += 1,
                deed => return Ok(deed),
            }
            std::thread::park_timeout(Duration::from_millis(300));
        }
    }

    /// Runs a command, kills it when its time has come, and says how it ended.
    fn act(&self, what: &str, command: Command, kill: Option<Duration>) -> Result<Deed, Failure> {
        let who = format!("client-{}", self.number);
        let ended = process::run_for(command, kill.unwrap_or(FOR_EVER))?;
        let (code, stdout, stderr) = match ended {
            Ended::Killed if kill.is_none() => {
                return Err(Failure::new(format!("{who}: {what} hangs")));
            }
            Ended::Killed => {
                self.storm.tally.count("clients killed");
                self.storm.tally.log(&who, &format!("{what}: killed"));
                return Ok(Deed::Killed);
            }
            Ended::Itself { code, stdout, stderr } => (code, stdout, stderr),
        };
        let printed = stdout.lines().next_back().and_then(|line| serde_json::from_str::<Value>(line).ok());
        self.storm.tally.log(&who, &format!("{what}: exit {code:?} {}", stderr.trim().replace('\n', " | ")));
        let error = stderr.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
        match (code, printed) {
            (Some(0), Some(printed)) => Ok(Deed::Done(printed)),
            (Some(1), printed) => {
                let number = error.as_ref().and_then(|e| e.pointer("/error/refusal")).and_then(Value::as_u64);
                Ok(Deed::Refused(printed, number))
            }
            (Some(4 | 5), _) => Ok(Deed::Away),
            (Some(7), _) => Ok(Deed::Mismatch(stderr)),
            _ => Err(Failure::new(format!("{who}: {what} ended with {code:?}: {stdout} {stderr}"))),
        }
    }
}
