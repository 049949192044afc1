//! Parties that are killed at random moments of a channel's life and started again from their own stores: the channel ends as it
//! would have ended, on the ledger, in the books and in the journals.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use lockstep_protocol::Units;
use lockstep_protocol::ledger::ChannelState;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::process::{self, Ended};
use crate::scenario::{Context, Failure, Scenario, expect_eq};
use crate::witness::number;
use crate::world::{Party, World, micros, text};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a client killed at any moment goes on from its own store", run: client },
    Scenario { name: "a vendor killed at any moment goes on from its own store", run: vendor },
    Scenario { name: "a bank killed at any moment goes on from its own store", run: bank },
    Scenario { name: "all three killed at once go on from their own stores", run: everybody },
];

/// Channels that each scenario takes through their lives.
const ROUNDS: u64 = 3;

/// What the first channel holds; each later one a cent more, so that they are told apart.
const FIRST_CENTS: u64 = 1_001;

/// In each round these are paid at this rate while somebody is killed.
const PAYMENTS: (&str, &str) = ("400", "300");

/// The latest kill. [`PAYMENTS`] take longer, so at least one kill a round comes while its verb runs.
const LATEST_KILL: Duration = Duration::from_millis(1_300);

/// How long a command may take after the party that it speaks with was killed.
const COMMAND: Duration = Duration::from_secs(120);

fn client(context: &Context) -> Result<(), Failure> {
    killed(context, &[Party::Client])
}

fn vendor(context: &Context) -> Result<(), Failure> {
    killed(context, &[Party::Vendor])
}

fn bank(context: &Context) -> Result<(), Failure> {
    killed(context, &[Party::Bank])
}

fn everybody(context: &Context) -> Result<(), Failure> {
    killed(context, &[Party::Client, Party::Vendor, Party::Bank])
}

/// Chance decides when; LOCKSTEP_SEED repeats it as far as time repeats itself.
fn killed(context: &Context, victims: &[Party]) -> Result<(), Failure> {
    let given = std::env::var("LOCKSTEP_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| rand::rng().random());
    rounds(context, victims, seed).map_err(|failure| Failure::new(format!("seed {seed}: {failure}")))
}

fn rounds(context: &Context, victims: &[Party], seed: u64) -> Result<(), Failure> {
    let world = World::found(context, "1000")?;
    let mut strikes = Strikes { world, victims, chance: StdRng::seed_from_u64(seed), inside: 0 };
    let mut paid = 0;
    for round in 0..ROUNDS {
        paid += strikes.life_of_a_channel(FIRST_CENTS + round)? * 10_000;
        strikes.world.until_balances(1_000_000_000 - paid, paid)?;
    }
    if strikes.inside == 0 {
        return Err(Failure::new("every kill came when what it was to interrupt was over"));
    }
    strikes.world.stop()
}

/// A world in which somebody is killed again and again.
struct Strikes<'a> {
    world: World,
    victims: &'a [Party],
    chance: StdRng,
    /// Kills while the verb that they were to interrupt ran.
    inside: u32,
}

