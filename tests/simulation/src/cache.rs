//! Results of the protocol's pure functions, kept for arguments that were seen before. Histories share keys, openings and the steps
//! of their clocks, so most of what a signature is made or verified for comes again in another history. The functions know nothing
//! of it: what is kept is what they returned for the same arguments.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Most results kept of one function; then it begins anew.
const MOST: usize = 20_000;

/// What a function gave. `place` and arguments together are all that it depends on.
#[derive(Debug)]
pub(crate) struct Cache<P, A, R> {
    known: Mutex<(usize, BTreeMap<P, Vec<(A, R)>>)>,
}

impl<P: Ord, A: PartialEq + Clone, R: Clone> Cache<P, A, R> {
    pub(crate) const fn new() -> Self {
        Self { known: Mutex::new((0, BTreeMap::new())) }
    }

    /// What `function` gives for these arguments; `place` is the part of them that is quickly found.
    pub(crate) fn get(&self, place: P, arguments: &A, function: impl FnOnce() -> R) -> R {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let at_place = known.1.get(&place).into_iter().flatten();
        if let Some((_, result)) = at_place.into_iter().find(|(same, _)| same == arguments) {
            return result.clone();
        }
        drop(known);
        let result = function();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 >= MOST {
            *known = (0, BTreeMap::new());
        }
        known.0 += 1;
        known.1.entry(place).or_default().push((arguments.clone(), result.clone()));
        result
    }
}
