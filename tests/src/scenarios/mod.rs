//! What must hold, on devnet and on Fabric alike.

mod arguments;
mod closes;
mod crowd;
mod openings;

use crate::scenario::Scenario;

/// Every scenario, in the order in which a reader meets the channel's life.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [openings::SCENARIOS, closes::SCENARIOS, arguments::SCENARIOS, crowd::SCENARIOS].concat()
}
