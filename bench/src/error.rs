//! Why an experiment did not come to its end.

use std::path::PathBuf;

use lockstep::entropy::NoEntropy;

/// Why an experiment did not come to its end. What was measured before stays in the journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A file of the output folder.
    #[error("cannot use {}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The journal in the output folder is of another experiment.
    #[error("{} holds an interrupted run of {found}, and this is {wanted}", path.display())]
    OtherRun {
        /// The journal.
        path: PathBuf,
        /// What it is of.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// A document that this program wrote cannot be read back.
    #[error("{what} is not what this program writes")]
    Document {
        /// Which document.
        what: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The protocol refused something that the experiment did rightly: a defect.
    #[error("the protocol refused {step}: {reason}")]
    Protocol {
        /// What was done.
        step: &'static str,
        /// What it said.
        reason: String,
    },
    /// A measured part gave something other than what it must: its time is worth nothing.
    #[error("{0} gave a wrong result, so its time is worth nothing")]
    WrongResult(&'static str),
    /// A program that is measured beside.
    #[error("{program} failed: {reason}")]
    Program {
        /// The program.
        program: String,
        /// What it said.
        reason: String,
    },
    /// The network.
    #[error("the network in {} cannot be used: {reason}", profile.display())]
    Network {
        /// Its profile.
        profile: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A figure cannot be drawn.
    #[error("the figure {figure} cannot be drawn: {reason}")]
    Figure {
        /// Its file.
        figure: String,
        /// What the drawing library said.
        reason: String,
    },
    /// Interrupted by Ctrl-C or SIGTERM.
    #[error("interrupted; the same command goes on where this one stopped")]
    Interrupted,
    /// There is no randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

impl BenchError {
    /// A step of the protocol that was refused.
    pub(crate) fn protocol(step: &'static str) -> impl Fn(&dyn std::fmt::Display) -> Self {
        move |reason| Self::Protocol { step, reason: reason.to_string() }
    }
}

/// Names the step at which the protocol refused.
pub(crate) trait Step<T> {
    /// The value, or the refusal as a [`BenchError`].
    fn step(self, step: &'static str) -> Result<T, BenchError>;
}

impl<T, E: std::fmt::Display> Step<T> for Result<T, E> {
    fn step(self, step: &'static str) -> Result<T, BenchError> {
        self.map_err(|error| BenchError::protocol(step)(&error))
    }
}
