//! What everybody will do, from the seed alone: nothing here depends on how anything went. What is replayed is this schedule; how
//! the actors' steps fall between each other's in real time is not.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::dice::Dice;

/// How many vendors there are.
pub const VENDORS: usize = 3;

/// How many clients there are.
pub const CLIENTS: usize = 8;

/// What a client means to do with a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Pay, then release.
    Release,
    /// Pay, then go away: the vendor closes by token.
    Leave,
    /// Pay; then the vendor's operator closes by token.
    VendorCloses,
    /// Open and never use: the vendor may not even know it; refunded.
    Untouched,
    /// Greet the vendor and never pay: it closes at nothing.
    Greeted,
    /// Have an opening signed, hold it back, submit it when it is too late.
    HoldBack,
    /// Pay; then the bank's operator freezes the channel on a court's order.
    Court,
    /// As `Court`, and the operator decides what the vendor gets in all.
    CourtDecides,
    /// Pay; then accuse the vendor of not delivering, rightly.
    AccuseRightly,
    /// Pay; then accuse the vendor of not delivering, wrongly.
    AccuseWrongly,
    /// Lock a payment badly, pay on, release.
    BadLock,
    /// Pay well, release with a signature on something else.
    BadRelease,
    /// Make two payments under one number.
    TwicePaid,
    /// Say payments again, with old tokens, ahead of time, and garbage.
    Noise,
    /// Open the same again; close with the client's own signature; refund too early.
    Forgery,
    /// Pay, put yesterday's copy of the wallet into place, pay again.
    OldCopy,
}

impl Plan {
    /// Every plan with how often it is made.
    const WEIGHTS: [(u32, Self); 16] = [
        (10, Self::Release),
        (5, Self::Leave),
        (3, Self::VendorCloses),
        (3, Self::Untouched),
        (1, Self::Greeted),
        (2, Self::HoldBack),
        (3, Self::Court),
        (1, Self::CourtDecides),
        (1, Self::AccuseRightly),
        (1, Self::AccuseWrongly),
        (3, Self::BadLock),
        (2, Self::BadRelease),
        (2, Self::TwicePaid),
        (2, Self::Noise),
        (2, Self::Forgery),
        (1, Self::OldCopy),
    ];
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A run of payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// How many payments.
    pub count: u32,
    /// Units in each.
    pub units: u32,
    /// Payments a second; none: as many as both can.
    pub rate: Option<u32>,
    /// When the paying process is killed.
    pub kill: Option<Duration>,
}

/// One channel in a client's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Which vendor.
    pub vendor: usize,
    /// Price of a unit in micro-units.
    pub price: u64,
    /// Units of the channel.
    pub count: u32,
    /// How much longer the channel lives than the vendor's safety margin.
    pub life: Duration,
    /// What is meant to become of it.
    pub plan: Plan,
    /// Payments.
    pub bursts: Vec<Burst>,
    /// When the opening process is killed.
    pub kill_open: Option<Duration>,
    /// Whether an opening that was killed is asked for again.
    pub reopen: bool,
    /// When the releasing process is killed for the first time.
    pub kill_release: Option<Duration>,
    /// How long the client rests afterwards.
    pub rest: Duration,
}

/// A client's visits, without end.
#[derive(Debug, Clone)]
pub struct Visits(Dice);

impl Visits {
    /// Those of one client.
    #[must_use]
    pub fn of(seed: u64, client: usize) -> Self {
        Self(Dice::new(seed, 1 + u64::try_from(client).unwrap_or(u64::MAX)))
    }

    /// The next one.
    pub fn next_visit(&mut self) -> Visit {
        const PRICES: [(u32, u64); 4] = [(4, 10_000), (2, 30_000), (1, 1), (1, 333_333)];
        let dice = &mut self.0;
        let vendor = usize::try_from(dice.between(0, 2)).unwrap_or(0) % VENDORS;
        let price = dice.weighted(10_000, &PRICES);
        let bursts = (0..dice.between(1, 3)).map(|_| burst(dice)).collect::<Vec<_>>();
        let most: u32 = bursts.iter().map(|burst| burst.count * burst.units).sum();
        Visit {
            vendor,
            price,
            count: most + dice.between(8, 60),
            life: dice.millis(6_000, 30_000),
            plan: dice.weighted(Plan::Release, &Plan::WEIGHTS),
            bursts,
            kill_open: maybe(dice, 6, 20, 900),
            reopen: dice.once_in(2),
            kill_release: maybe(dice, 3, 20, 900),
            rest: dice.millis(1_500, 5_000),
        }
    }
}

