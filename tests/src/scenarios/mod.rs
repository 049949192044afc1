//! What must hold, on devnet and on Fabric alike.

mod arguments;
mod closes;
mod crowd;
mod endings;
mod frozen;
mod openings;
mod payments;
mod settlement;
mod unreleased;

use crate::scenario::Scenario;

/// Every scenario, in the order in which a reader meets the channel's life.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [
        settlement::SCENARIOS,
        unreleased::SCENARIOS,
        openings::SCENARIOS,
        closes::SCENARIOS,
        endings::SCENARIOS,
        frozen::SCENARIOS,
        payments::SCENARIOS,
        arguments::SCENARIOS,
        crowd::SCENARIOS,
    ]
    .concat()
}