impl Strikes<'_> {
    /// Opens a channel of so many cents, pays, releases and has it posted, and gives how many payments there were.
    fn life_of_a_channel(&mut self, cents: u64) -> Result<u64, Failure> {
        let count = cents.to_string();
        let (vendor, ca) = (self.world.vendor_url().to_owned(), self.world.certificate(Party::Vendor));
        let open =
            ["open", "--vendor", &vendor, "--vendor-ca", &ca, "--unit-price", "0.01", "--count", &count];
        self.strike(&open)?;
        let channel = self.opened(&open, cents * 10_000)?;
        // The total was reserved once, whatever was asked for twice.
        expect_eq("reserved", self.world.balance(self.world.client_key())?.reserved, cents * 10_000)?;

        let (payments, rate) = PAYMENTS;
        self.strike(&["pay", &channel, "--count", payments, "--rate", rate])?;
        self.repeat(&["pay", &channel, "--count", "20"])?;
        let paid = self.world.payments(Party::Client, &channel)?;
        expect_eq("payments of the vendor", self.world.payments(Party::Vendor, &channel)?, paid)?;

        let release = ["release", &channel];
        let bank_dies = self.victims.contains(&Party::Bank);
        // In one round the bank is dead while the channel closes, for certain, and posts what it has missed.
        let misses_the_close = bank_dies && cents == FIRST_CENTS;
        let before = self.world.balance(self.world.vendor_key())?;
        if misses_the_close {
            self.world.kill(Party::Bank);
        } else {
            self.strike(&release)?;
        }
        let released = self.repeat(&release)?;
        expect_eq("receipts", number(&released, "receipts_verified")?, paid)?;
        if misses_the_close {
            let missed = self.world.balance(self.world.vendor_key())?;
            expect_eq("the vendor's account while the bank is dead", missed, before)?;
            self.world.restart(Party::Bank)?;
        } else if bank_dies {
            // While it posts, or about then.
            thread::sleep(self.moment(Duration::from_millis(300)));
            self.world.kill(Party::Bank);
            self.world.restart(Party::Bank)?;
        }
        self.check_ending(&channel, paid)?;
        Ok(paid)
    }

    /// Ledger and journals, as if nobody had been killed.
    fn check_ending(&self, channel: &str, paid: u64) -> Result<(), Failure> {
        let record = self.world.until_state(channel, ChannelState::Closed)?;
        let release = record.release().ok_or_else(|| Failure::new("closed without the release"))?;
        expect_eq("units", release.fields.released, Units::from_count(u32::try_from(paid)?))?;
        for party in [Party::Client, Party::Vendor] {
            expect_eq("the phase", self.world.phase(party, channel)?.as_str(), "closed")?;
        }
        Ok(())
    }

    /// Runs a verb of the client, kills at a moment that chance decides, and starts again what was killed. Counts the kills while the
    /// verb ran.
    fn strike(&mut self, verb: &[&str]) -> Result<(), Failure> {
        let moment = self.moment(LATEST_KILL);
        let limit = if self.victims.contains(&Party::Client) { moment } else { COMMAND };
        let (command, (sender, ended)) = (self.world.command(Party::Client, verb), mpsc::channel());
        // Nobody listens if this scenario has failed meanwhile.
        thread::spawn(move || drop(sender.send(process::run_for(command, limit))));
        thread::sleep(moment);
        for victim in self.victims {
            self.world.kill(*victim);
        }
        let early = ended.try_recv().ok();
        // A client that is among the victims is killed by its limit, which may be told before this looks.
        let interrupted = matches!(early, None | Some(Ok(Ended::Killed)));
        self.inside += u32::from(interrupted);
        for daemon in [Party::Bank, Party::Vendor] {
            if self.victims.contains(&daemon) {
                self.world.restart(daemon)?;
            }
        }
        // It may have failed, or be through already; but it must end.
        let ended = match early {
            Some(ended) => ended,
            None => ended.recv_timeout(COMMAND).map_err(|_| Failure::new(format!("{verb:?} did not end")))?,
        };
        match ended? {
            Ended::Killed if !self.victims.contains(&Party::Client) => {
                Err(Failure::new(format!("{verb:?} did not end")))
            }
            Ended::Killed | Ended::Itself { .. } => Ok(()),
        }
    }

    /// A span that chance decides.
    fn moment(&mut self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.chance.random_range(0..longest))
    }

    /// Repeats a verb of the client until it is through.
    fn repeat(&self, verb: &[&str]) -> Result<Value, Failure> {
        let mut answer = Value::Null;
        self.world.until(&format!("{verb:?} goes through"), || {
            let done = self.world.json(Party::Client, verb);
            Ok(done.map(|done| answer = done).is_ok())
        })?;
        Ok(answer)
    }

    /// The channel with this total, whose opening is asked for again as long as it is not open.
    fn opened(&self, open: &[&str], total: u64) -> Result<String, Failure> {
        let found = || {
            let list = self.world.json(Party::Client, &["channels"])?;
            let mut rows = list.as_array().cloned().unwrap_or_default();
            rows.retain(|row| micros(row, "total").is_ok_and(|found| found == total));
            Ok::<_, Failure>(rows)
        };
        self.world.until("the channel is open", || {
            let is_open = found()?.iter().any(|row| text(row, "phase").is_ok_and(|phase| phase == "open"));
            if !is_open {
                // Asked for again: whatever became of the first try is found again.
                drop(self.world.json(Party::Client, open));
            }
            Ok(is_open)
        })?;
        let rows = found()?;
        expect_eq("channels of this total", rows.len(), 1)?;
        let row = rows.first().ok_or_else(|| Failure::new("no channel"))?;
        text(row, "channel_id").map(ToOwned::to_owned)
    }
}
