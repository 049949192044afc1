//! Chance from a seed: the same seed gives the same draws with every version of every library.

use std::time::Duration;

/// A row of draws (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The draws of one actor: actors with different numbers draw independently.
    #[must_use]
    pub fn new(seed: u64, actor: u64) -> Self {
        let mut dice = Self(seed ^ actor.wrapping_mul(0xD134_2543_DE82_EF95));
        // Seeds that differ little begin alike.
        dice.draw();
        dice
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u32, most: u32) -> u32 {
        let span = u64::from(most.saturating_sub(least)) + 1;
        // The remainder is below 2^32, so the sum stays within `most`.
        u32::try_from(self.draw() % span).map_or(least, |more| least.saturating_add(more))
    }

    /// A time from `least` to `most` milliseconds.
    pub fn millis(&mut self, least: u32, most: u32) -> Duration {
        Duration::from_millis(self.between(least, most).into())
    }

    /// True once in `times` draws.
    pub fn once_in(&mut self, times: u32) -> bool {
        self.between(1, times) == 1
    }

    /// One of several, each as often as its weight says.
    pub fn weighted<T: Copy>(&mut self, first: T, choices: &[(u32, T)]) -> T {
        let sum: u32 = choices.iter().map(|(weight, _)| weight).sum();
        let mut left = self.between(1, sum.max(1));
        for (weight, choice) in choices {
            if left <= *weight {
                return *choice;
            }
            left -= weight;
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_no_other() {
        let draws = |seed, actor| {
            let mut dice = Dice::new(seed, actor);
            (0..8).map(|_| dice.between(0, 1000)).collect::<Vec<_>>()
        };
        assert_eq!(draws(7, 1), draws(7, 1));
        assert_ne!(draws(7, 1), draws(7, 2));
        assert_ne!(draws(7, 1), draws(8, 1));
        assert_eq!(Dice::new(7, 1).draw(), 0x45DD_5FF6_E31D_6687, "the draws of earlier releases change");
    }

    #[test]
    fn weights_and_bounds_hold() {
        let mut dice = Dice::new(1, 0);
        let mut heavy = 0;
        for _ in 0..4000 {
            assert!((3..=5).contains(&dice.between(3, 5)));
            heavy += u32::from(dice.weighted(0, &[(3, 1), (1, 0)]) == 1);
        }
        assert!((2800..3200).contains(&heavy), "{heavy}");
    }
}
