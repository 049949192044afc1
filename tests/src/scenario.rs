//! What a scenario is, how it fails, and what it is given.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use lockstep::ledger::profile::Profile;
use lockstep_protocol::{LedgerId, ShortText};

use crate::contract::{As, ObservedContract};
use crate::observation::Recorder;

/// Why a scenario failed, or that it cannot be played.
pub struct Failure {
    text: String,
    unplayed: Option<Unplayed>,
}

/// Why a scenario has not been played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unplayed {
    /// Devnet lacks what it needs, which every other network has.
    OnDevnet,
    /// The machine lacks it, whatever the network.
    OnThisMachine,
}

impl Failure {
    /// A failure in words.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), unplayed: None }
    }

    /// What a scenario needs is not to be had on devnet, and why; it counts as skipped there and as failed anywhere else.
    pub fn not_applicable(why: impl Into<String>) -> Self {
        Self { text: why.into(), unplayed: Some(Unplayed::OnDevnet) }
    }

    /// What a scenario needs is not to be had on this machine, and why; it counts as skipped on every network.
    pub fn not_possible_here(why: impl Into<String>) -> Self {
        Self { text: why.into(), unplayed: Some(Unplayed::OnThisMachine) }
    }

    /// Whether the scenario counts as skipped on a network, by its name in the profile.
    #[must_use]
    pub fn is_skipped_on(&self, network: &str) -> bool {
        match self.unplayed {
            None => false,
            Some(Unplayed::OnDevnet) => network == "devnet",
            Some(Unplayed::OnThisMachine) => true,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Every error of a library fails a scenario, with all its causes.
impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(text)
    }
}

/// Fails the scenario unless the two are equal.
///
/// # Errors
/// If they differ, with both and what they are.
pub fn expect_eq<T: PartialEq + fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(Failure::new(format!("{what}: expected {expected:?}, found {found:?}")))
}

/// What every scenario is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// The network.
    pub profile: Arc<Profile>,
    /// The file that the profile was read from, for the programs under test.
    pub profile_file: PathBuf,
    /// The folder in which the programs under test lie.
    pub programs: PathBuf,
    /// What is seen.
    pub recorder: Arc<Recorder>,
}

impl Context {
    /// The contract, observed for a scenario.
    ///
    /// # Errors
    /// If the profile's files cannot be used.
    pub fn contract(
        &self,
        scenario: &'static str,
        msp_id: &str,
        caller: As,
    ) -> Result<ObservedContract, Failure> {
        ObservedContract::new(&self.profile, msp_id, caller, Arc::clone(&self.recorder), scenario)
    }

    /// The same contract, whose calls are not recorded: how many there are, or how they end, is chance.
    #[must_use]
    pub fn unobserved(&self, contract: &ObservedContract) -> ObservedContract {
        contract.recording_to(Arc::new(Recorder::default()))
    }

    /// The ledger's id [Spec §1].
    ///
    /// # Errors
    /// If a name in the profile is too long.
    pub fn ledger_id(&self) -> Result<LedgerId, Failure> {
        let name = |text: &str| ShortText::new(text).map_err(Failure::from);
        Ok(LedgerId::of(&name(&self.profile.channel)?, &name(&self.profile.chaincode)?))
    }
}

/// A scenario: a name and what it does. It runs on either network.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name, as in the result and in the recording.
    pub name: &'static str,
    /// What it does; waits as long as it must, with deadlines of its own.
    pub run: fn(&Context) -> Result<(), Failure>,
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}
