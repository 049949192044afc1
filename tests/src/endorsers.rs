//! Chaincode processes of some organisations replaced by others for a scenario, and put back whatever happens.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::contract::As;
use crate::liar::LIE;
use crate::process;
use crate::runtime::block_on;
use crate::scenario::{Context, Failure};

/// How long the network may take until it answers through processes that were just started.
const READY: Duration = Duration::from_secs(60);

/// How long to wait before it is asked again.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(200);

/// Organisations whose chaincode is `lockstep-liar` until this is dropped.
#[derive(Debug)]
pub struct Liars<'a> {
    context: &'a Context,
    organizations: Vec<String>,
}

impl<'a> Liars<'a> {
    /// Puts the liar into the place of these organisations' chaincode, with a clock that is off by so many milliseconds.
    ///
    /// # Errors
    /// If a process does not start or the network does not answer through it.
    pub fn take_the_place_of(
        context: &'a Context,
        organizations: &[&str],
        clock_off_by: i64,
    ) -> Result<Self, Failure> {
        let organizations = organizations.iter().map(|msp_id| (*msp_id).to_owned()).collect();
        let liars = Self { context, organizations };
        liars.run("lockstep-liar", clock_off_by)?;
        Ok(liars)
    }

    /// Puts the honest chaincode back.
    ///
    /// # Errors
    /// If a process does not start or the network does not answer through it.
    pub fn put_back(mut self) -> Result<(), Failure> {
        let organizations = std::mem::take(&mut self.organizations);
        let honest = Self { context: self.context, organizations };
        let run = honest.run("lockstep-chaincode", 0);
        if run.is_ok() {
            std::mem::forget(honest);
        }
        run
    }

    /// `scripts/deploy` knows how the processes are started and keeps their records.
    fn run(&self, program: &str, clock_off_by: i64) -> Result<(), Failure> {
        if self.organizations.is_empty() {
            return Ok(());
        }
        let programs = &self.context.programs;
        let mut command = Command::new("scripts/deploy");
        command.arg("--profile").arg(&self.context.profile_file);
        for msp_id in &self.organizations {
            command.args(["--organization", msp_id]);
        }
        command.arg("--start").arg("--binary").arg(programs.join(program));
        command.env("LOCKSTEP_BIN", programs.join("lockstep"));
        command.env("LOCKSTEP_LIAR_CLOCK_OFF_BY", clock_off_by.to_string());
        process::run(command)?;
        self.organizations.iter().try_for_each(|msp_id| self.answers(msp_id))
    }

    /// Waits until the organisation's peer answers through its chaincode, with a refusal of the contract's own.
    fn answers(&self, msp_id: &str) -> Result<(), Failure> {
        let give_up = Instant::now() + READY;
        block_on(async {
            let contract = self.context.contract("the network answers", msp_id, As::User)?;
            let contract = self.context.unobserved(&contract);
            loop {
                let call = contract.evaluate("ask", LIE, &[]).await;
                if call.refusal().is_ok() {
                    return Ok(());
                }
                if Instant::now() >= give_up {
                    return Err(Failure::new(format!("{msp_id} does not answer: {:?}", call.outcome)));
                }
                tokio::time::sleep(BETWEEN_QUESTIONS).await;
            }
        })
    }
}

impl Drop for Liars<'_> {
    fn drop(&mut self) {
        if let Err(failure) = self.run("lockstep-chaincode", 0) {
            eprintln!("the honest chaincode is not back: {failure}");
        }
    }
}