fn burst(dice: &mut Dice) -> Burst {
    Burst {
        count: dice.between(1, 40),
        units: dice.between(1, 4),
        rate: dice.once_in(2).then(|| dice.between(10, 80)),
        kill: maybe(dice, 4, 50, 1_500),
    }
}

/// A time, once in so many draws. The time is drawn in any case: what is drawn after it does not depend on this.
fn maybe(dice: &mut Dice, times: u32, least: u32, most: u32) -> Option<Duration> {
    let (yes, time) = (dice.once_in(times), dice.millis(least, most));
    yes.then_some(time)
}

/// What is done to daemons and to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The bank is killed.
    Bank,
    /// A vendor is killed.
    Vendor(usize),
    /// A chaincode process is killed.
    Chaincode(&'static str),
    /// A peer is killed; not on devnet.
    Peer(&'static str),
    /// The orderer is stopped; not on devnet.
    Orderer,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bank => f.write_str("bank"),
            Self::Vendor(number) => write!(f, "vendor-{number}"),
            Self::Chaincode(organization) => write!(f, "{organization}-chaincode"),
            Self::Peer(organization) => write!(f, "{organization}-peer"),
            Self::Orderer => f.write_str("orderer"),
        }
    }
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// How long everything is left alone before it.
    pub quiet: Duration,
    /// What ends.
    pub target: Target,
    /// How long it stays away, beside the time that its start takes.
    pub away: Duration,
}

/// What goes wrong, without end.
#[derive(Debug, Clone)]
pub struct Troubles {
    dice: Dice,
    is_fabric: bool,
}

impl Troubles {
    /// Those of a network: devnet is one process, so only chaincodes can be killed there.
    #[must_use]
    pub fn of(seed: u64, is_fabric: bool) -> Self {
        Self { dice: Dice::new(seed, 0), is_fabric }
    }

    /// The next one.
    pub fn next_trouble(&mut self) -> Trouble {
        const ORGANIZATIONS: [(u32, &str); 3] = [(1, "bank"), (1, "client"), (1, "vendor")];
        let dice = &mut self.dice;
        let organization = dice.weighted("bank", &ORGANIZATIONS);
        let vendor = usize::try_from(dice.between(0, 2)).unwrap_or(0) % VENDORS;
        let network: &[(u32, Target)] = if self.is_fabric {
            &[(1, Target::Chaincode(organization)), (1, Target::Peer(organization)), (1, Target::Orderer)]
        } else {
            &[(2, Target::Chaincode(organization))]
        };
        let daemons = [(3, Target::Bank), (4, Target::Vendor(vendor))];
        Trouble {
            quiet: dice.millis(2_500, 7_000),
            target: dice.weighted(Target::Bank, &[&daemons, network].concat()),
            away: dice.millis(50, 1_500),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_schedule_follows_from_the_seed() {
        let visits = |seed| {
            let mut visits = Visits::of(seed, 3);
            (0..50).map(|_| visits.next_visit()).collect::<Vec<_>>()
        };
        assert_eq!(visits(5), visits(5));
        assert_ne!(visits(5), visits(6));
    }

    #[test]
    fn every_plan_comes_and_every_visit_can_be_paid() {
        let mut visits = Visits::of(1, 0);
        let mut plans = BTreeSet::new();
        for _ in 0..600 {
            let visit = visits.next_visit();
            let paid: u32 = visit.bursts.iter().map(|burst| burst.count * burst.units).sum();
            assert!(paid < visit.count && visit.price * 4 <= 10_000_000);
            plans.insert(visit.plan);
        }
        assert_eq!(plans.len(), Plan::WEIGHTS.len());
    }

    #[test]
    fn devnet_keeps_its_peers_and_its_orderer() {
        let targets = |is_fabric| {
            let mut troubles = Troubles::of(2, is_fabric);
            (0..300).map(|_| troubles.next_trouble().target).collect::<BTreeSet<_>>()
        };
        let apart = |target: &Target| matches!(target, Target::Peer(_) | Target::Orderer);
        assert!(!targets(false).iter().any(apart));
        assert_eq!(targets(true).iter().filter(|target| apart(target)).count(), 4);
    }
}
