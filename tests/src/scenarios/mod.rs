//! What must hold, on devnet and on Fabric alike.

mod arguments;
mod cheats;
mod closes;
mod collusion;
mod crashes;
mod crowd;
mod disks;
mod endings;
mod faults;
mod frozen;
mod openings;
mod payments;
mod races;
mod restored;
mod settlement;
mod stale;
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
        races::SCENARIOS,
        frozen::SCENARIOS,
        payments::SCENARIOS,
        cheats::SCENARIOS,
        stale::SCENARIOS,
        crashes::SCENARIOS,
        disks::SCENARIOS,
        arguments::SCENARIOS,
        crowd::SCENARIOS,
        restored::SCENARIOS,
        collusion::SCENARIOS,
        faults::SCENARIOS,
    ]
    .concat()
}
