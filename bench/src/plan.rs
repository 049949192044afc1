//! What is measured, and how often.

/// Counts, amounts and repeats of one kind of measurement.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Payments in a channel.
    pub counts: Vec<u32>,
    /// Dollars in a payment.
    pub amounts: Vec<u32>,
    /// Least repeats of a cell.
    pub repeats: u32,
    /// Repeats of a cell of more than 1,000 payments.
    pub large_repeats: u32,
    /// Payments that a cell's repeats must come to at least.
    pub operations: u32,
}

impl Grid {
    /// The cells, small ones first.
    pub fn cells(&self) -> impl Iterator<Item = (u32, u32)> {
        self.counts.iter().flat_map(|count| self.amounts.iter().map(|amount| (*count, *amount)))
    }

    /// How often a cell is repeated.
    #[must_use]
    pub fn runs(&self, count: u32) -> u32 {
        let least = if count > 1000 { self.large_repeats } else { self.repeats };
        least.max(self.operations.div_ceil(count.max(1)))
    }
}

/// An experiment.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name in the results.
    pub name: &'static str,
    /// Phases in process.
    pub in_process: Grid,
    /// Phases with the paper's mock signatures.
    pub paper: Grid,
    /// Phases over TLS, both sides durable.
    pub tls: Grid,
    /// Phases in Python.
    pub python: Grid,
    /// Interleaved runs of each ratio.
    pub ratio_runs: u32,
    /// Payments of a ratio.
    pub ratio_payments: u32,
    /// Channels that are opened and closed in each way on each network.
    pub uploads: u32,
    /// Payments in the channels whose cost is followed.
    pub growth: Vec<u32>,
    /// Sizes of the committees.
    pub committees: Vec<u32>,
    /// Payments over each scheme, and repeats.
    pub committee_payments: (u32, u32),
}

/// The paper's six counts between 10 and 1,000, and its 10,000.
const COUNTS: [u32; 7] = [10, 50, 100, 200, 500, 1000, 10_000];
/// The paper's amounts.
const AMOUNTS: [u32; 3] = [1, 5, 10];

fn grid(counts: &[u32], amounts: &[u32], repeats: u32, large_repeats: u32, operations: u32) -> Grid {
    Grid { counts: counts.to_vec(), amounts: amounts.to_vec(), repeats, large_repeats, operations }
}

impl Plan {
    /// The whole experiment: twenty minutes on two cores.
    #[must_use]
    pub fn full() -> Self {
        Self {
            name: "full",
            in_process: grid(&COUNTS, &AMOUNTS, 30, 30, 900),
            paper: grid(&COUNTS, &AMOUNTS, 30, 30, 900),
            tls: grid(&COUNTS, &AMOUNTS, 30, 8, 900),
            python: grid(&COUNTS, &AMOUNTS, 30, 5, 900),
            ratio_runs: 31,
            ratio_payments: 10_000,
            uploads: 50,
            growth: vec![10, 100, 1000, 10_000, 100_000, 1_000_000],
            committees: vec![4, 7, 10],
            committee_payments: (100, 9),
        }
    }

    /// Two minutes.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            name: "quick",
            in_process: grid(&[10, 100, 1000, 10_000], &AMOUNTS, 5, 2, 0),
            paper: grid(&[10, 100, 1000, 10_000], &AMOUNTS, 10, 5, 0),
            tls: grid(&[10, 100, 1000], &[10], 3, 1, 0),
            python: grid(&[10, 100, 1000], &[10], 3, 1, 0),
            ratio_runs: 7,
            ratio_payments: 10_000,
            uploads: 5,
            growth: vec![10, 1000, 10_000],
            committees: vec![4],
            committee_payments: (50, 2),
        }
    }

    /// A few seconds: the command itself, for the project's tests.
    #[must_use]
    pub fn tiny() -> Self {
        Self {
            name: "tiny",
            in_process: grid(&[3, 10], &[1, 10], 2, 1, 0),
            paper: grid(&[3, 10], &[1, 10], 2, 1, 0),
            tls: grid(&[3], &[1], 1, 1, 0),
            python: grid(&[3], &[1], 1, 1, 0),
            ratio_runs: 3,
            ratio_payments: 20,
            uploads: 1,
            growth: vec![3],
            committees: vec![4],
            committee_payments: (3, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_full_plan_has_900_operations_and_most_have_30_runs() {
        let plan = Plan::full();
        for grid in [&plan.in_process, &plan.paper, &plan.tls, &plan.python] {
            for (count, _) in grid.cells() {
                assert!(grid.runs(count) * count >= 900);
                assert!(grid.runs(count) >= 30 || count > 1000);
            }
        }
        assert_eq!(plan.in_process.runs(10), 90);
    }
}
