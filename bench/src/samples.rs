//! Times of repeated runs, and what they come to.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::results::{PhaseRow, Spread};

/// Median and quartiles of samples, by linear interpolation between the two nearest; zeros for no sample.
pub(crate) fn spread(samples: &[f64]) -> Spread {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let runs = u32::try_from(sorted.len()).unwrap_or(u32::MAX);
    Spread { median_s: quantile(&sorted, 2), q1_s: quantile(&sorted, 1), q3_s: quantile(&sorted, 3), runs }
}

/// The quantile at so many quarters of sorted samples.
fn quantile(sorted: &[f64], quarters: usize) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = last * quarters;
    let (below, rest) = (place / 4, place % 4);
    let at = |index: usize| sorted.get(index.min(last)).copied().unwrap_or_default();
    let share = f64::from(u32::try_from(rest).unwrap_or_default()) / 4.0;
    at(below) + (at(below + 1) - at(below)) * share
}

/// The samples of one cell: by phase, the times of its runs and the bytes that one run sends.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    phases: BTreeMap<&'static str, (Vec<f64>, u64)>,
}

impl Cell {
    /// Takes the time of one run.
    pub(crate) fn add(&mut self, phase: &'static str, time: Duration) {
        self.phases.entry(phase).or_default().0.push(time.as_secs_f64());
    }

    /// Says how many bytes a run of the phase sends, both directions.
    pub(crate) fn bytes(&mut self, phase: &'static str, bytes: usize) {
        self.phases.entry(phase).or_default().1 = u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// The rows of the table.
    pub(crate) fn rows(self, mode: &str, payments: u32, amount: u32) -> Vec<PhaseRow> {
        let row = |(phase, (samples, bytes)): (&str, (Vec<f64>, u64))| PhaseRow {
            phase: phase.to_owned(),
            mode: mode.to_owned(),
            payments,
            amount,
            spread: spread(&samples),
            bytes,
        };
        self.phases.into_iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_the_nearest_samples() {
        let found = spread(&[4.0, 1.0, 3.0, 2.0]);
        assert_eq!((found.q1_s, found.median_s, found.q3_s, found.runs), (1.75, 2.5, 3.25, 4));
        let one = spread(&[7.0]);
        assert_eq!((one.q1_s, one.median_s, one.q3_s), (7.0, 7.0, 7.0));
        let odd = spread(&[5.0, 1.0, 9.0]);
        assert_eq!((odd.q1_s, odd.median_s, odd.q3_s), (3.0, 5.0, 7.0));
        assert_eq!(spread(&[]).runs, 0);
    }
}
