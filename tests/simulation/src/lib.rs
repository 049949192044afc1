//! Histories of bank, vendor, client and ledger on a virtual clock, made from a seed, with named invariants checked after every event.
//!
//! | party | what runs here is its own | what is modelled |
//! | --- | --- | --- |
//! | client | `lockstep::wallet::Machine`: paying, comparing, stopping, releasing; what it saves and sends | its journal's conditions, the order of saving and sending |
//! | vendor | `lockstep::vendor::Machine`: judging, repeats, acknowledging; `lockstep::vendor::Dates`; `protocol::payee`, the walk, the closes | journal, view of the ledger, and the settlement's steps, which in the vendor are woven into its I/O |
//! | bank | `lockstep::bank::keeper::next_step`, `protocol::posting` | the books (SQL in the bank), its log of openings, suspense |
//! | ledger | `protocol::rules`, with two endorsers' clocks and versions of records | ordering |
//!
//! The network loses, repeats and reorders everything, which TLS would not. Clocks of client and vendor are off by up to 1.5 D and are
//! set at any time; those of bank and endorsers are within D of each other. A vendor is up again within L, and so are its transactions
//! committed: that is what its safety margin is made of [Spec §6]. Signatures are real, and half of the time
//! goes into them. What a pure function gave for the same arguments in another history is not computed again (`cache.rs`).
//!
//! Left to chance hardly a history would come to a second payment. So a history begins with the usual course of a channel, in most of
//! them with a death in it, and takes it up again between what is drawn at random; [`Total`] counts how far histories came.
//!
//! **What this shows**: the cores and the rules hold together, whatever the order of events. Eight planted defects ([`Planted`], in the
//! models here and never in the product) are each found within a few hundred histories, and the tests name the invariant of each.
//!
//! **What it does not show**: anything of the code that is only modelled: redb and SQL, gRPC, threads, the driver, the vendor's
//! settlement, suspense. Those have tests of their own, the end-to-end scenarios and `scripts/storm`. One client and one vendor have two channels of a
//! few units; a vendor's store is never rolled back, because nothing protects a vendor from losing its own store; reputations are left out.

mod action;
mod bank;
mod cache;
mod cheat;
mod driver;
mod fixture;
mod guide;
mod invariant;
mod journal;
mod ledger;
mod network;
mod reached;
mod trouble;
mod vendor;
mod wallet;
mod world;

pub use action::{Action, Role, Setup, history};
pub use invariant::Broken;
pub use reached::{Lived, Stage, Total};
pub use world::Planted;

use proptest::strategy::{BoxedStrategy, Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::world::World;

/// A history in which an invariant does not hold.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Gives the same history again.
    pub seed: u64,
    /// What does not hold in the shrunk history.
    pub broken: Broken,
    /// Who is who.
    pub setup: Setup,
    /// The shrunk history; the invariant is broken by its last event, or at the end that follows it.
    pub actions: Vec<Action>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} is broken: {}", self.broken.invariant, self.broken.found)?;
        writeln!(f, "replay: cargo run -p lockstep-simulation -- --histories 1 --seed {}", self.seed)?;
        writeln!(f, "{:?}", self.setup)?;
        self.actions.iter().try_for_each(|action| writeln!(f, "  {action:?}"))
    }
}

impl std::error::Error for Failure {}

thread_local! {
    /// Made once in a thread, not for each of its histories.
    static HISTORIES: BoxedStrategy<(Setup, Vec<Action>)> = history().boxed();
}

/// Lives through one history.
///
/// # Errors
/// The first invariant that does not hold, and the events up to there, none of which depends on the state.
pub fn live(setup: Setup, actions: &[Action], planted: Planted) -> Result<Lived, (Broken, Vec<Action>)> {
    let mut world = World::new(setup, planted);
    let mut lived = Vec::with_capacity(actions.len());
    for action in actions {
        let action = world.resolve(*action);
        lived.push(action);
        world.step(action);
        if let Err(broken) = invariant::check(&world) {
            return Err((broken, lived));
        }
    }
    world.end();
    match invariant::check_end(&world) {
        Ok(()) => Ok(Lived::of(&world, lived.len())),
        Err(broken) => Err((broken, lived)),
    }
}

/// Makes the history of a seed and lives through it; one that fails is shrunk.
///
/// # Errors
/// [`Failure`].
///
/// # Panics
/// Never: the generator filters nothing out.
pub fn try_seed(seed: u64, planted: Planted) -> Result<Lived, Box<Failure>> {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(seed.to_be_bytes()).for_each(|(to, from)| *to = from);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut tree = HISTORIES.with(|histories| histories.new_tree(&mut runner)).expect("nothing is filtered");
    let (setup, actions) = tree.current();
    let (broken, actions) = match live(setup, &actions, planted) {
        Ok(lived) => return Ok(lived),
        Err(failed) => failed,
    };
    let mut failure = Failure { seed, broken, setup, actions };
    'shrinking: while tree.simplify() {
        loop {
            let (setup, actions) = tree.current();
            match live(setup, &actions, planted) {
                Err((broken, actions)) if broken.invariant == failure.broken.invariant => {
                    failure = Failure { seed, broken, setup, actions };
                    break;
                }
                // It does not fail any more, or otherwise: less simple again.
                _ if tree.complicate() => {}
                _ => break 'shrinking,
            }
        }
    }
    failure.shorten(planted);
    Err(Box::new(failure))
}

impl Failure {
    /// Leaves out every event without which the same invariant breaks.
    fn shorten(&mut self, planted: Planted) {
        let mut at = self.actions.len();
        while let Some(next) = at.checked_sub(1) {
            at = next;
            let mut fewer = self.actions.clone();
            fewer.remove(at);
            if let Err((broken, actions)) = live(self.setup, &fewer, planted)
                && broken.invariant == self.broken.invariant
            {
                (self.broken, self.actions) = (broken, actions);
                // What an event was needed for may be gone now.
                at = self.actions.len();
            }
        }
    }
}
